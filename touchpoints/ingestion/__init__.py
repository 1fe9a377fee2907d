"""The lean door that touches come in by: `docs/ingestion.md` tells how it works and what it promises."""
