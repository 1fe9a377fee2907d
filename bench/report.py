"""How long a report takes, and whether history makes it longer: `python -m bench.report`.

Builds a database of its own (bench_report), fills it by SQL with a month of believable records and touches
and times the report; then empties it, fills it with that month and others before it, and times the same
report again. Drops the database at the end, unless told to `--keep` it.
"""

import argparse
import contextlib
import dataclasses
import datetime as dt
import os
import statistics
import sys
import time

DATABASE = "bench_report"
RUNS = 5
# Indexes that no report reads: without them the filling takes less time.
UNREAD = ("record_by_touchpoint", "record_by_partner", "record_by_broker")
START = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
DAYS = 30
RECORDS_A_CONVERSION = 10 / 3
CONVERSIONS_A_SHARD = 20_000

# A journey is of 1, 3 or 6 touches: 10 in three conversions. As many touches again belong to leads that never
# convert. Rows are stored as a run stores them: by shard (a hash of the lead), within it by time.
LEADS = """
CREATE UNLOGGED TABLE bench_lead AS
SELECT 'lead-' || n AS lead_id, n, (ARRAY[1, 3, 6])[1 + n % 3] AS touches,
       100 + (hashint8extended(n, 2) & 262143) / 100.0 AS value, abs(hashint8extended(n, 3) % {shards}) AS shard,
       '{start}'::timestamptz + (hashint8extended(n, 1) & 1048575) / 1048576.0 * interval '{days} days'
           AS occurred_at
FROM generate_series(1, {leads}) n;

CREATE UNLOGGED TABLE bench_step AS
SELECT l.*, step, uuidv7() AS touchpoint_id, h.n AS dice,
       occurred_at - (touches - step) * interval '2 days' - (h.n & 65535) * interval '1 second' AS touched_at,
       (ARRAY['organic_search', 'paid_search', 'social_media', 'email', 'display_ad', 'referral', 'direct',
              'partner_referral', 'broker_referral', 'affiliate'])[1 + abs(h.n % 10)] AS channel,
       CASE WHEN abs(h.n % 10) IN (7, 9) THEN 'partner-' || abs(h.n / 16 % 200) END AS partner_id,
       CASE WHEN abs(h.n % 10) = 8 THEN 'broker-' || abs(h.n / 16 % 100) END AS broker_id,
       CASE WHEN abs(h.n % 10) NOT IN (0, 6) THEN 'campaign-' || abs(h.n / 4096 % 50) END AS campaign
FROM bench_lead l, generate_series(1, touches) step, hashint8extended(l.n * 7 + step, 4) h (n);

INSERT INTO conversions_conversion (id, lead_id, type, value, currency, commission_rate, commission_amount,
                                    occurred_at, created_at, updated_at)
SELECT md5(lead_id)::uuid, lead_id, 'policy_bound', value, 'USD', 0.1, round(value * 0.1, 2),
       occurred_at, occurred_at, occurred_at
FROM bench_lead ORDER BY occurred_at;

INSERT INTO touchpoints_touchpoint
    (id, lead_id, channel, source, medium, campaign, partner_id, broker_id, timestamp)
SELECT touchpoint_id, lead_id, channel, 'google', 'cpc', campaign, partner_id, broker_id, touched_at
FROM bench_step
UNION ALL
SELECT uuidv7(), 'visitor-' || n, channel, 'google', 'cpc', campaign, partner_id, broker_id, touched_at
FROM bench_step ORDER BY 9;

INSERT INTO attribution_attributionrecord
    (id, conversion_id, touchpoint_id, lead_id, model, config_id, payable, status, credit, currency,
     revenue_attributed, commission_amount, payee_type, payee_id, payee_pinned, channel, source, campaign_id,
     partner_id, broker_id, touched_at, occurred_at, conversion_type, position, journey_length, calculated_at)
SELECT uuidv7(), md5(lead_id)::uuid, touchpoint_id, lead_id, config.model, config.id, true, 'calculated',
       round(1.0 / touches, 10), 'USD', round(value / touches, 2), round(value / touches / 10, 2),
       CASE WHEN partner_id IS NOT NULL THEN 'partner' WHEN broker_id IS NOT NULL THEN 'broker' ELSE 'house' END,
       coalesce(partner_id, broker_id, ''), false, channel, 'google', campaign, partner_id, broker_id,
       touched_at, occurred_at, 'policy_bound', step, touches, now()
FROM bench_step JOIN attribution_modelconfig config ON config.model = 'position_based'
ORDER BY shard, occurred_at;

DROP TABLE bench_lead, bench_step
"""


def fill(cursor, *, start, days, records):
    conversions = int(records / RECORDS_A_CONVERSION)
    script = LEADS.format(start=start, days=days, leads=conversions, shards=conversions // CONVERSIONS_A_SHARD + 1)
    for statement in script.split(";\n"):
        cursor.execute(statement)


def empty(cursor):
    cursor.execute("TRUNCATE attribution_attributionrecord, conversions_conversion, touchpoints_touchpoint")


def settle(cursor):
    """What autovacuum does in a minute or two."""
    for table in ("attribution_attributionrecord", "conversions_conversion", "touchpoints_touchpoint"):
        cursor.execute(f"VACUUM ANALYZE {table}")


def seconds(work):
    """Each run from a new connection: no plan, no snapshot and no cache of ours is warm."""
    from django.db import connection

    times = []
    for _ in range(RUNS):
        connection.close()
        connection.ensure_connection()
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def measure(title, expected):
    from django.db import connection

    from reports import operations, queries

    question = operations.ask(start=START, end=START + dt.timedelta(days=DAYS), model="position_based")

    def count():
        with connection.cursor() as cursor:
            period = "model = %(model)s AND occurred_at >= %(start)s AND occurred_at < %(end)s"
            cursor.execute(
                f"SELECT count(*), sum(revenue_attributed) FROM {queries.RECORDS} WHERE {period}",
                question.parameters(),
            )
            return cursor.fetchone()

    stored, revenue = count()
    answer = operations.answer(question)
    if answer["summary"]["attributed_revenue"] != revenue or abs(stored / expected - 1) > 0.01:
        sys.exit("The report does not agree with its records.")
    plain, report = seconds(count), seconds(lambda: operations.answer(question))
    filtered = seconds(lambda: operations.answer(dataclasses.replace(question, channel="affiliate")))
    models = seconds(lambda: queries.revenue_by_model(start=question.start, end=question.end, currency="USD"))
    print(f"{title} ({stored:,} records in the period)")
    for name, times in (
        ("count(*) and sum of the period's records", plain),
        ("report", report),
        ("report of one channel", filtered),
        ("front page: revenue by channel and model", models),
    ):
        figures = f"first {times[0]:6.2f} s  best {min(times):6.2f} s  median {statistics.median(times):6.2f} s"
        print(f"  {name:42} {figures}  {min(times) / min(plain):5.2f} x the count", flush=True)
    return min(report)


@contextlib.contextmanager
def scratch_database(keep):
    """A database beside the one that is configured, under Django's own connection settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    def administer(statement):
        with connection.cursor() as cursor:
            cursor.execute(statement)

    home = connection.settings_dict["NAME"]
    administer(f"DROP DATABASE IF EXISTS {DATABASE}")
    administer(f"CREATE DATABASE {DATABASE}")
    connection.close()
    connection.settings_dict["NAME"] = DATABASE
    try:
        call_command("migrate", verbosity=0)
        yield connection
    finally:
        connection.close()
        connection.settings_dict["NAME"] = home
        if not keep:
            administer(f"DROP DATABASE {DATABASE}")


def months(days_before):
    from touchpoints import partitions

    first = partitions.month_of(START - dt.timedelta(days=days_before + 60))
    last = partitions.month_of(START + dt.timedelta(days=DAYS))
    partitions.create_partitions(partitions.months_between(first, last))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000, help="in the period of thirty days")
    parser.add_argument("--history", type=int, default=4, help="times as many in earlier periods")
    parser.add_argument("--keep", action="store_true", help="leave the database to look at")
    asked = parser.parse_args()
    with scratch_database(asked.keep) as connection:
        months(asked.history * DAYS)
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            cursor.execute(f"DROP INDEX {', '.join(UNREAD)}")
            fill(cursor, start=START, days=DAYS, records=asked.records)
            settle(cursor)
        alone = measure("The period alone", asked.records)
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            empty(cursor)
            days = DAYS * (asked.history + 1)
            start = START - dt.timedelta(days=days - DAYS)
            fill(cursor, start=start, days=days, records=asked.records * (asked.history + 1))
            settle(cursor)
        after = measure(f"With {asked.history} such periods before it", asked.records)
        print(f"history costs {after / alone:.2f} x")


if __name__ == "__main__":
    main()
