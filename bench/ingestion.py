"""Touches by the single POST and by the array, as fast as the server takes them; and whether each is kept.

    python -m bench.ingestion [--seconds 60] [--kill] [--overload]

Starts the web as `manage.py serve` does, and a plain ModelViewSet the same way, one after the other, in a database of
its own. The load generator runs on the same cores. `--kill` ends a web process by SIGKILL in mid-load; `--overload`
sends from far more connections than are let in. Either way each touch that was answered with 201 must be in the table.
"""

import argparse
import contextlib
import datetime as dt
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from django.db import connection

from attribution_site.management.commands import serve
from bench.load import Load, post
from bench.scratch import Figure, copy_into, copy_out, environment, make_partitions, one_row, run_sql, scratch_database
from partners.models import Partner
from partners.operations import create_key

PATH = "/api/v1/attribution/touchpoints"
TIMES_PLAIN, LEAST_RATE, MOST_MS = 3, 1000, 100
ARRAY, TIMES_COPY, LEAST_ROWS = 1000, 0.5, 30_000
CONNECTIONS = 24
ENOUGH_REFUSED = 400
FIELDS = "lead_id session_id channel source medium campaign content term partner_id timestamp"
NAMES = "leadId sessionId channel source medium campaign content term partnerId timestamp"


# The plain one takes no connection more than it has to: it is at its best so.
WAYS_IN = {
    "plain": ("bench.plain:application", FIELDS, CONNECTIONS // 2),
    "lean": ("attribution_site.wsgi:application", NAMES, CONNECTIONS),
}


@contextlib.contextmanager
def web(application="attribution_site.wsgi:application"):
    """The web process of `serve`, with its options, at an address of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = free.getsockname()
    child = serve.children(*at, Path(tempfile.mkdtemp()))[0]
    command = [sys.executable, *(application if ":application" in each else each for each in child.command)]
    # Its throttle is for clients; here there is one.
    limits = {"THROTTLES": "ingest=1000000/s,write=1000000/s,calculate=1000000/s"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment() | limits, stdout=log, stderr=log, start_new_session=True)
        try:
            _wait_for(at, process)
            yield at, process.pid
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait_for(at, process):
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(at, 1):
            return
        if process.poll() is not None:
            raise RuntimeError(f"The web ended with {process.returncode}.")
        time.sleep(0.1)
    raise RuntimeError("The web did not start.")


def touch(number, names=NAMES):
    """A touch such as a platform sends; one in four is a partner's."""
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=random.randrange(20 * 86_400))
    partner = f"partner-{random.randrange(50)}" if random.random() < 0.25 else None
    values = [
        f"lead-{random.randrange(200_000)}",
        f"sess-{number}",
        "paid_search",
        "google",
        "cpc",
        "home-insurance-q4",
    ]
    values += ["banner-b", "home insurance quotes", partner, moment.isoformat(timespec="milliseconds")]
    return {name: value for name, value in zip(names.split(), values, strict=True) if value is not None}


def singles(key, names=NAMES):
    # Made beforehand: the generator is to send, not to write JSON.
    ready = [post(PATH, key, _lean(touch(number, names))) for number in range(20_000)]
    return itertools.cycle(ready)


def _lean(body):
    return json.dumps(body, separators=(",", ":")).encode()


def accepted_id(status, head, body):
    if status != 201:
        return None
    at = body.find(b'"id":"') + 6
    return body[at : at + 36].decode()


def measured(load, answers):
    told = (
        f"{answers.rate(201):,.0f}/s, p50 {answers.milliseconds(201, 50):.1f}, p95 {answers.milliseconds(201, 95):.1f}"
    )
    others = {status: len(times) for status, times in answers.times.items() if status != 201}
    return f"{told}, p99 {answers.milliseconds(201, 99):.1f} ms; {load}; others {others}, broken {answers.broken}"


def lost(answers):
    """How many of those that were answered with 201 are not in the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM unnest(%s::uuid[]) id"
            " WHERE NOT EXISTS (SELECT FROM touchpoints_touchpoint t WHERE t.id = id.id)",
            [answers.kept],
        )
        return cursor.fetchone()[0]


def single_posts(key, seconds):
    """Both ways in, warmed up and then under full load; the plain one before and after, as machines are moody."""
    plain = [_full_load("plain", key, seconds / 3)]
    lean = _full_load("lean", key, seconds)
    plain.append(_full_load("plain", key, seconds / 3))
    times = lean.rate(201) / max(sum(each.rate(201) for each in plain) / len(plain), 1)
    p99 = lean.milliseconds(201, 99)
    yield Figure(
        "single POSTs beside a plain ModelViewSet", f"≥ {TIMES_PLAIN} ×", f"{times:.1f} ×", times >= TIMES_PLAIN
    )
    rate = f"{lean.rate(201):,.0f}/s"
    yield Figure(f"single POSTs for {seconds} s", f"≥ {LEAST_RATE:,}/s", rate, lean.rate(201) >= LEAST_RATE)
    yield Figure("their p99", f"< {MOST_MS} ms", f"{p99:.0f} ms", p99 < MOST_MS)
    yield Figure("answered 201 and not stored", "0", str(lost(lean)), lost(lean) == 0)


def _full_load(name, key, seconds):
    application, names, connections = WAYS_IN[name]
    with web(application) as (at, _):
        Load(at, singles(key, names)).run(seconds=3, connections=connections)
        load = Load(at, singles(key, names), keep=accepted_id)
        answers = load.run(seconds=seconds, connections=connections)
    print(f"{name:<6} {measured(f'{connections} connections', answers)}; lost {lost(answers)}", flush=True)
    return answers


def arrays(key, rounds):
    """Rows a second by arrays, beside COPY of the same rows, ready made, into the same table."""
    with tempfile.NamedTemporaryFile() as file, web() as (at, _):
        bodies = [post(PATH, key, _lean([touch(n) for n in range(ARRAY)])) for _ in range(100)]
        best = {}
        for number in range(rounds + 1):
            for name in ("array", "copy"):
                run_sql("TRUNCATE touchpoints_touchpoint;\nCHECKPOINT")
                began = time.perf_counter()
                if name == "array":
                    _send_all(at, bodies)
                else:
                    copy_into("touchpoints_touchpoint", file.name, "FORMAT csv")
                rate = len(bodies) * ARRAY / (time.perf_counter() - began)
                assert one_row("SELECT count(*) FROM touchpoints_touchpoint") == (len(bodies) * ARRAY,)
                if name == "array":
                    # In no order: COPY is to meet the rows as the arrays brought them, not sorted by the key.
                    copy_out("SELECT * FROM touchpoints_touchpoint ORDER BY md5(id::text)", file.name, "FORMAT csv")
                if number:
                    best[name] = max(rate, best.get(name, 0))
                    print(f"round {number}  {name:<6} {rate:>9,.0f} rows/s", flush=True)
    ratio = best["array"] / best["copy"]
    told = f"{ratio:.2f} × (COPY {best['copy']:,.0f}/s)"
    yield Figure(f"arrays of {ARRAY:,} beside bare COPY", f"≥ {TIMES_COPY} ×", told, ratio >= TIMES_COPY)
    rate = f"{best['array']:,.0f}/s"
    yield Figure(f"rows by arrays of {ARRAY:,}", f"≥ {LEAST_ROWS:,}/s", rate, best["array"] >= LEAST_ROWS)


def _send_all(at, bodies):
    """Each array once, by two clients at a time."""
    answers = Load(at, iter(bodies)).run(seconds=600, connections=2)
    assert answers.count(200) == len(bodies), {status: len(times) for status, times in answers.times.items()}


def killed(key, seconds):
    """A web process ends in mid-load."""
    with web() as (at, pid):
        Load(at, singles(key)).run(seconds=2, connections=CONNECTIONS)
        load = Load(at, singles(key), keep=accepted_id, pause=1.0)
        answers = load.run(
            seconds=seconds,
            connections=CONNECTIONS,
            during=[(seconds / 3, lambda: kill_one_of(pid)), (seconds * 2 / 3, lambda: kill_one_of(pid))],
        )
        workers = len(workers_of(pid))
    print(f"kill   {measured('two workers killed', answers)}; {workers} workers at the end", flush=True)
    gone = lost(answers)
    yield Figure("answered 201 and not stored, workers killed", "0", f"{gone} of {answers.count(201):,}", gone == 0)


def workers_of(pid):
    """The processes that serve, below the one that was started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_one_of(pid):
    os.kill(workers_of(pid)[0], signal.SIGKILL)


def overloaded(key, seconds):
    """Far more connections than are let in, which wait a second when they are told to."""
    with web() as (at, _):
        Load(at, singles(key)).run(seconds=2, connections=CONNECTIONS)
        told = []

        def keep(status, head, body):
            if status == 503:
                told.append(b"retry-after: 1" in head.lower())
            return accepted_id(status, head, body)

        load = Load(at, singles(key), keep=keep, pause=1.0)
        answers = load.run(seconds=seconds, connections=ENOUGH_REFUSED)
    p99 = answers.milliseconds(503, 99)
    print(f"over   {measured(f'{ENOUGH_REFUSED} connections', answers)}; 503 p99 {p99:.0f} ms", flush=True)
    gone = lost(answers)
    slowest = answers.milliseconds(201, 99)
    measured_ = f"{len(told):,} refusals, p99 {p99:.0f} ms; {answers.rate(201):,.0f}/s stored, p99 {slowest:.0f} ms"
    yield Figure("past capacity", "503, Retry-After", measured_, bool(told) and all(told) and not gone)


def measure(*, seconds=60, kill=True, overload=True, rounds=3):
    with scratch_database("bench_ingestion"):
        now = dt.datetime.now(dt.UTC).date()
        make_partitions(now - dt.timedelta(days=40), now + dt.timedelta(days=40))
        Partner.objects.bulk_create(Partner(id=f"partner-{n}", name=f"Partner {n}") for n in range(50))
        _, key = create_key(name="bench", scopes=["ingest", "read"])
        figures = [*single_posts(key, seconds), *arrays(key, rounds)]
        if kill:
            figures += killed(key, max(12, seconds // 3))
        if overload:
            figures += overloaded(key, max(5, seconds // 6))
        return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--overload", action="store_true")
    for figure in measure(**vars(parser.parse_args())):
        print(figure)


if __name__ == "__main__":
    main()
