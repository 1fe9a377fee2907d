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

from bench.scratch import Figure, copy_into, copy_out, one_row, run_sql, scratch_database
from partners.models import Broker, Partner
from touchpoints.importing.running import import_file
from touchpoints.importing.touchpoints import TOUCHPOINTS

GOAL = 0.5
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
    """The rows as the database holds them, in no order: as a file would bring them, not sorted by the key."""
    columns = ", ".join(f'"{name}"' for name in TOUCHPOINTS.columns)
    copy_out(f"SELECT {columns} FROM touchpoints_touchpoint ORDER BY md5(id::text)", path, "FORMAT csv")


def bare_copy(path):
    columns = ", ".join(f'"{name}"' for name in TOUCHPOINTS.columns)
    copy_into(f"touchpoints_touchpoint ({columns})", path, "FORMAT csv")


def seconds_of(work, rows):
    run_sql("TRUNCATE touchpoints_touchpoint;\nCHECKPOINT")
    began = time.perf_counter()
    work()
    took = time.perf_counter() - began
    assert one_row("SELECT count(*) FROM touchpoints_touchpoint") == (rows,)
    return took


def compare(folder, rows, rounds):
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
    measured = f"{ratio:.2f} × ({rows / best['import']:,.0f} rows/s, COPY {rows / best['bare COPY']:,.0f})"
    return [Figure(f"import of {rows:,} touches", f"≥ {GOAL} × bare COPY", measured, ratio >= GOAL)]


def measure(*, rows=300_000, rounds=2):
    with scratch_database("bench_import"), tempfile.TemporaryDirectory() as folder:
        return compare(folder, rows, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=2)
    measure(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
