"""Rows per second of the touchpoint import beside a bare COPY of the same rows into the same tables.

    python -m bench.import_rows [--rows 300000] [--rounds 2]

Works in a database of its own, made and dropped here.
"""

import argparse
import datetime as dt
import os
import random
import tempfile
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attribution_site.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 (Django first)
from django.db import connection  # noqa: E402

from partners.models import Broker, Partner  # noqa: E402
from touchpoints.importing.running import import_file  # noqa: E402
from touchpoints.importing.touchpoints import TOUCHPOINTS  # noqa: E402

SCRATCH = "bench_import"
HEADER = "lead_id,session_id,channel,source,medium,campaign,content,term,referral_code,partner_id,broker_id,timestamp"
SOURCES = [
    ("paid_search", "google", "cpc", "cheap home insurance"),
    ("paid_search", "bing", "cpc", "car insurance, compare"),
    ("social_media", "facebook", "paid_social", ""),
    ("display_ad", "criteo", "banner", ""),
    ("email", "newsletter", "email", ""),
    ("organic_search", "google", "organic", ""),
    ("direct", "", "", ""),
    ("partner_referral", "comparison-site", "referral", ""),
    ("broker_referral", "", "referral", ""),
]
CAMPAIGNS = ["home-insurance-q4", "car-switch-autumn", "life-cover-2026", "pet-launch", ""]


def write_rows(path, rows, seed=7):
    """Ninety days of touches, about five a lead, in no order of time."""
    rnd = random.Random(seed)
    start = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEADER + "\n")
        for _ in range(rows):
            channel, source, medium, term = rnd.choice(SOURCES)
            partner = f"partner-{rnd.randrange(50)}" if channel == "partner_referral" else ""
            broker = f"broker-{rnd.randrange(50)}" if channel == "broker_referral" else ""
            moment = start + dt.timedelta(milliseconds=rnd.randrange(90 * 86_400_000))
            term = f'"{term}"' if "," in term else term
            code = f"REF{rnd.randrange(9999):04}" if partner else ""
            file.write(
                f"lead-{rnd.randrange(rows // 5 + 1)},{rnd.getrandbits(48):012x},{channel},{source},{medium},"
                f"{rnd.choice(CAMPAIGNS)},variant-{rnd.choice('ab')},{term},{code},{partner},{broker},"
                f"{moment.isoformat(timespec='milliseconds')}\n"
            )


def export(path):
    """The rows as the database holds them, in the order they came in."""
    columns = ", ".join(f'"{name}"' for name in TOUCHPOINTS.columns)
    order = "md5(id::text)"  # as a file would bring them: not sorted by the key
    with open(path, "wb") as file, connection.cursor() as cursor:
        sql = f"COPY (SELECT {columns} FROM touchpoints_touchpoint ORDER BY {order}) TO STDOUT (FORMAT csv)"
        with cursor.copy(sql) as copy:
            for part in copy:
                file.write(part)


def bare_copy(path):
    columns = ", ".join(f'"{name}"' for name in TOUCHPOINTS.columns)
    sql = f"COPY touchpoints_touchpoint ({columns}) FROM STDIN (FORMAT csv)"
    with open(path, "rb") as file, connection.cursor() as cursor, cursor.copy(sql) as copy:
        while part := file.read(1 << 20):
            copy.write(part)


def seconds_of(work, rows):
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE touchpoints_touchpoint")
        cursor.execute("CHECKPOINT")
        began = time.perf_counter()
        work()
        took = time.perf_counter() - began
        cursor.execute("SELECT count(*) FROM touchpoints_touchpoint")
        assert cursor.fetchone() == (rows,)
    return took


def measure(folder, rows, rounds):
    source, prepared = os.path.join(folder, "touches.csv"), os.path.join(folder, "prepared.csv")
    Partner.objects.bulk_create(Partner(id=f"partner-{n}", name=f"Partner {n}") for n in range(50))
    Broker.objects.bulk_create(Broker(id=f"broker-{n}", name=f"Broker {n}") for n in range(50))
    write_rows(source, rows)
    seconds_of(lambda: import_file(path=source, kind=TOUCHPOINTS), rows)
    export(prepared)
    best = {}
    for number in range(1, rounds + 1):
        for name, work in (
            ("bare COPY", lambda: bare_copy(prepared)),
            ("import", lambda: import_file(path=source, kind=TOUCHPOINTS)),
        ):
            took = seconds_of(work, rows)
            best[name] = min(took, best.get(name, took))
            print(f"round {number}  {name:<10} {rows / took:>9,.0f} rows/s  ({took:.2f} s)", flush=True)
    ratio = best["bare COPY"] / best["import"]
    print(f"import / bare COPY = {ratio:.2f}  (best of {rounds} each, {rows:,} rows)")


def use_database(name):
    connection.close()
    connection.settings_dict["NAME"] = name


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    home = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {SCRATCH}")
    try:
        use_database(SCRATCH)
        call_command("migrate", verbosity=0)
        with tempfile.TemporaryDirectory() as folder:
            measure(folder, options.rows, options.rounds)
    finally:
        use_database(home)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")


if __name__ == "__main__":
    main()
