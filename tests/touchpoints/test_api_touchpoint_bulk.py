"""Touchpoints by the array: good ones are stored, bad ones are named."""

import threading

import pytest
from django.db import connection

from tests.api import BASE, refused
from tests.factories import PartnerFactory, TouchpointFactory
from touchpoints import operations
from touchpoints.models import Touchpoint, uuid7

URL = f"{BASE}/touchpoints"
GOOD = {"leadId": "lead-123", "channel": "email"}
OWN = {"id": "01950000-0000-7000-8000-000000000001", "timestamp": "2026-03-01T12:00:00Z"}


def test_each_item_has_its_answer_in_its_place(api):
    PartnerFactory(id="partner-abc")
    TouchpointFactory(id=OWN["id"], timestamp="2026-03-01T12:00:00Z")
    new_id = str(uuid7())
    items = [
        GOOD | {"partnerId": "partner-abc"},
        GOOD | {"channel": "tv", "source": 1},
        GOOD | OWN,
        GOOD | OWN | {"timestamp": "2026-03-02T12:00:00Z"},
        GOOD | {"partnerId": "partner-none"},
        "no object",
        GOOD | {"id": new_id, "timestamp": "2026-03-03T12:00:00Z"},
        GOOD | {"id": new_id, "timestamp": "2026-03-03T12:00:00Z"},
        GOOD | {"id": new_id, "timestamp": "2026-03-04T12:00:00Z"},
    ]
    response = api.post(URL, items)
    assert response.status_code == 200
    answer = response.json()
    assert (answer["accepted"], answer["rejected"], answer["duplicates"]) == (2, 5, 2)
    assert [item["index"] for item in answer["items"]] == list(range(9))
    codes = [{(e["attr"], e["code"]) for e in item.get("errors", [])} for item in answer["items"]]
    assert codes == [
        set(),
        {("channel", "invalid_choice"), ("source", "invalid")},
        set(),
        {(None, "conflict")},
        {("partnerId", "unknown")},
        {(None, "invalid")},
        set(),
        set(),
        {(None, "conflict")},
    ]
    assert [answer["items"][n]["id"] for n in (2, 6, 7)] == [OWN["id"], new_id, new_id]
    assert Touchpoint.objects.count() == 3


def test_an_empty_array_stores_nothing(api):
    assert api.post(URL, []).json() == {"accepted": 0, "rejected": 0, "duplicates": 0, "items": []}


def test_ten_thousand_items_are_stored_and_one_more_is_refused(api):
    assert api.post(URL, [GOOD] * 10_000).json()["accepted"] == 10_000
    assert Touchpoint.objects.count() == 10_000
    response = api.post(URL, [GOOD] * 10_001)
    assert response.status_code == 400
    assert refused(response) == {(None, "too_many")}
    assert Touchpoint.objects.count() == 10_000


def test_many_items_take_as_many_queries_as_few(api, django_assert_num_queries, django_assert_max_num_queries):
    def items(count):
        own = [GOOD | {"id": str(uuid7()), "timestamp": "2026-03-01T12:00:00Z"} for _ in range(count)]
        return [GOOD | {"partnerId": f"partner-{n}"} for n in range(count)] + own + [GOOD] * count

    with django_assert_max_num_queries(12) as few:
        api.post(URL, items(1))
    with django_assert_num_queries(len(few)):
        api.post(URL, items(100))


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_with_one_id_and_two_times_one_is_refused():
    gate, outcomes = threading.Barrier(2), []
    touch_id = uuid7()
    rows = [TouchpointFactory.build(timestamp=f"2026-0{month}-01T00:00:00+00:00") for month in (1, 3)]

    def create(row):
        gate.wait()
        values = {"id": touch_id, "lead_id": "lead-123", "channel": "email", "timestamp": row.timestamp}
        try:
            outcomes.append(operations.create_touchpoint(values=values)[1])
        except operations.TouchpointElsewhere:
            outcomes.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=create, args=[row]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [None, True]
