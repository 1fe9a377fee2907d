"""The audit page: who reads it, what it finds, and what it costs."""

import csv
import datetime as dt
import io
import uuid

import pghistory
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from attribution import operations as attribution
from attribution.models import AttributionRecord
from attribution_site.audit import reading
from attribution_site.audit.models import AuditVerification
from partners.models import Partner
from tests.factories import AttributionRecordFactory, PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/attribution_site/auditlog/"


def rows_of(client, **asked):
    return [line["entry"] for line in client.get(LIST, asked).context["lines"]]


def ids_of(client, **asked):
    return [(entry.action, entry.object_id) for entry in rows_of(client, **asked)]


@pytest.mark.parametrize(
    ("role", "status"),
    [("Auditor", 200), ("Analyst", 403), ("Finance", 403), ("Operations", 403), (None, 403)],
)
@pytest.mark.parametrize("page", ["", "export/", "partners.partner/{pk}/"])
def test_auditors_read_it_and_no_other_role(client, role, status, page):
    PartnerFactory()
    [row] = reading.newest(reading.Question(kind="partners.partner"), limit=1)
    client.force_login(UserFactory(role=role))
    assert client.get(LIST + page.format(pk=row.pk)).status_code == status


def test_administrators_read_it_and_nobody_may_write(client):
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}add/").status_code == 404
    assert client.post(f"{LIST}1/delete/").status_code == 404


def test_an_approval_is_shown_with_who_from_what_to_what_and_why(auditor):
    record, ana = AttributionRecordFactory(), UserFactory(username="ana")
    attribution.change_record(record_id=record.pk, status="approved", reason="Listened to the call.", by=ana)
    [line] = auditor.get(LIST, {"kind": "attribution.attributionrecord"}).context["lines"]
    assert (line["who"], line["action"], line["reason"]) == ("ana", "Changed", "Listened to the call.")
    assert line["changes"] == [("status", "calculated", "approved")]
    page = auditor.get(line["address"]).content.decode()
    for told in ("calculated", "approved", "Listened to the call.", str(record.lead_id), "waits for the next"):
        assert told in page


def test_markup_in_what_was_written_is_shown_as_text(auditor):
    partner = PartnerFactory(name="<script>alert(1)</script>")
    Partner.objects.filter(pk=partner.pk).update(contact_name="<img src=x>")
    with pghistory.context(reason="<b>bold</b>", path="<i>"):
        Partner.objects.filter(pk=partner.pk).update(contact_name="<u>")
    [newest, *_] = auditor.get(LIST, {"kind": "partners.partner"}).context["lines"]
    for page in (LIST, newest["address"]):
        text = auditor.get(page).content.decode()
        assert "<img src=x>" not in text
        assert "<b>bold</b>" not in text
        assert "alert(1)</script>" not in text


def test_each_filter_finds_its_own(auditor):
    ana, request, key = UserFactory(username="ana"), str(uuid.uuid4()), str(uuid.uuid4())
    first, second = PartnerFactory(), PartnerFactory()
    record = AttributionRecordFactory(lead_id="lead-x")
    with pghistory.context(user=ana.pk, request=request):
        Partner.objects.filter(pk=first.pk).update(name="A")
    with pghistory.context(key=key):
        Partner.objects.filter(pk=second.pk).update(name="B")
    with pghistory.context(command="tidy"):
        AttributionRecord.objects.filter(pk=record.pk).delete()
    assert ids_of(auditor, user="ana") == [("update", first.pk)]
    assert ids_of(auditor, request=request) == [("update", first.pk)]
    assert ids_of(auditor, key=key) == [("update", second.pk)]
    assert ids_of(auditor, kind="partners.partner", object=first.pk) == [("update", first.pk), ("insert", first.pk)]
    assert ids_of(auditor, q="lead-x") == [("delete", str(record.pk))]
    assert ids_of(auditor, q=str(record.pk)) == [("delete", str(record.pk))]
    assert ids_of(auditor, q=first.pk, action="update") == [("update", first.pk)]
    assert ids_of(auditor, action="delete") == [("delete", str(record.pk))]
    assert ids_of(auditor, user="ana", action="delete") == []
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)
    assert ids_of(auditor, since=tomorrow) == []
    assert ids_of(auditor, until=tomorrow, object=second.pk) == [("update", second.pk), ("insert", second.pk)]


@pytest.mark.parametrize(
    "asked",
    [{"user": "nobody-here"}, {"since": "yesterday"}, {"kind": "no.such"}, {"action": "drop"}, {"q": "x" * 101}],
)
def test_a_question_that_makes_no_sense_is_told(auditor, asked):
    page = auditor.get(LIST, asked)
    assert page.context["form"].errors
    assert page.context["lines"] == []
    assert auditor.get(f"{LIST}export/", asked).status_code == 404


@pytest.mark.parametrize("behind", ["", "x", "a~b~c", "2026-01-01T00:00:00+00:00~x~1"])
def test_a_made_up_place_is_no_error(auditor, behind):
    assert auditor.get(LIST, {"behind": behind}).status_code == 200


def test_paging_shows_every_row_once_and_newest_first(auditor, monkeypatch):
    for _ in range(7):
        PartnerFactory()
        AttributionRecordFactory().delete()
    Partner.objects.update(contact_name="all at once")
    monkeypatch.setattr(reading, "PAGE", 4)
    seen, address = [], LIST
    while address:
        page = auditor.get(address)
        seen += [line["entry"].place for line in page.context["lines"]]
        address = page.context["older"] and LIST + page.context["older"]
    assert len(seen) == len(set(seen))
    assert [place.at for place in seen] == sorted((place.at for place in seen), reverse=True)
    assert seen == [entry.place for entry in reading.everything(reading.Question(), at_once=3)]
    assert sum(place.table == "partners_partnerevent" for place in seen) == 14


def test_the_page_asks_as_often_over_many_rows(auditor):
    def asked():
        with CaptureQueriesContext(connection) as queries:
            assert auditor.get(LIST).status_code == 200
        return len(queries)

    def change_much(times):
        for number in range(times):
            user = UserFactory(role="Finance")
            with pghistory.context(user=user.pk, key=str(uuid.uuid4()), request=str(number)):
                PartnerFactory()
                AttributionRecordFactory().delete()

    change_much(1)
    asked()  # what a process learns once
    few = asked()
    change_much(20)
    assert asked() <= few


def test_the_export_is_what_is_filtered_and_no_formula(auditor):
    partner = PartnerFactory(name="=1+1")
    with pghistory.context(reason="=HYPERLINK(1)", path="@x"):
        Partner.objects.filter(pk=partner.pk).update(name="-2")
    answer = auditor.get(f"{LIST}export/", {"kind": "partners.partner"})
    update, insert = csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode()))
    assert (update["reason"], update["path"]) == ("'=HYPERLINK(1)", "'@x")
    assert (update["before"], update["after"]) == ('{"name": "=1+1"}', '{"name": "-2"}')
    assert insert["action"] == "insert"
    for row in (update, insert):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


def test_the_state_of_the_chain_is_on_top(auditor):
    assert auditor.get(LIST).context["chain"]["seal"] is None
    PartnerFactory()
    assert auditor.get(LIST).context["chain"]["waiting_since"] is not None
    AuditVerification.objects.create(
        started_at=dt.datetime.now(dt.UTC), seals_checked=1, rows_checked=1, findings_count=1,
        findings=[{"text": "partners_partner: row p is not what the log says."}],
    )  # fmt: skip
    page = auditor.get(LIST).content.decode()
    assert "1 finding" in page
    assert "row p is not what the log says" in page


@pytest.mark.parametrize("name", ["partners_partner", "attribution_attributionrecord"])
def test_the_history_of_an_object_is_its_audit_rows_for_whoever_may_read_them(auditor, client, name):
    made = PartnerFactory() if name == "partners_partner" else AttributionRecordFactory()
    address = reverse(f"admin:{name}_history", args=[made.pk])
    assert address in auditor.get(reverse(f"admin:{name}_change", args=[made.pk])).content.decode()
    answer = auditor.get(address)
    assert answer.status_code == 302
    assert answer.url == f"{LIST}?kind={name.replace('_', '.')}&object={made.pk}"
    client.force_login(UserFactory(role="Analyst"))
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("asked", ["user", "key", "request"])
def test_who_and_which_request_are_found_along_an_index(asked):
    question = reading.Question(kind="partners.partner", **{asked: "7"})
    [(text, values)] = reading._sources(Partner.pgh_event_model, question, None, 50)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {text}", values)
        assert f"partner_ev_{asked}" in str(cursor.fetchall())
