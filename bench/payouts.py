"""A payout run over very many records, the decisions about a large payout, and how fast records are booked.

    python -m bench.payouts [--records 1000000] [--payees 5000] [--lines 100000] [--booked 50000] [--keep]

One payee has `--lines` of the records, the others share the rest so that few have much. Beside the run stands
the bare SQL, of the same rows in the same database: an aggregate a payee, and payouts and lines inserted into
tables with the same indexes and checks and no triggers. It is measured before and after the run, as others may be
at work on the machine.
"""

import argparse
import os
import statistics
import time
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone

from attribution.models import ModelConfig
from bench.scratch import Figure, one_row, run_sql, scratch_database
from payouts import operations, tasks
from payouts.models import Payout, PayoutRun
from tests.payouts.agreements import agree

BUILD_S, BUILD_RATIO, STEP_S = 60, 3, 5
ROUNDS = 2  # of the bare SQL, before and after
# A tenth of the payees are brokers. Of those behind the first, the cube of a die: a tenth of them has 46 % of the rest.
PAYEES = """
INSERT INTO partners_partner (id, name, status, contact_name, contact_email, contact_phone, created_at, updated_at)
SELECT 'payee-' || n, 'Payee ' || n, 'active', '', '', '', now(), now() FROM generate_series(0, {payees} - 1) n
WHERE n % 10 > 0 OR n = 0;
INSERT INTO partners_broker (id, name, status, contact_name, contact_email, contact_phone, created_at, updated_at)
SELECT 'payee-' || n, 'Payee ' || n, 'active', '', '', '', now(), now() FROM generate_series(0, {payees} - 1) n
WHERE n % 10 = 0 AND n > 0
"""
# Two records a conversion, of the last ninety days.
RECORDS = """
INSERT INTO conversions_conversion (id, lead_id, type, value, currency, commission_amount, occurred_at,
    created_at, updated_at)
SELECT md5('c' || n)::uuid, 'lead-' || n, 'policy_bound', 1000, 'USD', 100, at, at, at
FROM generate_series({first} / 2, {last} / 2) n, LATERAL (SELECT now() - n % 90 * interval '1 day' AS at);
INSERT INTO attribution_attributionrecord (id, conversion_id, touchpoint_id, lead_id, model, config_id, payable, status,
    credit, currency, revenue_attributed, commission_amount, payee_type, payee_id, payee_pinned, channel, partner_id,
    broker_id, touched_at, occurred_at, conversion_type, position, journey_length, calculated_at)
SELECT uuidv7(), md5('c' || n / 2)::uuid, gen_random_uuid(), 'lead-' || n / 2, 'position_based', {config}, true,
    '{status}', 0.5, 'USD', 500, round(10 + 80 * random()::numeric, 2), kind, 'payee-' || payee, false, 'affiliate',
    CASE kind WHEN 'partner' THEN 'payee-' || payee END, CASE kind WHEN 'broker' THEN 'payee-' || payee END,
    at - interval '1 day', at, 'policy_bound', 1 + n % 2, 2, now()
FROM (
    SELECT n, CASE WHEN n < {lines} THEN 0 ELSE 1 + floor(({payees} - 1) * random() ^ 3)::int END AS payee,
        now() - n / 2 % 90 * interval '1 day' AS at
    FROM generate_series({first}, {last}) n OFFSET 0
) drawn, LATERAL (SELECT CASE WHEN payee % 10 = 0 AND payee > 0 THEN 'broker' ELSE 'partner' END AS kind)
"""
# As the booking writes them.
BOOKED = """
INSERT INTO payouts_entry (id, kind, payee_type, payee_id, currency, amount, record_id, conversion_id, lead_id,
    earned_on, share, working, note)
SELECT uuidv7(), 'earning', payee_type, payee_id, currency, commission_amount, id, conversion_id, lead_id,
    (occurred_at AT TIME ZONE 'UTC')::date, commission_amount,
    jsonb_build_object('exact', commission_amount::text, 'credit', credit::text, 'model', model,
        'touchpoint', touchpoint_id, 'terms', jsonb_build_object('rate', '100')), ''
FROM attribution_attributionrecord WHERE status = 'approved' ORDER BY random();
CREATE UNLOGGED TABLE bench_open AS SELECT * FROM payouts_openentry;
CREATE TABLE bench_payout (LIKE payouts_payout INCLUDING ALL);
CREATE TABLE bench_line (LIKE payouts_payoutline INCLUDING ALL);
VACUUM ANALYZE attribution_attributionrecord;
VACUUM ANALYZE payouts_entry;
VACUUM ANALYZE payouts_openentry;
VACUUM ANALYZE bench_open
"""
BARE = """
    INSERT INTO bench_payout (id, payee_type, payee_id, currency, period_end, status, method, total, line_count,
        lines_hash, submission, approvals_needed, prepared_by_id, payment_reference, void_reason)
    SELECT uuidv7(), payee_type, payee_id, currency, current_date, 'draft', 'manual', sum(amount), count(*),
        '', 0, 1, {person}, '', ''
    FROM bench_open GROUP BY payee_type, payee_id, currency;
    INSERT INTO bench_line (payout_id, entry_id, amount, live)
    SELECT p.id, o.entry_id, o.amount, true
    FROM bench_open o JOIN bench_payout p USING (payee_type, payee_id, currency)
"""
TIERS = [{"from": "0", "to": "5000.00", "rate": "80"}, {"from": "5000.00", "to": None, "rate": "90"}]


class Took(NamedTuple):
    """`cpu`: what this process and its backend computed, which others at work on the machine hardly add to."""

    seconds: float
    cpu: float

    def __str__(self):
        return f"{self.seconds:.2f} s ({self.cpu:.2f} of CPU)"


def clocks():
    [pid] = one_row("SELECT pg_backend_pid()")
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return time.perf_counter(), time.process_time() + sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def timed(work):
    began = clocks()
    work()
    return Took(*(after - before for before, after in zip(began, clocks(), strict=True)))


def bare(person):
    """Of each round: one transaction into empty tables."""

    def work():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(BARE.format(person=person.pk))

    taken = []
    for _ in range(ROUNDS):
        run_sql("TRUNCATE bench_payout, bench_line;\nCHECKPOINT")
        taken.append(timed(work))
    return taken


def build(person):
    run = operations.start_run(period_end=timezone.now().date(), by=person)
    operations.build_run(run.pk)
    run.refresh_from_db()
    assert run.status == PayoutRun.Status.BUILT, run.error
    return run


def built(people, *, records):
    """The run beside the bare SQL."""
    beside = bare(people[0])
    run_sql("CHECKPOINT")
    took = timed(lambda: build(people[0]))
    beside += bare(people[0])
    assert one_row("SELECT count(*) FROM payouts_payoutline WHERE live") == (records,)
    for each in beside:
        print(f"  bare SQL: {each}", flush=True)
    ratio, of_cpu = (mine / statistics.median(its) for mine, its in zip(took, zip(*beside, strict=True), strict=True))
    told = f"{ratio:.2f} × ({of_cpu:.2f} × its CPU)"
    return [
        figure(f"payout run of {records:,} records", f"< {BUILD_S} s", str(took), took.seconds < BUILD_S),
        figure("the same beside bare SQL", f"≤ {BUILD_RATIO} ×", told, ratio <= BUILD_RATIO),
    ]


def decided(people):
    """A large payout is submitted, approved, and made void."""
    run_sql("VACUUM ANALYZE payouts_payoutline")
    payout = Payout.objects.order_by("-line_count").first()

    def approve():
        handed = operations.submit_payout(payout_id=payout.pk, by=people[0])
        for person in people[1 : 1 + handed.approvals_needed]:
            operations.approve_payout(payout_id=payout.pk, lines_hash=handed.lines_hash, by=person)

    def void():
        operations.void_payout(payout_id=payout.pk, reason="Measured", by=people[0])

    figures = []
    for name, work, status in [("submitted and approved", approve, "approved"), ("void", void, "void")]:
        took = timed(work)
        payout.refresh_from_db()
        assert payout.status == status
        name = f"payout of {payout.line_count:,} lines {name}"
        figures.append(figure(name, f"< {STEP_S} s", str(took), took.seconds < STEP_S))
    return figures


def booked(name, *, first, count, payees, config):
    """Records a second from the approval's note to the entry, by one worker."""
    values = {"first": first, "last": first + count - 1, "lines": 0, "payees": payees, "config": config}
    run_sql(RECORDS.format(status="calculated", **values))
    run_sql("UPDATE attribution_attributionrecord SET status = 'approved' WHERE status = 'calculated'")
    entries = []
    took = timed(lambda: entries.append(operations.book()))
    assert entries == [count]
    told = f"{count / took.seconds:,.0f} records/s ({took.cpu / count * 1e6:,.0f} µs of CPU each)"
    return figure(f"booking {name}", "–", told, None)


def figure(name, goal, told, holds):
    print(f"{name}: {told}", flush=True)
    return Figure(name, goal, told, holds)


def measure(*, records=1_000_000, payees=5_000, lines=100_000, booked_records=50_000, keep=False):
    lines = min(lines, records // 2)
    with scratch_database("bench_payouts", keep=keep), patch.object(tasks.build_run, "delay"):
        people = [get_user_model().objects.create(username=f"bench-{n}", is_staff=True) for n in range(3)]
        run_sql(PAYEES.format(payees=payees))
        config = ModelConfig.objects.filter(model="position_based").latest("version").pk
        values = {"payees": payees, "config": config}
        run_sql(RECORDS.format(first=0, last=records - 1, lines=lines, status="approved", **values))
        run_sql(BOOKED)
        figures = built(people, records=records) + decided(people)
        figures.append(booked("without terms", first=2 * records, count=booked_records, **values))
        agree(None, tiers=TIERS, cap_month=Decimal(20_000))
        figures.append(booked("by tiers and a cap", first=3 * records, count=booked_records, **values))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--payees", type=int, default=5_000)
    parser.add_argument("--lines", type=int, default=100_000, help="of the largest payout")
    parser.add_argument("--booked", type=int, default=50_000, dest="booked_records", metavar="BOOKED")
    parser.add_argument("--keep", action="store_true", help="leave the database to look at")
    measure(**vars(parser.parse_args()))
