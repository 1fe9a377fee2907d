"""Lists over HTTP on very many rows: the first page and the thousandth, with filters, as the house and as a partner.

    python -m bench.lists [--rows 10000000] [--requests 200] [--keep] [--reuse]

A database of its own, filled by SQL; a real server; one client on one connection.
"""

import argparse
import datetime as dt
import http.client
import json
import os
import statistics
import time
from urllib.parse import urlsplit

from bench.one_lead import server
from bench.scratch import Figure, make_partitions, run_sql, scratch_database
from partners.operations import create_key

BASE = "/api/v1/attribution"
GOAL = 100  # milliseconds, p95
WARM_UP = 20
PAGES_BEFORE = 1000
PARTNERS = 500
FILL = """
INSERT INTO partners_partner (id, name, status, contact_name, contact_email, contact_phone, created_at, updated_at)
SELECT 'partner-' || n, 'Partner ' || n, 'active', '', '', '', now(), now() FROM generate_series(0, {partners} - 1) n;
ALTER TABLE touchpoints_touchpoint DISABLE TRIGGER USER;
INSERT INTO touchpoints_touchpoint (id, lead_id, session_id, channel, source, medium, campaign, referral_code,
    partner_id, "timestamp")
SELECT gen_random_uuid(), 'lead-' || n % ({rows} / 4), 'session-' || n,
    (ARRAY['paid_search', 'email', 'direct', 'organic_search', 'partner_referral'])[1 + n % 5], 'google', 'cpc',
    CASE WHEN n < {rows} / 1000 THEN 'campaign-over' ELSE 'campaign-' || n % 40 END,
    CASE WHEN n % 100 = 0 THEN 'code-' || n / 100 % 1000 END,
    CASE WHEN n % 5 = 4 THEN 'partner-' || n / 5 % {partners} END,
    timestamptz '2026-01-01' + interval '300 days' * (n::float8 / {rows})
FROM generate_series(0, {rows} - 1) n;
ALTER TABLE conversions_conversion DISABLE TRIGGER USER;
INSERT INTO conversions_conversion (id, lead_id, type, value, currency, commission_amount, occurred_at,
    created_at, updated_at)
SELECT uuidv7(at - now()), 'lead-' || n::bigint * 7919 % ({rows} / 4), 'sale',
    100 + n % 1000, 'USD', 10, at, now(), now()
FROM generate_series(0, {rows} / 10 - 1) n,
    LATERAL (SELECT timestamptz '2026-01-02' + interval '300 days' * (n::float8 / ({rows} / 10)) AS at);
ALTER TABLE attribution_attributionrecord DISABLE TRIGGER USER;
INSERT INTO attribution_attributionrecord (id, conversion_id, touchpoint_id, lead_id, model, config_id, payable, status,
    credit, currency, revenue_attributed, commission_amount, payee_type, payee_id, payee_pinned, channel, campaign_id,
    partner_id, touched_at, occurred_at, conversion_type, position, journey_length, calculated_at)
SELECT uuidv7(at - now()), gen_random_uuid(), gen_random_uuid(), 'lead-' || n % ({rows} / 4),
    CASE WHEN n < {rows} / 1000 THEN 'first_touch'
        ELSE (ARRAY['position_based', 'linear', 'last_touch'])[1 + n % 3] END,
    1, n % 3 = 0,
    CASE WHEN n % 3 = 0 AND n % 1000 = 0 THEN 'disputed' WHEN n % 3 = 0 AND n < {rows} * 0.6 THEN 'paid'
        ELSE 'calculated' END, 1, 'USD', 100, 10,
    CASE WHEN n % 5 = 4 THEN 'partner' ELSE 'house' END,
    CASE WHEN n % 5 = 4 THEN 'partner-' || n / 5 % {partners} ELSE '' END, false,
    (ARRAY['paid_search', 'email', 'direct', 'organic_search', 'partner_referral'])[1 + n % 5],
    CASE WHEN n < {rows} / 1000 THEN 'campaign-over' ELSE 'campaign-' || n % 40 END,
    CASE WHEN n % 5 = 4 THEN 'partner-' || n / 5 % {partners} END, at - interval '1 day', at, 'sale', 1, 1, now()
FROM generate_series(0, {rows} - 1) n,
    LATERAL (SELECT timestamptz '2026-01-02' + interval '300 days' * (n::float8 / {rows}) AS at);
ANALYZE touchpoints_touchpoint;
ANALYZE conversions_conversion;
ANALYZE attribution_attributionrecord;
ANALYZE partners_partner"""
# (name, path, whether a partner asks)
LISTS = [
    ("touchpoints", "touchpoints", False),
    ("touchpoints of a channel", "touchpoints?channel=email", False),
    ("touchpoints of a partner", "touchpoints?partnerId=partner-7", False),
    ("touchpoints that converted", "touchpoints?converted=true", False),
    ("touchpoints of a lead", "touchpoints?leadId=lead-7", False),
    ("touchpoints of a lead in time order", "leads/lead-7/touchpoints", False),
    ("touchpoints of a session", "touchpoints?sessionId=session-7", False),
    ("touchpoints of a referral code", "touchpoints?referralCode=code-7", False),
    ("touchpoints of a campaign", "touchpoints?campaign=campaign-7", False),
    (
        "touchpoints of a campaign long over, in its time",
        "touchpoints?campaign=campaign-over&startDate=2026-01-01&endDate=2026-01-02",
        False,
    ),
    ("touchpoints of an old period", "touchpoints?startDate=2026-01-10&endDate=2026-01-20", False),
    ("touchpoints, asked by a partner", "touchpoints", True),
    ("attributions", "attributions", False),
    ("attributions of a model", "attributions?model=linear", False),
    ("attributions of a model long out of use", "attributions?model=first_touch", False),
    ("attributions of a lead", "attributions?leadId=lead-7", False),
    ("attributions of a campaign", "attributions?campaignId=campaign-7", False),
    ("attributions of a campaign long over", "attributions?campaignId=campaign-over", False),
    ("attributions of a partner", "attributions?partnerId=partner-7", False),
    ("attributions that are paid", "attributions?status=paid", False),
    ("attributions that are disputed", "attributions?status=disputed", False),
    ("attributions of an old period", "attributions?startDate=2026-01-10&endDate=2026-01-20", False),
    (
        "attributions of an old period and a model",
        "attributions?model=linear&startDate=2026-01-10&endDate=2026-01-20",
        False,
    ),
    ("attributions, asked by a partner", "attributions", True),
    ("conversions", "conversions", False),
    ("conversions of a lead", "conversions?leadId=lead-7", False),
    ("conversions of an old period", "conversions?startDate=2026-01-10&endDate=2026-01-20", False),
    ("conversions by value", "conversions?ordering=-value", False),
    ("conversions of a high value", "conversions?minValue=100000", False),
]


class Client:
    def __init__(self, port, key):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.headers = {"Authorization": f"Api-Key {key}"}

    def get(self, path):
        """(milliseconds, answer)"""
        began = time.perf_counter()
        self.connection.request("GET", path, headers=self.headers)
        response = self.connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - began) * 1000
        if response.status != 200:
            raise SystemExit(f"{path}: {response.status} {body[:500]!r}")
        return took, json.loads(body)

    def p95(self, path, requests):
        times = [self.get(path)[0] for _ in range(WARM_UP + requests)][WARM_UP:]
        return statistics.quantiles(times, n=20)[-1]


def far(client, path, pages):
    """The path of the page that many pages of 100 rows further, or None where the list ends before."""
    beyond = f"{path}{'&' if '?' in path else '?'}pageSize=500"
    for _ in range(pages // 5):
        link = client.get(beyond)[1]["next"]
        if link is None:
            return None
        beyond = f"{urlsplit(link).path}?{urlsplit(link).query}"
    return beyond.replace("pageSize=500", "pageSize=100")


def fill(rows):
    make_partitions(dt.date(2026, 1, 1), dt.date(2026, 12, 1))
    began = time.perf_counter()
    run_sql(FILL.format(rows=rows, partners=PARTNERS).strip())
    print(f"filled with {rows:,} touchpoints and records in {time.perf_counter() - began:.0f} s", flush=True)


def measure(*, rows=1_000_000, requests=200, keep=False, reuse=False):
    figures = []
    with scratch_database("attribution_lists_bench", keep=keep, reuse=reuse):
        if not reuse:
            fill(rows)
        keys = [
            create_key(name="house", scopes=["read"])[1],
            create_key(name="partner", scopes=["partner"], payee=("partner", "partner-7"))[1],
        ]
        with server(THROTTLES="read=1000000/s") as port:
            for name, path, by_partner in LISTS:
                figures += list(_of_list(Client(port, keys[by_partner]), name, f"{BASE}/{path}", requests))
    return figures


def _of_list(client, name, path, requests):
    pages = {"first page": path}
    if "conversions" in path:
        pages["page 1,000"] = f"{path}?page={PAGES_BEFORE}"
    elif further := far(client, path, PAGES_BEFORE):
        pages["page 1,000"] = further
    for which, where in pages.items():
        p95 = client.p95(where, requests)
        print(f"{name}, {which}: p95 {p95:.1f} ms", flush=True)
        yield Figure(f"{name}, {which}, p95", f"< {GOAL} ms", f"{p95:.1f} ms", p95 < GOAL)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--keep", action="store_true", help="leave the database for the next time")
    parser.add_argument("--reuse", action="store_true", help="take the one that was left")
    asked = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}", flush=True)
    measure(rows=asked.rows, requests=asked.requests, keep=asked.keep, reuse=asked.reuse)
