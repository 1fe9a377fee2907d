"""Who asks more than its share is told when to ask again; Redis is asked seldom, and missed by nobody."""

import time
import uuid

import pytest
from rest_framework.test import APIClient

from attribution_site.api import throttles
from attribution_site.api.keys import Payee
from attribution_site.api.throttles import Rate
from tests.access.conftest import client_with
from tests.api import BASE, refused
from tests.factories import BrokerFactory, PartnerFactory, UserFactory


@pytest.fixture
def name():
    """Nobody else's, as all processes of the tests count in one Redis."""
    return uuid.uuid4().hex


@pytest.fixture(autouse=True)
def nothing_leased():
    throttles.leases.held.clear()


# A route whose answer counts as each scope; the keys that ask have all that either needs.
SCOPES = {
    "ingest": ("POST", "touchpoints"),
    "read": ("GET", "partners"),
    "write": ("POST", "conversions"),
    "calculate": ("POST", "attribution/calculate"),
    "report": ("GET", "reports/attribution"),
    "work": ("POST", "attribution/batch"),
    "upload": ("POST", f"disputes/{uuid.UUID(int=0)}/evidence"),
}
ASKING = ["read", "ingest", "attribution:write", "disputes:write"]


def only(settings, **rates):
    """What else is asked is asked without end."""
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, "1000000/s") | rates


def ask(client, scope):
    method, path = SCOPES[scope]
    return getattr(client, method.lower())(f"{BASE}/{path}", *([{}] if method == "POST" else []))


def test_every_scope_has_its_line(settings):
    assert set(SCOPES) == set(settings.THROTTLES)


@pytest.mark.parametrize("scope", SCOPES)
def test_past_the_rate_the_answer_says_when_to_come_again(client_of, settings, scope):
    only(settings, **{scope: "2/h"})
    client = client_of(*ASKING)
    answers = [ask(client, scope) for _ in range(3)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, True]
    assert refused(answers[2]) == {(None, "throttled")}
    assert 0 < int(answers[2]["Retry-After"]) <= 3600
    others = [ask(client, other).status_code for other in SCOPES if other != scope]
    assert 429 not in others


def test_each_key_of_the_house_has_its_own_count(client_of, settings):
    only(settings, read="1/h")
    one, other = client_of("read"), client_of("read")
    assert [ask(client, "read").status_code for client in (one, one, other)] == [200, 429, 200]


@pytest.mark.parametrize("kind", ["partner", "broker"])
def test_all_keys_of_a_payee_share_one_count(client_of, settings, name, kind):
    """They make keys themselves: more of them give no more."""
    only(settings, read="2/h", ingest="1/h")
    payee = Payee(kind, name)
    BrokerFactory(id=name), PartnerFactory(id=name)
    one, other = (client_of("partner", "ingest", payee=payee) for _ in range(2))
    assert [ask(client, "read").status_code for client in (one, other, one, other)] == [200, 200, 429, 429]
    made = client_with(one.post(f"{BASE}/keys", {"name": "more", "scopes": ["partner"]}).json()["key"])
    assert ask(made, "read").status_code == 429
    assert [ask(client, "ingest").status_code for client in (one, other)] == [400, 429]
    # One of the same id, which is of the other kind, has its own.
    namesake = Payee("broker" if kind == "partner" else "partner", name)
    assert ask(client_of("partner", payee=namesake), "read").status_code == 200


@pytest.mark.parametrize("scope", SCOPES)
def test_people_are_counted_too(db, settings, scope):
    only(settings, **{scope: "1/h"})
    answers = []
    for person in (UserFactory(is_superuser=True), UserFactory(is_superuser=True)):
        client = APIClient()
        client.force_login(person)
        answers += [ask(client, scope).status_code == 429 for _ in range(2)]
    assert answers == [False, True, False, True]


def test_a_window_later_it_goes_on(name):
    rate, now = Rate(2, 60), time.time()
    assert [throttles.leases.take(name, rate, now) for _ in range(3)] == [True, True, False]
    assert throttles.leases.take(name, rate, now + 60)


def test_two_processes_share_one_count(name):
    rate, now = Rate(4, 60), time.time()
    processes = [throttles._Leases(), throttles._Leases()]
    taken = [processes[turn % 2].take(name, rate, now) for turn in range(8)]
    assert sum(taken) == 4


def test_where_much_is_allowed_redis_is_asked_once_a_lease(monkeypatch, name):
    asked, grant = [], throttles._grant
    monkeypatch.setattr(throttles, "_grant", lambda window, rate: asked.append(window) or grant(window, rate))
    rate = Rate(5000, 3600)
    assert all(throttles.leases.take(name, rate, time.time()) for _ in range(200))
    assert len(asked) == 2
    assert sum(throttles.leases.take(name, rate, time.time()) for _ in range(6000)) == 4800


def test_without_redis_nobody_is_refused(settings, name):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    throttles._redis.cache_clear()
    try:
        assert throttles.leases.take(name, Rate(1, 60), time.time())
    finally:
        throttles._redis.cache_clear()


@pytest.mark.parametrize(("text", "rate"), [("100/s", Rate(100, 1)), ("60/min", Rate(60, 60)), ("9/h", Rate(9, 3600))])
def test_rates_are_written_as_people_say_them(text, rate):
    assert Rate.of(text) == rate
