"""A partner's or broker's key meets only what is its own, even where a filter is forgotten."""

import re
import uuid

import pytest
from django.db import connection
from django.db.utils import ProgrammingError
from django.utils import timezone

from attribution.models import Adjustment, AttributionRecord
from attribution_site.api.keys import Payee
from attribution_site.isolation import CREATE_ROLE, ROLE, as_owner, restricted_to
from conversions.models import Conversion, Reversal
from disputes.models import Dispute, Evidence, Message, Party
from partners.models import ApiKey, Broker, Partner, WebhookAttempt, WebhookEndpoint, WebhookMessage
from partners.operations import create_key
from payouts.models import BankAccount, Entry, Payout, PayoutLine
from tests.access.test_permissions_of_keys import STATUSES
from tests.api import BASE, refused
from tests.factories import (
    AttributionRecordFactory,
    BankAccountFactory,
    BrokerFactory,
    ConversionFactory,
    DisputeFactory,
    EvidenceFactory,
    MessageFactory,
    PartnerFactory,
    PartyFactory,
    TouchpointFactory,
    WebhookMessageFactory,
)
from tests.payouts.books import owed, payout_of
from touchpoints.models import Touchpoint

A, B = Payee("partner", "partner-a"), Payee("partner", "partner-b")
LISTS = {
    "touchpoints": Touchpoint,
    "leads/lead-both/touchpoints": Touchpoint,
    "attributions": AttributionRecord,
    "partners": Partner,
    "brokers": Broker,
    "disputes": Dispute,
    "adjustments": Adjustment,
    "keys": ApiKey,
    "webhooks": WebhookEndpoint,
    "payouts": Payout,
    "bank-accounts": BankAccount,
}
# How much of a list is partner a's, where that is not one row: the key that asks is its second.
OWN_ROWS = {"brokers": 0, "keys": 2}


@pytest.fixture
def two_partners(db):
    """Partners a and b and a broker, each with a touch of one lead that converted, and with a record."""
    PartnerFactory(id="partner-a"), PartnerFactory(id="partner-b"), BrokerFactory(id="broker-c")
    for column, payee in (("partner_id", A), ("partner_id", B), ("broker_id", Payee("broker", "broker-c"))):
        touch = TouchpointFactory(lead_id="lead-both", **{column: payee.id})
        record = AttributionRecordFactory(
            status="disputed",
            lead_id="lead-both",
            touchpoint_id=touch.pk,
            payee_type=payee.kind,
            payee_id=payee.id,
            **{"partner_id": None} | {column: payee.id},
        )
        create_key(name=f"key of {payee.id}", scopes=["partner"], payee=payee)
        delivery = WebhookMessageFactory(endpoint__description=payee.id, **{f"endpoint__{column}": payee.id})
        WebhookAttempt.objects.create(message=delivery, at=timezone.now(), duration_ms=1, status_code=200)
        _make_dispute(payee, record)
        if payee.kind == "partner":
            payout_of(payee.id, is_approved=True, entry=owed("10.00", payee=payee.id))
            BankAccountFactory(payee_id=payee.id)
    ConversionFactory(lead_id="lead-both")


def _make_dispute(payee, record):
    """With evidence, a message and an adjustment."""
    dispute = DisputeFactory(record=record, claimant_type=payee.kind, claimant_id=payee.id)
    EvidenceFactory(dispute=dispute), MessageFactory(dispute=dispute)
    Adjustment.objects.create(
        kind="reversal",
        reversal=Reversal.objects.create(
            conversion=ConversionFactory(), reason="refund", amount=1, commission_amount=0
        ),
        record_id=record.pk,
        conversion_id=record.conversion_id,
        payee_type=payee.kind,
        payee_id=payee.id,
        currency=record.currency,
        revenue_amount=-1,
        commission_amount=0,
    )


@pytest.fixture
def partner_a(two_partners, client_of):
    return client_of("partner", payee=A)


@pytest.mark.parametrize("path", LISTS)
def test_a_partner_lists_its_own_and_nobody_elses(partner_a, path):
    answer = partner_a.get(f"{BASE}/{path}")
    assert answer.status_code == 200
    assert "partner-b" not in answer.content.decode()
    assert "broker-c" not in answer.content.decode()
    assert len(answer.json()["results"]) == OWN_ROWS.get(path, 1)


def forget_filters(monkeypatch, *models):
    for model in models:
        monkeypatch.setattr(type(model.objects.all()), "visible_to", lambda rows, user: rows)


def open_the_second_lock(monkeypatch):
    monkeypatch.setattr("attribution_site.isolation.ENTER", "SELECT %s, %s, %s")


@pytest.mark.parametrize("path", LISTS)
def test_a_forgotten_filter_leaks_nothing(partner_a, path, monkeypatch):
    forget_filters(monkeypatch, LISTS[path])
    answer = partner_a.get(f"{BASE}/{path}")
    assert answer.status_code == 200
    assert "partner-b" not in answer.content.decode()
    assert "broker-c" not in answer.content.decode()
    assert len(answer.json()["results"]) == OWN_ROWS.get(path, 1)


@pytest.mark.parametrize("path", LISTS)
def test_the_same_forgotten_filter_would_leak_without_the_second_lock(partner_a, path, monkeypatch):
    forget_filters(monkeypatch, LISTS[path])
    open_the_second_lock(monkeypatch)
    assert len(partner_a.get(f"{BASE}/{path}").json()["results"]) > OWN_ROWS.get(path, 1)


WEBHOOK = {"url": "https://hooks.example.com/in", "events": ["records.changed"]}
# What is partner b's, by its id: read, then written.
ITEMS = {
    "get touchpoints/{touch}": None,
    "get attributions/{record}": None,
    "get attributions/{record}/explain": None,
    "get partners/partner-b": None,
    "get disputes/{dispute}": None,
    "get disputes/{dispute}/evidence": None,
    "get disputes/{dispute}/evidence/{evidence}": None,
    "get disputes/{dispute}/messages": None,
    "get keys/{key}": None,
    "get payouts/{payout}": None,
    "get bank-accounts/{account}": None,
    "get webhooks/{webhook}": None,
    "get webhooks/{webhook}/deliveries": None,
    "get webhooks/{webhook}/deliveries/{delivery}": None,
    "put touchpoints/{touch}": {"leadId": "l", "channel": "email"},
    "delete touchpoints/{touch}": None,
    "post disputes/{dispute}/withdraw": {},
    "post disputes/{dispute}/messages": {"body": "m"},
    "post disputes/{dispute}/evidence": {"seen": "by us"},
    "post keys/{key}/rotate": {},
    "post keys/{key}/revoke": {},
    "patch webhooks/{webhook}": {"description": "ours"},
    "put webhooks/{webhook}": WEBHOOK,
    "delete webhooks/{webhook}": None,
    "post webhooks/{webhook}/ping": None,
    "post webhooks/{webhook}/rotate-secret": {},
    "post webhooks/{webhook}/enable": None,
    "post webhooks/{webhook}/replay-failed": {},
    "post webhooks/{webhook}/deliveries/{delivery}/replay": None,
}
# A broker's own is what a partner never has, a file's content stands on disk, and statements have a test of their own.
ELSEWHERE = {"statements", "brokers/{}", "disputes/{}/evidence/{}/content"}
FILTERED = {*LISTS.values(), Party, Evidence, Message, WebhookMessage}


@pytest.fixture
def of_b(two_partners):
    dispute = Dispute.objects.get(claimant_id=B.id)
    delivery = WebhookMessage.objects.get(endpoint__partner_id=B.id)
    return {
        "touch": Touchpoint.objects.get(partner_id=B.id).pk,
        "record": AttributionRecord.objects.get(payee_id=B.id).pk,
        "dispute": dispute.pk,
        "evidence": dispute.evidence.get().pk,
        "payout": Payout.objects.get(payee_id=B.id).pk,
        "account": BankAccount.objects.get(payee_id=B.id).pk,
        "key": ApiKey.objects.get(partner_id=B.id).pk,
        "webhook": delivery.endpoint_id,
        "delivery": delivery.pk,
    }


def ask_for(item, client, of_b):
    method, path = item.split()
    return getattr(client, method)(f"{BASE}/{path.format(**of_b)}", ITEMS[item])


@pytest.mark.parametrize("item", ITEMS)
def test_with_all_filters_forgotten_an_id_of_anothers_opens_nothing(partner_a, of_b, item, monkeypatch):
    forget_filters(monkeypatch, *FILTERED)
    assert ask_for(item, partner_a, of_b).status_code == 404


# Operations of disputes ask for the party that the asker is.
THIRD_LOCK = {f"post disputes/{{dispute}}/{deed}" for deed in ("withdraw", "messages", "evidence")}


@pytest.mark.parametrize("item", [item for item in ITEMS if item not in THIRD_LOCK])
def test_and_the_same_id_would_without_the_second_lock(partner_a, of_b, item, monkeypatch):
    forget_filters(monkeypatch, *FILTERED)
    open_the_second_lock(monkeypatch)
    assert ask_for(item, partner_a, of_b).status_code != 404


def test_every_route_that_partners_read_is_among_them():
    """A new one that has no line above fails here."""
    lines = {*LISTS, *(re.sub(r"{\w+}|partner-b", "{}", item.split()[1]) for item in ITEMS)}
    readable = {
        re.sub(r"{\w+}", "{}", path)
        for (method, path), statuses in STATUSES.items()
        if method == "GET" and statuses["partner"] != 403
    }
    assert {path.replace("lead-both", "{}") for path in lines} >= readable - ELSEWHERE


OWN = [
    *(Touchpoint, AttributionRecord, Partner, Dispute, Party, Evidence, Message, Adjustment),
    *(ApiKey, WebhookEndpoint, WebhookMessage, WebhookAttempt, Payout, PayoutLine, Entry, BankAccount),
]


@pytest.mark.parametrize("model", OWN)
def test_the_database_shows_a_payee_its_own_rows_only(two_partners, model):
    with restricted_to(A):
        assert model.objects.count() == 1


@pytest.mark.parametrize("payee", [A, Payee("broker", "broker-c"), Payee("broker", "partner-a")])
def test_conversions_are_seen_only_behind_own_touches(two_partners, payee):
    ConversionFactory(lead_id="lead-of-nobody")
    with restricted_to(payee):
        assert Conversion.objects.count() == (0 if payee.id == "partner-a" and payee.kind == "broker" else 1)


@pytest.mark.parametrize("rest", ["", "/evidence", "/messages"])
def test_of_a_dispute_that_both_are_in_a_forgotten_filter_leaks_no_others_part(partner_a, rest, monkeypatch):
    """partner-a is a respondent in what partner-b claims."""
    dispute = Dispute.objects.get(claimant_id="partner-b")
    PartyFactory(dispute=dispute, payee_id="partner-a")
    forget_filters(monkeypatch, Dispute, Party, Evidence, Message, AttributionRecord)
    answer = partner_a.get(f"{BASE}/disputes/{dispute.pk}{rest}")
    assert answer.status_code == 200
    assert "partner-b" not in answer.content.decode()
    assert answer.json().get("count", 0) == 0


def test_and_it_would_without_the_second_lock(partner_a, monkeypatch):
    dispute = Dispute.objects.get(claimant_id="partner-b")
    PartyFactory(dispute=dispute, payee_id="partner-a")
    forget_filters(monkeypatch, Evidence)
    open_the_second_lock(monkeypatch)
    assert partner_a.get(f"{BASE}/disputes/{dispute.pk}/evidence").json()["count"] == 1


def test_the_database_takes_no_touch_for_another(two_partners):
    with pytest.raises(ProgrammingError, match="row-level security"), restricted_to(A):
        TouchpointFactory(partner_id="partner-b")


@pytest.mark.parametrize(
    "table",
    [
        *("auth_user", "attribution_site_keptanswer", "attribution_keptjourney", "django_session"),
        *("attribution_settlement", "disputes_disputeevent", "conversions_reversal"),
    ],
)
def test_other_tables_are_shut(two_partners, table):
    with pytest.raises(ProgrammingError, match="permission denied"), restricted_to(A), connection.cursor() as cursor:
        cursor.execute(f"SELECT FROM {table}")


def test_after_the_request_the_connection_is_the_houses_again(partner_a):
    partner_a.get(f"{BASE}/touchpoints")
    assert Touchpoint.objects.count() == 3


def test_what_the_house_does_for_a_payee_ends_with_its_block(two_partners):
    with restricted_to(A):
        with as_owner():
            assert Touchpoint.objects.count() == 3
        assert Touchpoint.objects.count() == 1


def test_anothers_row_is_not_found_like_one_that_never_was(partner_a):
    others = Touchpoint.objects.get(partner_id="partner-b").pk
    for method, body in (("get", None), ("put", {"leadId": "l", "channel": "email"}), ("patch", {}), ("delete", None)):
        answers = [getattr(partner_a, method)(f"{BASE}/touchpoints/{pk}", body) for pk in (others, uuid.uuid4())]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content


@pytest.mark.parametrize("query", ["partnerId=partner-b", "brokerId=broker-c", "partnerId=nobody"])
def test_filtering_by_another_finds_nothing(partner_a, query):
    TouchpointFactory(partner_id="partner-a", broker_id="broker-c")
    assert partner_a.get(f"{BASE}/touchpoints?{query}").json()["results"] == []


def test_of_an_own_touch_the_other_payee_is_not_told(partner_a):
    touch = TouchpointFactory(partner_id="partner-a", broker_id="broker-c")
    answer = partner_a.get(f"{BASE}/touchpoints/{touch.pk}").json()
    assert (answer["partnerId"], answer["brokerId"]) == ("partner-a", None)


def test_a_touch_with_frozen_credit_of_another_is_guarded_all_the_same(partner_a):
    touch = TouchpointFactory(partner_id="partner-a")
    AttributionRecordFactory(touchpoint_id=touch.pk, payee_id="partner-b", partner_id="partner-a", status="approved")
    answer = partner_a.delete(f"{BASE}/touchpoints/{touch.pk}")
    assert (answer.status_code, refused(answer)) == (409, {(None, "conflict")})


def test_a_partner_sends_changes_and_deletes_its_own_touches(partner_a):
    made = partner_a.post(f"{BASE}/touchpoints", {"leadId": "lead-1", "channel": "email"})
    assert made.status_code == 201, made.content
    assert made.json()["partnerId"] == "partner-a"
    path = f"{BASE}/touchpoints/{made.json()['id']}"
    assert partner_a.patch(path, {"channel": "webinar"}).json()["channel"] == "webinar"
    assert partner_a.delete(path).status_code == 204


@pytest.mark.parametrize("field", ["partnerId", "brokerId"])
@pytest.mark.parametrize("form", ["one", "array"])
def test_a_touch_for_another_is_refused_as_for_one_that_does_not_exist(partner_a, field, form):
    anothers = "partner-b" if field == "partnerId" else "broker-c"
    for payee_id in (anothers, "nobody"):
        touch = {"leadId": "lead-1", "channel": "email", field: payee_id}
        answer = partner_a.post(f"{BASE}/touchpoints", [touch] if form == "array" else touch)
        errors = answer.json()["items"][0]["errors"] if form == "array" else answer.json()["errors"]
        noun = field.removesuffix("Id")
        told = {"code": "unknown", "detail": f"There is no {noun} {payee_id}.", "attr": field}
        assert errors == [told]


def test_a_database_user_that_is_no_superuser_can_set_the_wall_up(db):
    """Since PostgreSQL 16 who makes a role may not act as it until told so."""
    mine = CREATE_ROLE.replace(ROLE, "attribution_test_payee")
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE attribution_test_plain CREATEROLE")
        cursor.execute("GRANT CREATE, USAGE ON SCHEMA public TO attribution_test_plain WITH GRANT OPTION")
        cursor.execute("SET LOCAL SESSION AUTHORIZATION attribution_test_plain")
        for _ in range(2):
            cursor.execute(mine)
        cursor.execute("SET LOCAL ROLE attribution_test_payee")
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("attribution_test_payee",)
        cursor.execute("RESET SESSION AUTHORIZATION")


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/t/nobody", 404), ("/t/nobody.gif", 200), ("/readyz", 503)]
)
def test_elsewhere_than_in_the_api_a_key_says_nothing(partner_a, path, status):
    assert partner_a.get(path).status_code == status


def test_a_database_error_within_is_told_as_what_it_was(partner_a, monkeypatch):
    def broken(*args, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1/0")

    monkeypatch.setattr("touchpoints.operations._insert", broken)
    answer = partner_a.post(f"{BASE}/touchpoints", {"leadId": "lead-1", "channel": "email"})
    assert (answer.status_code, refused(answer)) == (400, {(None, "out_of_range")})
    assert partner_a.get(f"{BASE}/partners").status_code == 200
