"""Batch calculation beside a bare binary COPY of the same finished records; its curve; workers; memory; one lead.

    python -m bench.calculation [--records 1000000] [--rounds 3] [--curve 10000 100000 1000000] [--workers 1 2]

One model (linear), from stored touches to committed records. Half of the touches are of leads that never convert.
"""

import argparse
import datetime as dt
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from attribution import operations
from attribution.models import Run, Shard
from bench.scratch import Figure, copy_into, copy_out, environment, make_partitions, run_sql, scratch_database

TOUCHES_A_CONVERSION = 10 / 3
RECORDS = "attribution_attributionrecord"
JOURNEYS = "attribution_keptjourney"
GOAL_DATA_DRIVEN = 1.3
GOAL = 1.5
GOAL_MIB = 1024

# Conversions over ninety days, journeys of 1, 3 or 6 touches; rows lie in the table by time, as they came in.
FILL = """
CREATE UNLOGGED TABLE bench_lead AS
SELECT 'lead-' || n AS lead_id, n, (ARRAY[1, 3, 6])[1 + n % 3] AS touches,
       100 + (hashint8extended(n, 2) & 262143) / 100.0 AS value,
       timestamptz '2026-06-01Z' + (hashint8extended(n, 1) & 1048575) / 1048576.0 * interval '90 days' AS occurred_at
FROM generate_series({first}, {last}) n;

INSERT INTO conversions_conversion (id, lead_id, type, value, currency, commission_rate, commission_amount,
                                    occurred_at, created_at, updated_at)
SELECT uuidv7(), lead_id, 'policy_bound', value, 'USD', 0.1, round(value * 0.1, 2), occurred_at, now(), now()
FROM bench_lead ORDER BY occurred_at;

INSERT INTO touchpoints_touchpoint
    (id, lead_id, session_id, channel, source, medium, campaign, partner_id, broker_id, timestamp)
SELECT uuidv7(), who, 'sess-' || h.n, channel.name, 'google', 'cpc',
       CASE WHEN h.n % 7 > 1 THEN 'campaign-' || abs(h.n / 4096 % 50) END,
       CASE WHEN h.n % 10 > 6 THEN 'partner-' || abs(h.n / 16 % 200) END,
       CASE WHEN h.n % 10 = 6 THEN 'broker-' || abs(h.n / 16 % 100) END, touched_at
FROM bench_lead l
CROSS JOIN generate_series(1, touches) step
CROSS JOIN (VALUES (''), ('visitor-')) prefix (text)
CROSS JOIN LATERAL (SELECT prefix.text || lead_id) w (who)
CROSS JOIN LATERAL hashint8extended(l.n * 16 + step, 4) h (n)
CROSS JOIN LATERAL (SELECT (ARRAY['organic_search', 'paid_search', 'social_media', 'email', 'display_ad', 'referral',
    'direct', 'partner_referral', 'broker_referral', 'affiliate'])[1 + abs(h.n % 10)]) channel (name)
CROSS JOIN LATERAL (SELECT occurred_at - (touches - step) * interval '4 days' - (h.n & 65535) * interval '4 second')
    at (touched_at)
ORDER BY touched_at;

DROP TABLE bench_lead;
ANALYZE
"""


def vacuum():
    run_sql("VACUUM ANALYZE touchpoints_touchpoint;\nVACUUM ANALYZE conversions_conversion;\nCHECKPOINT")


def fill(conversions, *, first=1):
    run_sql(FILL.format(first=first, last=first + conversions - 1))
    vacuum()


def calculation(model="linear"):
    """Seconds and records of a run in this process."""
    run_sql(f"TRUNCATE {RECORDS}, {JOURNEYS};\nCHECKPOINT")
    began = time.perf_counter()
    run = operations.start_run(model_names=[model], queue=False)
    for shard in run.shards.order_by("number"):
        operations.calculate_shard(shard.pk)
    took = time.perf_counter() - began
    finished = Run.objects.with_counts().get(pk=run.pk)
    assert finished.status == Run.Status.FINISHED
    assert finished.unattributed == 0
    return took, finished.written


def with_workers(count):
    """Seconds of a run by this many processes, started before the clock and taking shards as workers do."""
    run_sql(f"TRUNCATE {RECORDS}, {JOURNEYS};\nCHECKPOINT")
    command = [sys.executable, "-m", "bench.calculation", "--work-off"]
    workers = [
        subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for worker in workers:
        worker.stdout.readline()
    began = time.perf_counter()
    run = operations.start_run(model_names=["linear"], queue=False)
    for worker in workers:
        worker.stdin.write(f"{run.pk}\n")
        worker.stdin.flush()
    peaks = [int(worker.stdout.readline()) for worker in workers]
    took = time.perf_counter() - began
    for worker in workers:
        worker.communicate()
    assert Run.objects.get(pk=run.pk).status == Run.Status.FINISHED
    return took, max(peaks)


def work_off():
    print("ready", flush=True)
    run_id = sys.stdin.readline().strip()
    while shard := Shard.objects.filter(run=run_id, status=Shard.Status.WAITING).order_by("?").first():
        operations.calculate_shard(shard.pk)
    while not Run.objects.get(pk=run_id).is_over:
        time.sleep(0.01)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


def bare_copy(paths):
    """Seconds of COPY alone, into tables with the same columns, indexes and checks, but without our triggers."""
    took = 0
    for table, path in paths.items():
        run_sql(f"DROP TABLE IF EXISTS bench_copy;\nCREATE TABLE bench_copy (LIKE {table} INCLUDING ALL);\nCHECKPOINT")
        began = time.perf_counter()
        copy_into("bench_copy", path, "FORMAT binary")
        took += time.perf_counter() - began
        run_sql("DROP TABLE bench_copy")
    return took


def beside_copy(folder, rounds):
    """A calculation beside COPY of the rows that it writes: records, and the journeys that they were made from."""
    paths = {table: os.path.join(folder, f"{table}.bin") for table in (RECORDS, JOURNEYS)}
    ratios = []
    for number in range(1, rounds + 1):
        took, records = calculation()
        for table, path in paths.items():
            copy_out(f"SELECT * FROM {table} ORDER BY ctid", path, "FORMAT binary")
        run_sql(f"TRUNCATE {RECORDS}, {JOURNEYS}")
        copied = bare_copy(paths)
        ratios.append(took / copied)
        print(
            f"round {number}: calculation {took:6.2f} s ({took / records * 1e6:5.2f} µs a record),"
            f" COPY {copied:6.2f} s, ratio {took / copied:.2f}",
            flush=True,
        )
    ratio = statistics.median(ratios)
    print(f"calculation / bare COPY = {ratio:.2f} (median of {rounds}; {records:,} records)")
    each = ", ".join(f"{one:.2f}" for one in ratios)
    name, measured = f"calculation of {records:,} records", f"{ratio:.2f} × (median of {each})"
    return Figure(name, f"≤ {GOAL} × bare COPY", measured, ratio <= GOAL)


def data_driven(rounds):
    """The data-driven model, trained on the same data, beside linear."""
    began = time.perf_counter()
    training = operations.start_training(days=365, queue=False)
    operations.train(training.pk, calculate=False)
    print(f"training: {time.perf_counter() - began:.2f} s", flush=True)
    ratios = [calculation("data_driven")[0] / calculation()[0] for _ in range(rounds)]
    ratio = statistics.median(ratios)
    measured = f"{ratio:.2f} × (median of {', '.join(f'{one:.2f}' for one in ratios)})"
    print(f"data-driven / linear = {measured}", flush=True)
    return Figure("data-driven calculation", f"≤ {GOAL_DATA_DRIVEN} × linear", measured, ratio <= GOAL_DATA_DRIVEN)


def curve():
    took, written = calculation()
    measured = f"{took:.2f} s = {took / written * 1e6:.1f} µs a record"
    print(f"curve: {written:>9,} records in {measured}", flush=True)
    return Figure(f"calculation of {written:,} records", "grows with the records", measured)


def of_workers(count):
    took, peak = with_workers(count)
    measured = f"{took:.2f} s, largest process {peak} MiB"
    print(f"{count} worker(s): {measured}", flush=True)
    return Figure(f"calculation by {count} worker(s)", f"< {GOAL_MIB} MiB a worker", measured, peak < GOAL_MIB)


def measure(*, records=1_000_000, rounds=3, sizes=(10_000, 100_000, 1_000_000), workers=(1, 2)):
    figures, filled = [], 0
    with scratch_database("bench_calculation"), tempfile.TemporaryDirectory() as folder:
        make_partitions(dt.date(2026, 4, 1), dt.date(2026, 10, 1))
        for size in sorted({*sizes, records}):
            conversions = int(size / TOUCHES_A_CONVERSION)
            fill(conversions - filled, first=filled + 1)
            if not filled:
                # A worker opens its connections once in its life.
                calculation()
            filled = conversions
            figures.append(curve())
            if size == records:
                figures.append(beside_copy(folder, rounds))
                figures.append(data_driven(rounds))
                figures += [of_workers(count) for count in workers]
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--curve", dest="sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--work-off", action="store_true", help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    if options.pop("work_off"):
        work_off()
    else:
        measure(**options)


if __name__ == "__main__":
    main()
