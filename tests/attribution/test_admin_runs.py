"""The pages that act: starting, watching and cancelling a run; adding a configuration."""

import datetime as dt

import pytest
from django.utils import timezone

from attribution import operations
from attribution.models import Finding, Run, Shard
from tests.factories import ConversionFactory, TouchpointFactory, UserFactory
from touchpoints.models import uuid7


@pytest.fixture
def staff(client):
    def sign_in(role):
        user = UserFactory(role=role)
        client.force_login(user)
        return user

    return sign_in


def converted(lead_id="lead-1", **fields):
    conversion = ConversionFactory(lead_id=lead_id, **fields)
    TouchpointFactory(lead_id=lead_id, timestamp=conversion.occurred_at - dt.timedelta(days=1))
    return conversion


def fields_of(run):
    return {"model_names": run.model_names, "lead_ids": run.lead_ids}


@pytest.mark.django_db
def test_a_run_is_started_with_what_the_form_asks(client, staff):
    user = staff("Operations")
    client.cookies["timezone"] = "America%2FNew_York"
    asked = {"start": "2026-03-01", "end": "2026-03-31", "model_names": ["linear"], "lead_ids": "a\nb\n"}
    response = client.post("/admin/attribution/run/add/", asked)
    run = Run.objects.get()
    assert response.headers["Location"] == f"/admin/attribution/run/{run.pk}/change/"
    assert fields_of(run) == {"model_names": ["linear"], "lead_ids": ["a", "b"]}
    # Whole days of New York, which puts its clocks forward on 8 March.
    assert run.start == dt.datetime(2026, 3, 1, 5, tzinfo=dt.UTC)
    assert run.end == dt.datetime(2026, 4, 1, 4, tzinfo=dt.UTC)
    assert run.created_by == user


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"start": "2026-13-01"}, "start"),
        ({"start": "2026-03-02", "end": "2026-03-01"}, "end"),
        ({"model_names": ["astrology"]}, "model_names"),
    ],
)
def test_a_bad_field_is_named_and_nothing_starts(client, staff, asked, field):
    staff("Operations")
    response = client.post("/admin/attribution/run/add/", asked)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Run.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["Finance", "Analyst", "Auditor"])
def test_only_operations_start_and_cancel_runs(client, staff, role):
    converted()
    run = operations.start_run()
    staff(role)
    assert client.get("/admin/attribution/run/add/").status_code == 403
    assert client.post("/admin/attribution/run/add/", {}).status_code == 403
    assert client.post(f"/admin/attribution/run/{run.pk}/cancel/").status_code == 403
    assert "Cancel the run" not in client.get(f"/admin/attribution/run/{run.pk}/change/").content.decode()
    run.refresh_from_db()
    assert run.status == Run.Status.QUEUED


@pytest.mark.django_db
def test_progress_is_told_in_numbers_while_it_runs(client, staff):
    staff("Analyst")
    run = Run.objects.create(model_names=["linear"], status="running", started_at=timezone.now())
    counts = {"conversions_total": 40, "bucket_from": 0, "bucket_to": 1}
    Shard.objects.create(run=run, number=0, status="done", conversions_done=40, written=90, **counts)
    Shard.objects.create(run=run, number=1, status="running", **counts)
    Shard.objects.create(run=run, number=2, status="failed", error="ValueError: no", **counts)
    told = client.get(f"/admin/attribution/run/{run.pk}/progress/").json()
    assert told["percent"] == 33.3
    assert (told["counts"]["conversions_done"], told["counts"]["written"]) == (40, 90)
    assert told["shards"] == ["done", "running", "failed"]
    assert told["errors"] == ["ValueError: no"]
    assert told["over"] is False
    assert told["seconds_left"] is not None


@pytest.mark.django_db
@pytest.mark.parametrize("shards", [1, 30])
def test_progress_costs_the_same_for_any_number_of_shards(client, staff, shards, django_assert_max_num_queries):
    staff("Analyst")
    run = Run.objects.create(model_names=["linear"])
    Shard.objects.bulk_create(Shard(run=run, number=n, bucket_from=n, bucket_to=n) for n in range(shards))
    with django_assert_max_num_queries(7):
        assert len(client.get(f"/admin/attribution/run/{run.pk}/progress/").json()["shards"]) == shards


@pytest.mark.django_db
def test_progress_is_not_for_strangers(client):
    run = Run.objects.create(model_names=["linear"])
    page = f"/admin/attribution/run/{run.pk}/progress/"
    assert client.get(page).status_code == 302
    client.force_login(UserFactory())
    assert client.get(page).status_code == 403


@pytest.mark.django_db
def test_a_run_is_cancelled_once_and_a_second_time_is_refused_in_words(client, staff):
    staff("Operations")
    converted()
    run = operations.start_run()
    page = f"/admin/attribution/run/{run.pk}"
    assert "Cancel the run" in client.get(f"{page}/change/").content.decode()
    assert client.get(f"{page}/cancel/").status_code == 405
    client.post(f"{page}/cancel/")
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED
    again = client.post(f"{page}/cancel/", follow=True)
    assert "already cancelled" in again.content.decode()
    assert "Cancel the run" not in again.content.decode()


@pytest.mark.django_db
def test_a_finding_says_what_to_do(client, staff):
    staff("Analyst")
    run = Run.objects.create(model_names=["linear"])
    finding = Finding.objects.create(
        run=run, conversion_id=uuid7(), model="linear", code="frozen_differs", detail={"stored": [], "new": []}
    )
    for page in (f"run/{run.pk}/change/", "finding/", f"finding/{finding.pk}/change/"):
        shown = client.get(f"/admin/attribution/{page}").content.decode()
        assert "Finance books the difference" in shown
        assert f"/admin/conversions/conversion/{finding.conversion_id}/change/" in shown
