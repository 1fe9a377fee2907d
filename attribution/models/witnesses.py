"""Journeys are kept beside records, so that these can be calculated again: witnesses of rows that have no audit event.

A touch, a conversion or a record that was never changed by the ordinary way is still what its journey says. A record
under which money was decided has been changed, so that one without an event is decided by nobody. What is no part of
any journey, and moved no money, has no witness."""

from typing import Any

from attribution.models.adjustments import Adjustment
from attribution.models.records import FROZEN, AttributionRecord, KeptJourney
from attribution_site.audit.witnesses import witness
from conversions.models import Conversion
from touchpoints.models import Touchpoint


def _events(model: Any) -> str:
    return model.pgh_event_model._meta.db_table


NAMES = {
    "records": AttributionRecord._meta.db_table,
    "record_events": _events(AttributionRecord),
    "adjustments": Adjustment._meta.db_table,
    "journeys": KeptJourney._meta.db_table,
    "conversions": Conversion._meta.db_table,
    "conversion_events": _events(Conversion),
    "touchpoints": Touchpoint._meta.db_table,
    "touchpoint_events": _events(Touchpoint),
    "frozen": ", ".join(f"'{status}'" for status in FROZEN),
}
# A set, a conversion's records under one model, and the journey that it was made from: see the head of `kept`.
SETS = """
    sums AS (
        SELECT conversion_id, model, max(calculated_at) AS youngest, sum(credit) AS credit,
            sum(revenue_attributed) AS revenue, sum(commission_amount) AS commission
        FROM {records} GROUP BY conversion_id, model
    ), sets AS (
        SELECT DISTINCT ON (s.conversion_id, s.model) s.*, k.calculated_at AS kept_at, k.value_cents, k.commission_cents
        FROM sums s JOIN {journeys} k ON k.conversion_id = s.conversion_id
        ORDER BY s.conversion_id, s.model, k.calculated_at > s.youngest,
            abs(extract(epoch FROM k.calculated_at - s.youngest))
    )
"""
TOUCHES = """
    touches AS (
        SELECT k.conversion_id, k.calculated_at, (t->>0)::uuid AS id,
            ROW((t->>1)::bigint, t->>2, t->>3, t->>4, t->>5, t->>6) AS facts,
            -- The payee follows from the touch.
            CASE WHEN t->>2 = 'broker_referral' AND t->>6 IS NOT NULL THEN 'broker ' || (t->>6)
                WHEN t->>5 IS NOT NULL THEN 'partner ' || (t->>5)
                WHEN t->>6 IS NOT NULL THEN 'broker ' || (t->>6) ELSE 'house ' END AS payee
        FROM {journeys} k CROSS JOIN jsonb_array_elements(k.touches::jsonb) t
    )
"""
FACTS = """ROW((extract(epoch FROM {}) * 1000000)::bigint, {}::text, {}::text, {}::text, {}::text, {}::text)"""
OF_RECORD = FACTS.format("r.touched_at", "r.channel", "r.source", "r.campaign_id", "r.partner_id", "r.broker_id")
OF_TOUCH = FACTS.format("p.timestamp", "p.channel", "p.source", "p.campaign", "p.partner_id", "p.broker_id")

UNBALANCED = f"""
    WITH {SETS}, adjusted AS (
        SELECT r.conversion_id, r.model, sum(a.credit) AS credit, sum(a.revenue_amount) AS revenue,
            sum(a.commission_amount) AS commission
        FROM {{adjustments}} a JOIN {{records}} r ON r.id = a.record_id GROUP BY r.conversion_id, r.model
    ), stands AS (
        SELECT s.*, s.credit + coalesce(a.credit, 0) AS all_credit, s.revenue + coalesce(a.revenue, 0) AS all_revenue,
            s.commission + coalesce(a.commission, 0) AS all_commission
        FROM sets s LEFT JOIN adjusted a USING (conversion_id, model)
    )
    SELECT r.id::text, format('is of a set that is not what it was made from: %s of conversion %s add up to a credit of'
        ' %s, a revenue of %s and a commission of %s, and its journey has %s and %s', s.model, s.conversion_id,
        s.all_credit, s.all_revenue, s.all_commission, round(s.value_cents / 100.0, 2),
        round(s.commission_cents / 100.0, 2))
    FROM stands s JOIN {{records}} r USING (conversion_id, model)
    WHERE (abs(s.all_credit - 1) > 1e-9 OR s.all_revenue * 100 <> s.value_cents
            OR s.all_commission * 100 <> coalesce(s.commission_cents, 0))
        AND NOT EXISTS (SELECT FROM {{record_events}} e WHERE e.pgh_obj_id = r.id)
    ORDER BY r.conversion_id, r.id
"""
UNFOUNDED = f"""
    WITH {SETS}, {TOUCHES}
    SELECT r.id::text, CASE
        WHEN r.status IN ({{frozen}}) THEN format('is %s, and the log knows of nobody who decided it', r.status)
        WHEN s.kept_at IS NULL OR t.id IS NULL THEN 'is there, and no journey has its touch'
        ELSE 'is not what its journey says of the touch and its payee' END
    FROM {{records}} r LEFT JOIN sets s USING (conversion_id, model)
    LEFT JOIN touches t ON t.conversion_id = r.conversion_id AND t.calculated_at = s.kept_at AND t.id = r.touchpoint_id
    WHERE NOT EXISTS (SELECT FROM {{record_events}} e WHERE e.pgh_obj_id = r.id)
        AND (r.status IN ({{frozen}}) OR (r.settlement_id IS NULL
            -- Records that are older than the first journey were made before any was kept.
            AND r.calculated_at >= (SELECT min(calculated_at) FROM {{journeys}})
            AND (t.id IS NULL OR {OF_RECORD} IS DISTINCT FROM t.facts
                OR (NOT r.payee_pinned AND r.payee_type || ' ' || r.payee_id <> t.payee))))
"""
OTHER_CONVERSION = """
    WITH newest AS (
        SELECT DISTINCT ON (conversion_id) * FROM {journeys} ORDER BY conversion_id, calculated_at DESC
    )
    SELECT c.id::text, 'is not what the journey says that was calculated with'
    FROM {conversions} c JOIN newest k ON k.conversion_id = c.id
    WHERE ((c.value - c.reversed_amount) * 100, coalesce(c.commission_amount - c.reversed_commission, 0) * 100,
            c.currency, c.type, c.occurred_at)
        IS DISTINCT FROM (k.value_cents, coalesce(k.commission_cents, 0), k.currency, k.conversion_type, k.occurred_at)
        AND NOT EXISTS (SELECT FROM {conversion_events} e WHERE e.pgh_obj_id = c.id)
"""
OTHER_TOUCH = f"""
    WITH {TOUCHES}, newest AS (
        SELECT conversion_id, max(calculated_at) AS kept_at FROM {{journeys}} GROUP BY conversion_id
    )
    SELECT DISTINCT p.id::text, 'is not what the journey says that was calculated with'
    FROM touches t JOIN newest n ON n.conversion_id = t.conversion_id AND n.kept_at = t.calculated_at
    JOIN {{touchpoints}} p ON p.id = t.id
    WHERE {OF_TOUCH} IS DISTINCT FROM t.facts
        AND NOT EXISTS (SELECT FROM {{touchpoint_events}} e WHERE e.pgh_obj_id = p.id)
"""
for table, query in (
    ("records", UNBALANCED),
    ("records", UNFOUNDED),
    ("conversions", OTHER_CONVERSION),
    ("touchpoints", OTHER_TOUCH),
):
    witness(NAMES[table], query.format(**NAMES))
