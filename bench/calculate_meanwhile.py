"""`attribution/calculate` at a steady fifty a second, while touches come in at a steady rate by the same web.

    python -m bench.calculate_meanwhile [--seconds 30] [--touches 20] [--ingest 300]

Each request has its time to be sent at, and its latency counts from then, whether the server was ready or not.
"""

import argparse
import datetime as dt
import itertools
import json
import threading
import time
from decimal import Decimal

from bench.ingestion import PATH, singles, web
from bench.load import Connection, post
from bench.scratch import Figure, make_partitions, scratch_database
from conversions.models import Conversion
from partners.models import Partner
from partners.operations import create_key
from touchpoints.models import Channel, Touchpoint

CALCULATE = "/api/v1/attribution/attribution/calculate"
RATE, MOST_MS = 50, 50
LEADS = 200


def store_leads(touches):
    """Leads with so many touches each, in the ninety days before they converted."""
    now = dt.datetime.now(dt.UTC)
    Touchpoint.objects.bulk_create(
        Touchpoint(
            lead_id=f"lead-to-calculate-{lead}",
            channel=Channel.values[step % 10],
            timestamp=now - dt.timedelta(days=80) * (step + 1) / touches,
        )
        for lead in range(LEADS)
        for step in range(touches)
    )
    Conversion.objects.bulk_create(
        Conversion(
            lead_id=f"lead-to-calculate-{lead}", type="sale", value=Decimal(1500), commission_amount=Decimal(150)
        )
        for lead in range(LEADS)
    )


def paced(at, requests, *, rate, seconds, connections):
    """Milliseconds of each request, and how many had which status."""
    times, statuses, lock = [], {}, threading.Lock()
    began = time.perf_counter() + 0.2
    turns = itertools.count()

    def send():
        connection = Connection(at)
        while True:
            with lock:
                due, request = began + next(turns) / rate, next(requests)
            if due > began + seconds:
                return
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.send(request)
            while (answer := connection.receive()) is None:
                pass
            with lock:
                times.append((time.perf_counter() - due) * 1000)
                statuses[answer[0]] = statuses.get(answer[0], 0) + 1

    threads = [threading.Thread(target=send) for _ in range(connections)]
    for thread in threads:
        thread.start()
    return threads, times, statuses


def measure(*, seconds=30, touches=20, ingest=300):
    with scratch_database("bench_meanwhile"):
        today = dt.datetime.now(dt.UTC).date()
        make_partitions(today - dt.timedelta(days=120), today + dt.timedelta(days=40))
        Partner.objects.bulk_create(Partner(id=f"partner-{n}", name=f"Partner {n}") for n in range(50))
        store_leads(touches)
        _, key = create_key(name="bench", scopes=["ingest", "read"])
        asked = [
            post(
                CALCULATE, key, json.dumps({"leadId": f"lead-to-calculate-{lead}", "model": "position_based"}).encode()
            )
            for lead in range(LEADS)
        ]
        with web() as (at, _):
            for length in (8, seconds):
                incoming = paced(at, singles(key), rate=ingest, seconds=length, connections=8)
                calculated = paced(at, itertools.cycle(asked), rate=RATE, seconds=length, connections=4)
                for thread in (*incoming[0], *calculated[0]):
                    thread.join()
    _, times, statuses = calculated
    p50, p99 = (sorted(times)[int(len(times) * share)] for share in (0.5, 0.99))
    told = f"p50 {p50:.1f}, p99 {p99:.1f} ms"
    print(f"calculate {told} of {statuses}; meanwhile {PATH} {incoming[2]}, {ingest}/s", flush=True)
    goal = f"p99 < {MOST_MS} ms"
    name = f"calculate, {touches} touches, at {RATE}/s while {ingest}/s come in"
    return [Figure(name, goal, told, p99 < MOST_MS and set(statuses) == {200})]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--touches", type=int, default=20)
    parser.add_argument("--ingest", type=int, default=300)
    measure(**vars(parser.parse_args()))
