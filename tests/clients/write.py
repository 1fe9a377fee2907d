"""Writes what is generated from the schema and kept in the repository: `make schema`."""

import os
from pathlib import Path

import django

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
SCHEMA, TYPES = CLIENTS / "openapi.json", CLIENTS / "typescript" / "src" / "schema.d.ts"


def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
    django.setup()
    from attribution_site.api.schema import pages
    from tests.clients import node

    SCHEMA.write_text(pages.document())
    node.main()
    node.types_of(SCHEMA, to=TYPES)


if __name__ == "__main__":
    main()
