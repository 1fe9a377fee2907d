"""One lead with a hundred touches: over HTTP, and the engine's part of it alone.

    python -m bench.one_lead [--requests 500]

A real server over a database of its own, one client on one connection, request after request.
"""

import argparse
import datetime as dt
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal

import numpy as np
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils.crypto import get_random_string

from attribution.engine.credit import attribute
from attribution.engine.journeys import CHANNEL_CODES, Journeys
from attribution.engine.parameters import Parameters
from bench.scratch import Figure, environment, make_partitions, scratch_database
from conversions.models import Conversion
from touchpoints.models import Channel, Touchpoint

LEAD = "lead-of-a-hundred-touches"
TOUCHES = 100
WARM_UP = 50
MODEL = "time_decay"  # the one that computes most
PATH = "/api/v1/attribution/attribution/calculate"
CONVERTED_AT = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
EVERY = dt.timedelta(hours=20)  # a hundred touches in 83 days: all within the lookback of 90
HTTP_GOAL = 50
ENGINE_GOAL = 1


def store_lead():
    make_partitions(dt.date(2026, 6, 1), dt.date(2026, 10, 1))
    Touchpoint.objects.bulk_create(
        Touchpoint(
            lead_id=LEAD,
            channel=Channel.values[step % 10],
            source="google",
            campaign=f"campaign-{step % 7}",
            timestamp=CONVERTED_AT - EVERY * (TOUCHES - step),
        )
        for step in range(TOUCHES)
    )
    value = Decimal("1499.99")
    Conversion.objects.create(
        lead_id=LEAD, type="policy_bound", value=value, commission_amount=value / 10, occurred_at=CONVERTED_AT
    )


def headers_of_analyst():
    """A session and the token that a POST needs, as a browser of a logged-in reader sends them."""
    user = get_user_model().objects.create_superuser("bench")
    client = Client()
    client.force_login(user)
    session, token = client.cookies["sessionid"].value, get_random_string(32)
    return {
        "Cookie": f"sessionid={session}; csrftoken={token}",
        "X-CSRFToken": token,
        "Content-Type": "application/json",
    }


@contextmanager
def server(**variables):
    """The port of a server in a process of its own, with these environment variables besides."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--no-ws", "--blocking-threads", "8", "--log-level", "error", "attribution_site.wsgi:application"]
    process = subprocess.Popen(command, env=environment() | variables)
    try:
        wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(port, process):
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("The server did not start.")


def over_http(port, requests):
    """Milliseconds of each request, sorted."""
    headers, body = headers_of_analyst(), json.dumps({"leadId": LEAD, "model": MODEL})
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    times = []
    for number in range(WARM_UP + requests):
        began = time.perf_counter()
        client.request("POST", PATH, body, headers)
        response = client.getresponse()
        answer = response.read()
        took = time.perf_counter() - began
        if response.status != 200 or len(json.loads(answer)["attributions"]) != TOUCHES:
            sys.exit(f"{response.status}: {answer[:500]!r}")
        if number >= WARM_UP:
            times.append(took * 1000)
    client.close()
    return sorted(times)


def of_engine(requests):
    """Milliseconds of the arithmetic alone, sorted: weights, credits, cents."""
    ages = [EVERY // dt.timedelta(microseconds=1) * (TOUCHES - step) for step in range(TOUCHES)]
    channels = [CHANNEL_CODES[Channel.values[step % 10]] for step in range(TOUCHES)]
    values, commissions = np.array([149_999]), np.array([15_000])
    times = []
    for _ in range(requests):
        began = time.perf_counter()
        journeys = Journeys.from_lengths([TOUCHES], ages, channels)
        attribute(journeys, MODEL, Parameters(), values=values, commissions=commissions)
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)


def percentile(times, share):
    return times[min(int(len(times) * share), len(times) - 1)]


def measure(*, requests=500):
    with scratch_database("bench_one_lead"):
        store_lead()
        with server() as port:
            http_times = over_http(port, requests)
    engine_times = of_engine(requests)
    figures = []
    for name, times, goal in (
        (f"calculate over HTTP, {TOUCHES} touches", http_times, HTTP_GOAL),
        ("engine alone, the same journey", engine_times, ENGINE_GOAL),
    ):
        p95, p99 = percentile(times, 0.95), percentile(times, 0.99)
        measured = f"p50 {statistics.median(times):.2f}, p95 {p95:.2f}, p99 {p99:.2f} ms"
        print(f"{name}: {measured} ({len(times)} in a row)", flush=True)
        figures.append(Figure(name, f"p99 < {goal} ms", measured, p99 < goal))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    measure(requests=parser.parse_args().requests)


if __name__ == "__main__":
    main()
