"""Touches that came, changed or went when a conversion after them was stored already reach its records."""

from django.db import connection, transaction

from attribution.models import Run
from attribution.operations.runs import start_run

# Leads a run: what one is given is kept with it.
LEADS_AT_ONCE = 20_000
# Two at once take different notes.
TAKE = """
    WITH taken AS (
        DELETE FROM touchpoints_latelead WHERE id IN (
            SELECT id FROM touchpoints_latelead ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
        ) RETURNING lead_id
    ) SELECT DISTINCT lead_id FROM taken ORDER BY lead_id"""


def calculate_late_touches() -> list[Run]:
    """Start runs over the leads that the database noted (`touchpoints.LateLead`); none where there is no note.

    A run and not a calculation on the spot: where frozen records forbid the new result, its findings tell it.
    """
    runs = []
    while run := _calculate_some():
        runs.append(run)
    return runs


@transaction.atomic
def _calculate_some() -> Run | None:
    """The notes go when the run is there: neither is lost with a worker that dies."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [LEADS_AT_ONCE])
        leads = [lead for (lead,) in cursor.fetchall()]
    return start_run(lead_ids=leads) if leads else None
