"""What RULES.md promises of a conversion that is disputed, settled, calculated and reversed, as one query that finds
every breach of it."""

from django.db import connection

from attribution.models import EDGES

STANDS = """
WITH adjusted AS (
    SELECT record_id, count(*) AS times, sum(credit) AS credit, sum(revenue_amount) AS revenue,
        sum(commission_amount) AS commission
    FROM attribution_adjustment WHERE conversion_id = ANY(%(ids)s) GROUP BY record_id
), stands AS (
    SELECT r.id, r.conversion_id, r.model, r.payable, r.status, r.settlement_id, a.times IS NOT NULL AS is_adjusted,
        r.credit + coalesce(a.credit, 0) AS credit, r.revenue_attributed + coalesce(a.revenue, 0) AS revenue,
        r.commission_amount + coalesce(a.commission, 0) AS commission
    FROM attribution_attributionrecord r LEFT JOIN adjusted a ON a.record_id = r.id
    WHERE r.conversion_id = ANY(%(ids)s)
), sets AS (
    SELECT s.conversion_id, s.model, s.payable, sum(s.credit) AS credit, sum(s.revenue) AS revenue,
        sum(s.commission) AS commission,
        bool_or(s.status IN ('approved', 'disputed', 'paid') OR s.is_adjusted OR s.settlement_id IS NOT NULL)
            AS is_decided,
        c.value - c.reversed_amount AS left_value,
        coalesce(c.commission_amount, 0) - c.reversed_commission AS left_commission
    FROM stands s JOIN conversions_conversion c ON c.id = s.conversion_id
    GROUP BY s.conversion_id, s.model, s.payable, c.id
), mine AS (SELECT * FROM disputes_dispute WHERE conversion_id = ANY(%(ids)s)),
settled AS (SELECT * FROM attribution_settlement WHERE conversion_id = ANY(%(ids)s)),
lines AS (SELECT l.* FROM attribution_settlementline l JOIN settled s ON s.id = l.settlement_id)
"""
# What nobody decided yet may be older than its conversion until it is calculated again; nothing else may.
OUTDATED = "(revenue, commission) IS DISTINCT FROM (left_value, left_commission)"
BREACHES = [
    (
        "records and adjustments are not what is left",
        f"SELECT conversion_id, model FROM sets WHERE {OUTDATED} AND is_decided",
    ),
    ("credits are not 1", "SELECT conversion_id, model FROM sets WHERE abs(credit - 1) > 0.000000001"),
    (
        "two models pay",
        "SELECT conversion_id, '' FROM sets WHERE payable GROUP BY conversion_id HAVING count(*) > 1",
    ),
    (
        "a record is worth less than nothing, or more than all",
        """SELECT s.conversion_id, s.id::text FROM stands s JOIN sets USING (conversion_id, model)
           WHERE s.credit NOT BETWEEN 0 AND 1 OR s.revenue NOT BETWEEN 0 AND sets.revenue
              OR s.commission NOT BETWEEN 0 AND sets.commission""",
    ),
    (
        "a part without credit has money",
        "SELECT conversion_id, id::text FROM stands WHERE credit = 0 AND (revenue, commission) <> (0, 0)",
    ),
    (
        "disputed, and no dispute is open",
        """SELECT conversion_id, id::text FROM stands s WHERE status = 'disputed' AND NOT EXISTS (
           SELECT FROM mine WHERE record_id = s.id AND record_status_before <> ''
             AND status IN ('open', 'under_review', 'needs_information'))""",
    ),
    (
        "a dispute is open, and its record is not disputed",
        """SELECT m.conversion_id, m.number::text FROM mine m LEFT JOIN stands s ON s.id = m.record_id
           WHERE m.status IN ('open', 'under_review', 'needs_information') AND m.record_status_before <> ''
             AND s.status IS DISTINCT FROM 'disputed'""",
    ),
    (
        "two disputes of a payee about one record are open",
        """SELECT max(conversion_id::text)::uuid, record_id::text FROM mine
           WHERE status IN ('open', 'under_review', 'needs_information') AND record_id IS NOT NULL
           GROUP BY record_id, claimant_type, claimant_id HAVING count(*) > 1""",
    ),
    (
        "resolved with money, and no settlement, or the other way round",
        """SELECT s.conversion_id, s.id::text FROM settled s LEFT JOIN mine m ON m.id = s.dispute_id
           WHERE (m.status, m.settlement_id) IS DISTINCT FROM ('resolved', s.id)""",
    ),
    (
        "a settlement is not zero-sum",
        """SELECT s.conversion_id, s.id::text FROM settled s JOIN lines l ON l.settlement_id = s.id GROUP BY 1, 2
           HAVING sum(l.revenue_after - l.revenue_before) <> 0 OR sum(l.commission_after - l.commission_before) <> 0
              OR sum(l.credit_after) <> 1 OR max(s.revenue) <> sum(l.revenue_after)
              OR max(s.commission) <> sum(l.commission_after)""",
    ),
    (
        "a line of an adjustment was not booked as it says",
        """SELECT s.conversion_id, l.record_id::text FROM lines l JOIN settled s ON s.id = l.settlement_id
           LEFT JOIN attribution_adjustment a ON a.settlement_id = s.id AND a.record_id = l.record_id
           WHERE (l.how = 'adjustment' AND (a.credit, a.revenue_amount, a.commission_amount) IS DISTINCT FROM
                (l.credit_after - l.credit_before, l.revenue_after - l.revenue_before,
                 l.commission_after - l.commission_before))
              OR (l.how <> 'adjustment' AND a.id IS NOT NULL)""",
    ),
    (
        "adjusted, and was not decided",
        """SELECT s.conversion_id, l.record_id::text FROM lines l JOIN settled s ON s.id = l.settlement_id
           WHERE l.how = 'adjustment' AND l.status_before NOT IN ('approved', 'disputed', 'paid') AND NOT EXISTS (
               SELECT FROM attribution_adjustment a WHERE a.record_id = l.record_id AND a.created_at < s.created_at)""",
    ),
    (
        "a touch that was excluded counts again, and nobody gave it back",
        """SELECT b.conversion_id, l.touchpoint_id::text FROM settled a JOIN settled b
              ON b.conversion_id = a.conversion_id AND b.id > a.id
           JOIN lines l ON l.settlement_id = b.id AND l.touchpoint_id::text = a.question->>'touchpoint_id'
           WHERE a.way = 'exclude' AND l.credit_after > 0
             AND NOT coalesce(b.question->'undoes', '[]') @> to_jsonb(a.id::text) AND NOT EXISTS (
               SELECT FROM settled c JOIN lines m ON m.settlement_id = c.id AND m.touchpoint_id = l.touchpoint_id
               WHERE c.id > a.id AND c.id < b.id AND m.credit_after > 0)""",
    ),
    (
        "a size that was set by hand changed, and nobody confirmed that",
        """SELECT b.conversion_id, s.share->>'touchpoint_id' FROM settled a
           CROSS JOIN LATERAL jsonb_array_elements(a.question->'shares') s (share)
           JOIN settled b ON b.conversion_id = a.conversion_id AND b.id > a.id
           JOIN lines l ON l.settlement_id = b.id AND l.touchpoint_id::text = s.share->>'touchpoint_id'
              AND jsonb_build_array(l.payee_type, l.payee_id) = s.share->'payee'
           WHERE a.way = 'by_hand' AND NOT coalesce(b.question->'undoes', '[]') @> to_jsonb(a.id::text)
             AND NOT EXISTS (
               SELECT FROM settled c LEFT JOIN LATERAL jsonb_array_elements(c.question->'shares') t (share) ON true
               WHERE c.conversion_id = a.conversion_id AND c.id > a.id AND c.id < b.id
                 AND coalesce(c.question->>'touchpoint_id', t.share->>'touchpoint_id') = s.share->>'touchpoint_id')
           GROUP BY b.conversion_id, a.id, b.id, s.share
           HAVING abs(sum(l.credit_after - l.credit_before)) > 0.000000001
              AND abs(sum(l.credit_after) - (s.share->>'percentage')::numeric / 100) > 0.000000001""",
    ),
    (
        "who lost was not told",
        """SELECT s.conversion_id, l.payee_id FROM lines l JOIN settled s ON s.id = l.settlement_id
           WHERE l.payee_type <> 'house' AND NOT EXISTS (SELECT FROM disputes_party p WHERE p.dispute_id = s.dispute_id
               AND (p.payee_type, p.payee_id) = (l.payee_type, l.payee_id))
           GROUP BY 1, l.settlement_id, l.payee_type, l.payee_id
           HAVING sum(l.commission_after - l.commission_before + l.revenue_after - l.revenue_before) < 0""",
    ),
]
ALLOWED = ", ".join(f"('{before}', '{after}')" for before, afters in EDGES.items() for after in afters)
OWN_TO_AN_EVENT = (
    "before,status,pgh_id,pgh_label,pgh_created_at,pgh_before,pgh_context,pgh_cluster,pgh_xact,pgh_login,"
    "pgh_application,pgh_address"
)
# Each version of a record as the audit has it, beside the one before.
HISTORY = f"""
WITH versions AS (
    SELECT *, lag(to_jsonb(e)) OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id) AS before
    FROM attribution_attributionrecordevent e WHERE conversion_id = ANY(%(ids)s)
)
SELECT conversion_id, id::text FROM versions v WHERE before IS NOT NULL AND (
    (status <> before->>'status' AND (before->>'status', status) NOT IN ({ALLOWED}))
    OR (before->>'status' IN ('approved', 'disputed', 'paid')
        AND (to_jsonb(v) - '{{{OWN_TO_AN_EVENT}}}'::text[]) <> before - '{{{OWN_TO_AN_EVENT}}}'::text[])
)
"""
QUERY = STANDS + " UNION ALL ".join(
    f"SELECT '{what}' AS what, b.* FROM ({query}) b (conversion_id, which)" for what, query in BREACHES
)


def breaches(conversion_ids):
    """What is broken: (what, conversion, which), empty if all is well."""
    return _rows(QUERY, conversion_ids)


def forbidden_versions(conversion_ids):
    """Versions of records that a frozen one had no way to come to."""
    return _rows(HISTORY, conversion_ids)


def outdated(conversion_ids):
    """Sets that only a calculation brings up to date."""
    return _rows(f"{STANDS} SELECT conversion_id, model FROM sets WHERE {OUTDATED} AND NOT is_decided", conversion_ids)


def shares(conversion_id):
    """What each payee has of the conversion under the model that pays: revenue and commission."""
    query = """
        SELECT payee_type, payee_id, sum(revenue), sum(commission) FROM (
            SELECT payee_type, payee_id, revenue_attributed AS revenue, commission_amount AS commission
            FROM attribution_attributionrecord WHERE conversion_id = ANY(%(ids)s) AND payable
            UNION ALL
            SELECT payee_type, payee_id, revenue_amount, commission_amount
            FROM attribution_adjustment WHERE conversion_id = ANY(%(ids)s)
        ) all_parts GROUP BY 1, 2 HAVING sum(revenue) <> 0 OR sum(commission) <> 0 ORDER BY 1, 2"""
    return _rows(query, [conversion_id])


def _rows(query, conversion_ids):
    with connection.cursor() as cursor:
        cursor.execute(query, {"ids": list(conversion_ids)})
        return cursor.fetchall()
