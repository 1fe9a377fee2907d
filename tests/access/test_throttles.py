"""Who asks more than its share is told when to ask again; Redis is asked seldom, and missed by nobody."""

import time
import uuid

import pytest

from attribution_site.api import throttles
from attribution_site.api.throttles import Rate
from tests.api import BASE, refused


@pytest.fixture
def name():
    """Nobody else's, as all processes of the tests count in one Redis."""
    return uuid.uuid4().hex


@pytest.fixture(autouse=True)
def nothing_leased():
    throttles.leases.held.clear()


def test_past_the_rate_the_answer_says_when_to_come_again(client_of, settings):
    settings.THROTTLES = {"read": "1000/s", "write": "1000/s", "ingest": "1000/s"} | {"read": "3/h"}
    client = client_of("read")
    answers = [client.get(f"{BASE}/partners") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refused(answers[3]) == {(None, "throttled")}
    assert 0 < int(answers[3]["Retry-After"]) <= 3600


def test_askers_and_scopes_have_each_their_own_count(client_of, settings):
    settings.THROTTLES = {"read": "1000/s", "write": "1000/s", "ingest": "1000/s"} | {"read": "1/h"}
    one, other = client_of("read"), client_of("read", "touchpoints:write")
    assert [client.get(f"{BASE}/partners").status_code for client in (one, one, other)] == [200, 429, 200]
    assert other.post(f"{BASE}/touchpoints", {"leadId": "lead-1", "channel": "email"}).status_code == 201


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
