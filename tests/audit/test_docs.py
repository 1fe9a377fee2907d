"""docs/audit.md names every table that is under audit, as the code has it."""

from pathlib import Path

from attribution_site.audit.tracking import event_models

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def row_of(events):
    tracked = events.pgh_tracked_model._meta
    kept = {field.column for field in events._meta.concrete_fields}
    left_out = sorted(field.column for field in tracked.concrete_fields if field.column not in kept)
    noted = "every row" if events.is_complete else "changed rows"
    return f"| `{tracked.db_table}` | {noted} | {', '.join(left_out)} |"


def test_the_tables_under_audit_are_those_of_the_page():
    expected = sorted(row_of(events) for events in event_models())
    lines = PAGE.read_text().splitlines()
    assert [line for line in lines if "| every row |" in line or "| changed rows |" in line] == expected
