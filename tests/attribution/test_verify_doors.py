"""Where people and machines see what verification found: the back office, metrics, and the nightly task."""

import datetime as dt
import re

import pytest
from django.conf import settings
from django.utils import timezone

from attribution import tasks
from attribution.models import Verification
from tests.factories import ConversionFactory, UserFactory

pytestmark = pytest.mark.django_db


def verification(**fields):
    at = dt.datetime(2026, 3, 1, 4, 30, tzinfo=dt.UTC)
    arguments = {"started_at": at, "finished_at": at, "records_checked": 12_345, "records_differing": 0}
    return Verification.objects.create(**arguments | {"records_without_journey": 0} | fields)


STORED = {
    "credit": "0.5",
    "revenue_attributed": "1.00",
    "commission_amount": "0.77",
    "payee_type": "house",
    "payee_id": "",
}
DIFFERENCE = {
    "what": "differs",
    "record": "019c126c-1880-72f1-a9c9-c56ea05aaf42",
    "conversion": "01a205af-e56f-76c6-aa16-4e6c1485bde3",
    "model": "linear",
    "fields": ["commission_amount"],
    "stored": STORED,
    "replayed": STORED | {"commission_amount": "0.10"},
}
OF_DAYS = {
    "what": "sums by day",
    "model": "linear",
    "day": "2026-03-01",
    "sums": 1,
    "records": 0,
    "revenue": "0.02",
    "commission": "0",
}


@pytest.mark.parametrize("role", ["Operations", "Finance", "Analyst", "Auditor"])
def test_the_back_office_lists_what_differs(client, role):
    found = verification(records_differing=1, differences=[OF_DAYS, DIFFERENCE])
    client.force_login(UserFactory(role=role))
    assert b"Differences" in client.get("/admin/attribution/verification/").content
    page = client.get(f"/admin/attribution/verification/{found.pk}/change/").content.decode()
    assert f"/attributionrecord/{DIFFERENCE['record']}/change/" in page
    assert "1.00 and 0.77 to house" in page
    assert "revenue off by 0.02" in page


def test_nobody_writes_a_verification(admin_client):
    page = f"/admin/attribution/verification/{verification().pk}"
    assert admin_client.post(f"{page}/change/", {"records_differing": 0}).status_code == 403
    assert admin_client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get("/admin/attribution/verification/add/").status_code == 403


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setattr(settings, "METRICS_TOKEN", "a-long-token")


def scrape(client, authorization="Bearer a-long-token"):
    return client.get("/metrics", headers={"authorization": authorization} if authorization else {})


def test_metrics_tell_of_the_latest_verification(client, token):
    verification()
    verification(records_checked=7, records_differing=3)
    text = scrape(client).content.decode()
    assert "attribution_verification_records_checked 7.0" in text
    assert "attribution_verification_records_differing 3.0" in text
    [told] = re.findall(r"^attribution_verification_finished_timestamp_seconds (.+)$", text, re.MULTILINE)
    assert float(told) == dt.datetime(2026, 3, 1, 4, 30, tzinfo=dt.UTC).timestamp()
    assert "python_info" in text


def test_metrics_before_the_first_verification_have_no_value_for_it(client, token):
    text = scrape(client).content.decode()
    assert "# TYPE attribution_verification_records_checked gauge" in text
    assert "\nattribution_verification_records_checked " not in text


@pytest.mark.parametrize("authorization", [None, "Bearer ", "Bearer wrong", "Basic a-long-token", "a-long-token"])
def test_metrics_are_for_nobody_without_the_token(client, token, authorization):
    answer = scrape(client, authorization)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")


def test_without_a_token_set_none_fits(client, monkeypatch):
    monkeypatch.setattr(settings, "METRICS_TOKEN", "")
    assert scrape(client, "Bearer ").status_code == 401


def test_metrics_are_for_people_who_may_see_verifications(client):
    client.force_login(UserFactory(role="Analyst"))
    assert scrape(client, None).status_code == 200
    client.force_login(UserFactory())
    assert scrape(client, None).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_nightly_task_stores_what_it_found():
    ConversionFactory()
    tasks.verify_sample()
    assert Verification.objects.get().finished_at <= timezone.now()


def test_the_nightly_task_is_on_the_timetable():
    assert "attribution.tasks.verify_sample" in {each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()}
