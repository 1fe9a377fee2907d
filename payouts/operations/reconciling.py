"""The proof of the ledger: identities over the whole database, each a question that must have no answer."""

import time
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from attribution_site.errors import DomainError
from payouts.models import Reconciliation

KEPT = 100


class LedgerOff(DomainError):
    """The latest reconciliation found a difference: no payout goes on until one finds none."""

    code = "ledger_off"


@dataclass(frozen=True)
class Identity:
    """`offenders` selects what breaks it, a row an offender, with a text first that names it."""

    name: str
    says: str
    offenders: str


IDENTITIES = [
    Identity(
        "records_booked",
        "Each approved or paid record of a payee is one earning of the ledger, of its own share.",
        """SELECT 'record ' || r.id, r.commission_amount, e.share
        FROM attribution_attributionrecord r LEFT JOIN payouts_entry e ON e.record_id = r.id AND e.kind = 'earning'
        WHERE r.status IN ('approved', 'paid') AND r.payable AND r.payee_type <> 'house'
            AND (e.share, e.payee_type, e.payee_id, e.currency)
                IS DISTINCT FROM (r.commission_amount, r.payee_type::varchar, r.payee_id, r.currency)
            AND NOT EXISTS (SELECT FROM payouts_tobook b WHERE b.record_id = r.id)""",
    ),
    Identity(
        "entries_of_records",
        "Each earning is of a record that was approved.",
        """SELECT 'entry ' || e.id, e.amount, r.status
        FROM payouts_entry e LEFT JOIN attribution_attributionrecord r ON r.id = e.record_id
        WHERE e.kind = 'earning' AND (r.id IS NULL OR r.status NOT IN ('approved', 'paid', 'disputed'))""",
    ),
    Identity(
        "adjustments_booked",
        "Each adjustment of an earning's record is an entry.",
        """SELECT 'adjustment ' || a.id, a.commission_amount, NULL
        FROM attribution_adjustment a JOIN payouts_entry e ON e.record_id = a.record_id AND e.kind = 'earning'
        WHERE NOT EXISTS (SELECT FROM payouts_entry b WHERE b.adjustment_id = a.id)
            AND NOT EXISTS (SELECT FROM payouts_tobook b WHERE b.adjustment_id = a.id)
            AND NOT EXISTS (SELECT FROM payouts_tobook b WHERE b.record_id = a.record_id)""",
    ),
    Identity(
        "taken_back_in_full",
        "What is left of a record that lost all of its share is nothing, but for months that were earned.",
        """SELECT 'record ' || e.record_id, sum(e.amount), NULL
        FROM payouts_entry e
        WHERE e.record_id IN (
            SELECT r.id FROM attribution_attributionrecord r
            WHERE r.id IN (SELECT record_id FROM attribution_adjustment) AND r.revenue_attributed + r.commission_amount
                + (SELECT sum(a.revenue_amount + a.commission_amount) FROM attribution_adjustment a
                    WHERE a.record_id = r.id) = 0
        ) AND NOT EXISTS (SELECT FROM payouts_tobook b
                JOIN attribution_adjustment a ON a.id = b.adjustment_id WHERE a.record_id = e.record_id)
        GROUP BY e.record_id
        HAVING sum(e.amount) <> 0 AND NOT bool_or(coalesce(e.working ->> 'earned_months', '') <> '')""",
    ),
    Identity(
        "open_is_unpaid",
        "What is open is what is in no live payout, to the cent.",
        """SELECT 'entry ' || coalesce(o.entry_id, e.id), o.amount, e.amount
        FROM payouts_openentry o FULL JOIN (
            SELECT * FROM payouts_entry e WHERE e.kind <> 'payment'
                AND NOT EXISTS (SELECT FROM payouts_payoutline l WHERE l.entry_id = e.id AND l.live)
        ) e ON e.id = o.entry_id
        WHERE (o.amount, o.payee_type, o.payee_id, o.currency, o.booked_at, o.record_id)
            IS DISTINCT FROM (e.amount, e.payee_type, e.payee_id, e.currency, e.booked_at, e.record_id)""",
    ),
    Identity(
        "lines_of_entries",
        "Each live line is an entry of the payout's payee and currency, and of its amount.",
        """SELECT 'payout ' || p.number, l.amount, e.amount
        FROM payouts_payoutline l LEFT JOIN payouts_entry e ON e.id = l.entry_id
            LEFT JOIN payouts_payout p ON p.id = l.payout_id
        WHERE l.live AND (p.status = 'void' OR (l.amount, p.payee_type, p.payee_id, p.currency)
            IS DISTINCT FROM (e.amount, e.payee_type, e.payee_id, e.currency))""",
    ),
    Identity(
        "payouts_add_up",
        "Each live payout is the sum of its lines, and hashes them.",
        """SELECT 'payout ' || p.number, p.total, s.total
        FROM payouts_payout p, payouts_lines(p.id) s
        WHERE p.status <> 'void' AND ((p.total, p.line_count::bigint) IS DISTINCT FROM (s.total, s.count)
            OR (p.status <> 'draft' AND p.lines_hash <> s.hash))""",
    ),
    Identity(
        "payments_booked",
        "Each paid payout is one payment of its total, and no other payout is.",
        """SELECT 'payout ' || coalesce(p.number::text, e.payout_id::text), p.total, e.amount
        FROM (SELECT * FROM payouts_payout WHERE status = 'paid') p
            FULL JOIN (SELECT * FROM payouts_entry WHERE kind = 'payment') e ON e.payout_id = p.id
        WHERE -p.total IS DISTINCT FROM e.amount OR (p.payee_type, p.payee_id, p.currency)
            IS DISTINCT FROM (e.payee_type, e.payee_id, e.currency)""",
    ),
    Identity(
        "records_paid",
        "A record is paid when the payout of its earning is.",
        """SELECT 'record ' || r.id, e.amount, r.status || ', ' || coalesce(p.status, 'in no payout')
        FROM payouts_entry e JOIN attribution_attributionrecord r ON r.id = e.record_id
            LEFT JOIN payouts_payoutline l ON l.entry_id = e.id AND l.live
            LEFT JOIN payouts_payout p ON p.id = l.payout_id
        WHERE e.kind = 'earning' AND r.status <> 'disputed'
            AND (r.status = 'paid') <> coalesce(p.status = 'paid', false)
            AND NOT EXISTS (SELECT FROM payouts_tobook b WHERE b.record_id = r.id)""",
    ),
    Identity(
        "carried_is_zero",
        "What a payout carries over it gives and takes.",
        """SELECT 'payout ' || payout_id, sum(amount), NULL FROM payouts_entry WHERE kind = 'carried'
        GROUP BY payout_id HAVING sum(amount) <> 0""",
    ),
    Identity(
        "proposals_booked",
        "Each accepted proposal is one entry of its amount, and none other is.",
        """SELECT 'proposal ' || coalesce(p.id, e.proposal_id), p.amount, e.amount
        FROM (SELECT * FROM payouts_proposal WHERE status = 'accepted') p
            FULL JOIN (SELECT * FROM payouts_entry WHERE proposal_id IS NOT NULL) e ON e.proposal_id = p.id
        WHERE (p.amount, p.payee_type, p.payee_id, p.currency)
            IS DISTINCT FROM (e.amount, e.payee_type, e.payee_id, e.currency)""",
    ),
    Identity(
        "balances_tie_out",
        "For each payee and currency: what all entries add up to is what is open and what is on its way.",
        """SELECT coalesce(b.payee_type, w.payee_type) || ' ' || coalesce(b.payee_id, w.payee_id), b.sum, w.sum
        FROM (SELECT payee_type, payee_id, currency, sum(amount) FROM payouts_entry GROUP BY 1, 2, 3) b
        FULL JOIN (
            SELECT payee_type, payee_id, currency, sum(amount) FROM (
                SELECT payee_type, payee_id, currency, amount FROM payouts_openentry
                UNION ALL SELECT p.payee_type, p.payee_id, p.currency, l.amount
                FROM payouts_payoutline l JOIN payouts_payout p ON p.id = l.payout_id
                WHERE l.live AND p.status IN ('draft', 'awaiting_approval', 'approved')
            ) waiting GROUP BY 1, 2, 3
        ) w USING (payee_type, payee_id, currency)
        WHERE coalesce(b.sum, 0) <> coalesce(w.sum, 0)""",
    ),
]


def reconcile() -> Reconciliation:
    """Ask all of it of one moment, and keep the answer. While the latest answer is not nothing, no payout is built,
    submitted, approved or exported."""
    started, findings, checked = timezone.now(), [], {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            if len(connection.savepoint_ids) == 0:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for identity in IDENTITIES:
                began = time.perf_counter()
                cursor.execute(f"SELECT *, count(*) OVER () FROM ({identity.offenders}) offenders LIMIT {KEPT}")
                rows = cursor.fetchall()
                off = rows[0][-1] if rows else 0
                checked[identity.name] = {"off": off, "seconds": round(time.perf_counter() - began, 2)}
                findings += [_finding(identity, row) for row in rows]
        return Reconciliation.objects.create(
            started_at=started,
            finished_at=timezone.now(),
            checked=checked,
            differences=sum(each["off"] for each in checked.values()),
            findings=findings[:KEPT],
        )


def _finding(identity: Identity, row: tuple[Any, ...]) -> dict[str, Any]:
    what, here, there = row[:3]
    return {"identity": identity.name, "what": what, "here": _text(here), "there": _text(there)}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def check_ledger() -> None:
    """Raises LedgerOff while the latest reconciliation found anything."""
    latest = Reconciliation.objects.values_list("differences", "finished_at").first()
    if latest and latest[0]:
        raise LedgerOff(
            f"The reconciliation of {latest[1]:%Y-%m-%d %H:%M} UTC found {latest[0]:,} differences."
            " Payouts stand still until one finds none: see Reconciliation."
        )
