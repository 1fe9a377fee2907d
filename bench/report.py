"""How long a report of thirty days takes, and whether history makes it longer.

    python -m bench.report [--records 1000000] [--strangers 0] [--history 0] [--keep]

A month of records of one model and of the touches they credit. `--strangers 1` adds as many touches of leads that
never convert; `--history 4` adds four such months before it, and the same report is timed again.

Fifty campaigns, each of one channel; of those of its channel a partner or broker runs two. `--independent` draws the
campaign apart from all else, so that nearly every record of a day is a group of its own: daily sums save little then.
"""

import argparse
import dataclasses
import datetime as dt
import statistics
import sys
import time

from django.db import connection

from attribution.operations.daily_credit import refresh_daily_credit
from bench.scratch import Figure, make_partitions, one_row, run_sql, scratch_database
from conversions.daily_touches import refresh_daily_touches
from reports import operations, queries

RUNS = 5
GOAL = 1
MODEL = "position_based"
START = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
DAYS = 30
RECORDS_A_CONVERSION = 10 / 3
CONVERSIONS_A_SHARD = 50_000

# No report reads these; without them a benchmark is filled in a third of the time.
UNREAD = """
DROP INDEX record_by_touchpoint, record_by_partner, record_by_broker, record_by_run;
DROP INDEX touchpoint_by_partner, touchpoint_by_broker, touchpoint_journey;
ALTER TABLE attribution_attributionrecord DROP CONSTRAINT one_record_a_touch_and_model
"""

# Journeys of 1, 3 or 6 touches: 10 in three conversions. Rows are stored as a run stores them: by shard (a hash of
# the lead), within it by time.
FILL = """
CREATE UNLOGGED TABLE bench_lead AS
SELECT 'lead-' || n AS lead_id, n, (ARRAY[1, 3, 6])[1 + n % 3] AS touches,
       100 + (hashint8extended(n, 2) & 262143) / 100.0 AS value, abs(hashint8extended(n, 3) % {shards}) AS shard,
       '{start}'::timestamptz + (hashint8extended(n, 1) & 1048575) / 1048576.0 * interval '{days} days'
           AS occurred_at
FROM generate_series({first}, {last}) n;

CREATE UNLOGGED TABLE bench_step AS
SELECT l.*, step, uuidv7() AS touchpoint_id, h.n AS dice,
       occurred_at - (touches - step) * interval '2 days' - (h.n & 65535) * interval '1 second' AS touched_at,
       (ARRAY['organic_search', 'paid_search', 'social_media', 'email', 'display_ad', 'referral', 'direct',
              'partner_referral', 'broker_referral', 'affiliate'])[1 + abs(h.n % 10)] AS channel,
       CASE WHEN abs(h.n % 10) IN (7, 9) THEN 'partner-' || abs(h.n / 16 % 200) END AS partner_id,
       CASE WHEN abs(h.n % 10) = 8 THEN 'broker-' || abs(h.n / 16 % 100) END AS broker_id,
       CASE WHEN abs(h.n % 10) NOT IN (0, 6) THEN 'campaign-' || {campaign} END AS campaign
FROM bench_lead l, generate_series(1, touches) step, hashint8extended(l.n * 7 + step, 4) h (n);

INSERT INTO conversions_conversion (id, lead_id, type, value, currency, commission_rate, commission_amount,
                                    occurred_at, created_at, updated_at)
SELECT md5(lead_id)::uuid, lead_id, 'policy_bound', value, 'USD', 0.1, round(value * 0.1, 2),
       occurred_at, occurred_at, occurred_at
FROM bench_lead ORDER BY occurred_at;

INSERT INTO touchpoints_touchpoint
    (id, lead_id, channel, source, medium, campaign, partner_id, broker_id, timestamp)
SELECT CASE who WHEN 0 THEN touchpoint_id ELSE uuidv7() END, CASE who WHEN 0 THEN '' ELSE who || '-' END || lead_id,
       channel, 'google', 'cpc', campaign, partner_id, broker_id, touched_at
FROM bench_step, generate_series(0, {strangers}) who ORDER BY touched_at;

INSERT INTO attribution_attributionrecord
    (id, conversion_id, touchpoint_id, lead_id, model, config_id, payable, status, credit, currency,
     revenue_attributed, commission_amount, payee_type, payee_id, payee_pinned, channel, source, campaign_id,
     partner_id, broker_id, touched_at, occurred_at, conversion_type, position, journey_length, calculated_at)
SELECT uuidv7(), md5(lead_id)::uuid, touchpoint_id, lead_id, config.model, config.id, true, 'calculated',
       round(1.0 / touches, 10), 'USD', round(value / touches, 2), round(value / touches / 10, 2),
       CASE WHEN partner_id IS NOT NULL THEN 'partner' WHEN broker_id IS NOT NULL THEN 'broker' ELSE 'house' END,
       coalesce(partner_id, broker_id, ''), false, channel, 'google', campaign, partner_id, broker_id,
       touched_at, occurred_at, 'policy_bound', step, touches, now()
FROM bench_step JOIN attribution_modelconfig config ON config.model = '{model}'
ORDER BY shard, occurred_at;

DROP TABLE bench_lead, bench_step
"""
CAMPAIGN = "abs(h.n % 10) || '-' || (abs(h.n / 16 % 100) + abs(h.n / 4096 % 2)) % 5"
INDEPENDENT_CAMPAIGN = "abs(h.n / 4096 % 50)"
# What autovacuum does in a minute or two.
SETTLE = """
VACUUM ANALYZE attribution_dailycredit;
VACUUM ANALYZE attribution_attributionrecord;
VACUUM ANALYZE conversions_conversion;
VACUUM ANALYZE touchpoints_touchpoint;
CHECKPOINT
"""
# The least that any report could do: read the period's records and add one column up.
COUNT = f"""
SELECT count(*), sum(revenue_attributed) FROM {queries.RECORDS}
WHERE model = '{MODEL}' AND occurred_at >= '{START}' AND occurred_at < '{START + dt.timedelta(days=DAYS)}'
"""


def fill(*, records, strangers, campaign, first_period, last_period):
    """Periods of thirty days, counted back from the one that is asked for, which is period 0."""
    periods = last_period - first_period + 1
    start = START + dt.timedelta(days=first_period * DAYS)
    conversions = int(records * periods / RECORDS_A_CONVERSION)
    first = 1 if last_period == 0 else 100_000_000
    script = FILL.format(
        start=start,
        days=DAYS * periods,
        first=first,
        last=first + conversions - 1,
        shards=conversions // CONVERSIONS_A_SHARD + 1,
        strangers=strangers,
        campaign=campaign,
        model=MODEL,
    )
    run_sql("SET synchronous_commit = off")
    run_sql(script)
    # As at the end of a run.
    refresh_daily_credit()
    refresh_daily_touches()
    run_sql(SETTLE)


def seconds(work):
    """Each run from a new connection: no plan, no snapshot and no cache of ours is warm."""
    times = []
    for _ in range(RUNS):
        connection.close()
        connection.ensure_connection()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def timed(title, expected):
    """Seconds of the report in each of its runs, first the first; everything else is printed to compare."""
    question = operations.ask(start=START, end=START + dt.timedelta(days=DAYS), model=MODEL)
    stored, revenue = one_row(COUNT)
    first = seconds(lambda: operations.answer(question))
    if operations.answer(question)["summary"]["attributed_revenue"] != revenue or abs(stored / expected - 1) > 0.01:
        sys.exit("The report does not agree with its records.")
    print(f"{title} ({stored:,} records in the period)")
    for name, times in (
        ("report", first),
        ("report of one channel", seconds(lambda: operations.answer(dataclasses.replace(question, channel="email")))),
        (
            "front page: revenue by channel and model",
            seconds(lambda: queries.revenue_by_model(start=question.start, end=question.end, currency="USD")),
        ),
        ("count(*) and sum of the period's records", seconds(lambda: one_row(COUNT))),
    ):
        figures = f"first {times[0]:.2f} s, best {min(times):.2f} s, median {statistics.median(times):.2f} s"
        print(f"  {name:42} {figures}", flush=True)
    return first


def measure(*, records=1_000_000, strangers=0, history=0, independent=False, keep=False):
    data = {"records": records, "strangers": strangers, "campaign": INDEPENDENT_CAMPAIGN if independent else CAMPAIGN}
    months = dt.timedelta(days=history * DAYS + 60)
    with scratch_database("bench_report", keep=keep):
        make_partitions((START - months).date(), (START + dt.timedelta(days=DAYS)).date())
        run_sql(UNREAD)
        fill(**data, first_period=0, last_period=0)
        alone = timed("The period alone", records)
        worst, measured = max(alone), f"first {alone[0]:.2f} s, median {statistics.median(alone):.2f} s"
        figures = [Figure(f"report of {records:,} records", f"< {GOAL} s", measured, worst < GOAL)]
        if history:
            fill(**data, first_period=-history, last_period=-1)
            after = timed(f"With {history} such periods before it", records)
            ratio = min(after) / min(alone)
            figures.append(Figure(f"the same with {history} months before it", "≈ 1 ×", f"{ratio:.2f} ×", ratio < 1.25))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, help="in the period of thirty days")
    parser.add_argument("--strangers", type=int, default=0, help="touches that no one converts after, a credited one")
    parser.add_argument("--history", type=int, default=0, help="such periods before it")
    parser.add_argument("--independent", action="store_true", help="draw the campaign apart from channel and partner")
    parser.add_argument("--keep", action="store_true", help="leave the database to look at")
    measure(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
