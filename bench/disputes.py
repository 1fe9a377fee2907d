"""The console of disputes: the page of one big case, and the queues over very many.

    python -m bench.disputes [--rows 100000] [--times 30]

Server time: a request through all of Django, without a socket. The case has 200 touches, 50 messages and 20 files.
"""

import argparse
import statistics
import tempfile
import time

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import reverse

import attribution_site.wsgi  # noqa: F401  # makes this process ready as it does a web process
from bench.scratch import Figure, run_sql, scratch_database
from disputes.admin import tabs
from tests.disputes.cases import case

PAGE_MS, QUEUE_MS = 300, 200
COPIED = """id, number, record_id, conversion_id, lead_id, model, currency, claimant_type, claimant_id, dispute_type,
    reason, at_stake, record_status_before, status, filed_by_id, filed_at, due_at, closed_at, resolution, rejection,
    resolved_by_id"""
# One in five is open. Of records that nobody has: a queue reads none.
MANY = """
INSERT INTO disputes_dispute ({columns})
SELECT gen_random_uuid(), nextval('disputes_number'), gen_random_uuid(), gen_random_uuid(), 'lead-' || n, d.model,
    d.currency, d.claimant_type, d.claimant_id, (ARRAY['amount', 'partner', 'channel', 'other'])[n % 4 + 1], d.reason,
    n % 300, 'calculated', CASE WHEN n % 5 = 0 THEN 'open' WHEN n % 5 = 1 THEN 'resolved' ELSE 'rejected' END, NULL,
    now() - n * interval '5 minutes', now() - n * interval '5 minutes' + interval '40 days',
    CASE WHEN n % 5 > 0 THEN now() - n * interval '3 minutes' END, CASE WHEN n % 5 > 0 THEN 'Looked into.' ELSE '' END,
    CASE WHEN n % 5 > 1 THEN 'not_proven' ELSE '' END, CASE WHEN n % 5 > 0 THEN {person} END
FROM generate_series(1, {rows}) n,
    (SELECT * FROM disputes_dispute LIMIT 1) d
"""


def timed(client, path, times):
    """Milliseconds of each request, the first ones left out: they fill caches."""
    taken = []
    for number in range(times + 3):
        began = time.perf_counter()
        response = client.get(path)
        _ = response.content
        if number >= 3:
            taken.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, (path, response.status_code)
    return sorted(taken)


def told(taken):
    return f"median {statistics.median(taken):.0f}, p95 {taken[int(len(taken) * 0.95)]:.0f} ms"


def measure(*, rows=100_000, times=30):
    with tempfile.TemporaryDirectory() as folder, scratch_database("bench_disputes"):
        settings.EVIDENCE_FOLDER = folder
        person = get_user_model().objects.create(username="bench", is_staff=True)
        person.groups.add(Group.objects.get(name="Operations"))
        client = Client(headers={"host": "localhost"})
        client.force_login(person)
        dispute = case(200, messages=50, files=20)
        page = reverse("admin:disputes_dispute_change", args=[dispute.pk])
        figures = [_figure("dispute page, 200 touches, 50 messages, 20 files", PAGE_MS, timed(client, page, times))]
        run_sql(MANY.format(columns=COPIED, rows=rows, person=person.pk))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        queue = reverse("admin:disputes_dispute_changelist")
        asked = {name: f"{queue}?queue={name}" for name in tabs.TABS}
        asked |= {
            "a lead": f"{queue}?q=lead-777",
            "a number": f"{queue}?q=D-1500",
            "a type": f"{queue}?dispute_type__exact=amount",
        }
        slowest = {name: timed(client, path, times) for name, path in asked.items()}
        for name, taken in slowest.items():
            print(f"  queue {name}: {told(taken)}", flush=True)
        worst = max(slowest, key=lambda name: slowest[name][int(times * 0.95)])
        figures.append(_figure(f"queues of {rows:,} disputes, the slowest ({worst})", QUEUE_MS, slowest[worst]))
    return figures


def _figure(name, goal, taken):
    print(f"{name}: {told(taken)}", flush=True)
    return Figure(name, f"< {goal} ms", told(taken), taken[int(len(taken) * 0.95)] < goal)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=30)
    measure(**vars(parser.parse_args()))
