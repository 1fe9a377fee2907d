"""Runs over HTTP. What a run does is the operations' own story; here it is asked for, watched and stopped."""

import datetime as dt

import pytest
from django.utils import timezone

from attribution.models import Finding, Run, Shard
from tests.api import BASE, refused
from tests.factories import ConversionFactory, UserFactory
from touchpoints.models import uuid7

URL = f"{BASE}/attribution/batch"


def make_run(**fields):
    run = Run.objects.create(model_names=["linear"], status="running", **fields)
    Shard.objects.bulk_create(
        Shard(
            run=run,
            number=n,
            bucket_from=n,
            bucket_to=n,
            conversions_total=10,
            conversions_done=4,
            written=7,
            replaced=1,
            unchanged=2,
            frozen=3,
            unattributed=5,
        )
        for n in range(2)
    )
    return run


def test_a_run_is_accepted_and_says_what_it_was_asked(api, operations_user):
    conversion = ConversionFactory(lead_id="lead-123")
    body = {
        "models": ["linear", "time_decay"],
        "startDate": "2026-01-01",
        "endDate": timezone.now().date().isoformat(),
        "leadIds": ["lead-123"],
        "conversionIds": [str(conversion.id)],
    }
    response = api.post(URL, body)
    assert response.status_code == 202
    run = Run.objects.get()
    assert response.json() == {"runId": str(run.id), "status": "queued"}
    assert (run.model_names, run.created_by) == (["linear", "time_decay"], operations_user)
    assert (run.lead_ids, run.conversion_ids) == (["lead-123"], [str(conversion.id)])
    assert run.start == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert run.end.date() == timezone.now().date() + dt.timedelta(days=1)


def test_nothing_asked_is_all_of_it(api):
    ConversionFactory()
    run = Run.objects.get(pk=api.post(URL, {}).json()["runId"])
    assert (run.start, run.end, run.lead_ids, run.conversion_ids) == (None, None, None, None)
    assert "position_based" in run.model_names


def test_a_run_tells_its_progress_its_counts_and_its_errors(api):
    run = make_run()
    conversion_id = uuid7()
    Finding.objects.create(
        run=run, conversion_id=conversion_id, model="linear", code="frozen_differs", detail={"some_key": 1}
    )
    Shard.objects.filter(run=run, number=1).update(status="failed", error="Traceback: secret")
    response = api.get(f"{URL}/{run.id}")
    answer = response.json()
    assert (answer["runId"], answer["status"], answer["models"]) == (str(run.id), "running", ["linear"])
    assert answer["progress"] == {"done": 8, "total": 20}
    assert answer["counts"] == {
        "written": 14,
        "replaced": 2,
        "unchanged": 4,
        "frozen": 6,
        "unattributed": 10,
    }
    found, failed = answer["errors"]
    assert (found["conversionId"], found["code"]) == (str(conversion_id), "frozen_differs")
    assert (failed["conversionId"], failed["code"]) == (None, "shard_failed")
    assert answer["errorsTotal"] == 2
    assert b"secret" not in response.content


def test_a_run_can_be_cancelled_once(api):
    run = make_run()
    response = api.post(f"{URL}/{run.id}/cancel")
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    again = api.post(f"{URL}/{run.id}/cancel")
    assert again.status_code == 409
    assert refused(again) == {(None, "run_is_over")}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"models": ["linear", "magic"]}, ("models.1", "invalid_choice")),
        ({"models": []}, ("models", "empty")),
        ({"models": "linear"}, ("models", "not_a_list")),
        ({"startDate": "2026-02-01", "endDate": "2026-01-31"}, ("endDate", "invalid")),
        ({"startDate": "2026-02-01T00:00:00"}, ("startDate", "invalid")),
        ({"endDate": 20260101}, ("endDate", "invalid")),
        ({"leadIds": ["lead-1", ""]}, ("leadIds.1", "blank")),
        ({"leadIds": []}, ("leadIds", "empty")),
        ({"leadIds": ["x"] * 10_001}, ("leadIds", "max_length")),
        ({"conversionIds": ["1"]}, ("conversionIds.0", "invalid")),
        ({"model": "linear"}, ("model", "unknown_field")),
    ],
    ids=lambda v: str(v)[:40],
)
def test_a_bad_run_is_refused_by_name(api, body, named):
    response = api.post(URL, body)
    assert response.status_code == 400
    assert refused(response) == {named}
    assert not Run.objects.exists()


@pytest.mark.parametrize("pk", ["01950000-0000-7000-8000-000000000001", "run-1"])
def test_a_run_that_is_not_there_is_not_found(api, pk):
    assert api.get(f"{URL}/{pk}").status_code == 404
    assert api.post(f"{URL}/{pk}/cancel").status_code == 404


def test_the_list_takes_as_many_queries_for_many_runs_as_for_one(api, django_assert_num_queries):
    make_run()
    with django_assert_num_queries(6) as first:
        api.get(URL)
    for _ in range(5):
        make_run(created_by=UserFactory())
    with django_assert_num_queries(len(first)):
        assert api.get(URL).json()["count"] == 6
