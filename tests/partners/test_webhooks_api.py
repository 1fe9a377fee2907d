"""The routes of webhooks, for the house and for keys that are bound to a partner or broker."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks.webhooks import Webhook

from attribution_site.api import keys
from partners.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from partners.operations import create_key
from partners.webhooks import sealing, sending
from tests.api import BASE, refused
from tests.factories import (
    BrokerFactory,
    PartnerFactory,
    UserFactory,
    WebhookEndpointFactory,
    WebhookMessageFactory,
)

pytestmark = pytest.mark.django_db
URL = f"{BASE}/webhooks"
ASKED = {"url": "https://hooks.example.com/in", "events": ["conversion.created", "records.changed"]}
OWN = {"url": "https://hooks.partner-a.example/in", "events": ["records.changed"]}


def client_with(**key):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {create_key(name='program', **key)[1]}")
    return client


@pytest.fixture
def partner_a(db):
    return PartnerFactory(id="partner-a")


@pytest.fixture
def as_partner_a(partner_a):
    return client_with(scopes=["partner"], payee=("partner", "partner-a"))


def test_a_new_webhook_shows_its_secret_this_once(api):
    response = api.post(URL, ASKED | {"description": "CRM"})
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    answer = response.json()
    secret = answer.pop("secret")
    assert Webhook(secret)
    assert answer == {
        **ASKED,
        "id": answer["id"],
        "description": "CRM",
        "partnerId": None,
        "brokerId": None,
        "status": "active",
        "failingSince": None,
        "disabledAt": None,
        "disabledReason": "",
        "createdAt": answer["createdAt"],
    }
    assert api.get(f"{URL}/{answer['id']}").json() == answer
    assert secret not in api.get(URL).content.decode()
    endpoint = WebhookEndpoint.objects.get()
    assert sealing.unseal(endpoint.secret) == secret
    assert endpoint.created_by.groups.get().name == "Operations"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"url": "http://hooks.example.com/"}, ("url", "not_allowed")),
        ({"url": "https://127.0.0.1/"}, ("url", "not_allowed")),
        ({"url": "https://user:pass@hooks.example.com/"}, ("url", "not_allowed")),
        ({"url": "https://hooks.example.com/" + "x" * 2000}, ("url", "max_length")),
        ({"url": 5}, ("url", "invalid")),
        ({"events": []}, ("events", "empty")),
        ({"events": ["ping"]}, ("events.0", "invalid_choice")),
        ({"events": ["lead.created"]}, ("events.0", "invalid_choice")),
        ({"events": "records.changed"}, ("events", "not_a_list")),
        ({"secret": "whsec_mine"}, ("secret", "unknown_field")),
        ({"partnerId": "partner-none"}, ("partnerId", "does_not_exist")),
        ({"partnerId": "partner-a", "brokerId": "broker-a"}, ("brokerId", "one_payee")),
        ({"description": "x" * 201}, ("description", "max_length")),
    ],
)
def test_what_cannot_be_is_refused_by_field(api, changed, error):
    response = api.post(URL, ASKED | changed)
    assert response.status_code == 400
    assert refused(response) == {error}
    assert not WebhookEndpoint.objects.exists()


def test_a_partners_key_makes_webhooks_of_its_own(as_partner_a):
    response = as_partner_a.post(URL, OWN)
    assert response.status_code == 201, response.json()
    assert response.json()["partnerId"] == "partner-a"
    assert WebhookEndpoint.objects.get().partner_id == "partner-a"


@pytest.mark.parametrize("other", [{"partnerId": "partner-b"}, {"partnerId": "partner-none"}, {"brokerId": "broker-b"}])
def test_a_partners_key_makes_none_for_another_and_learns_nothing_of_it(as_partner_a, other):
    PartnerFactory(id="partner-b")
    BrokerFactory(id="broker-b")
    response = as_partner_a.post(URL, OWN | other)
    assert response.status_code == 400
    [(_, code)] = refused(response)
    assert code == "does_not_exist"


def test_a_partner_cannot_ask_for_what_the_house_alone_may_know(as_partner_a):
    response = as_partner_a.post(URL, OWN | {"events": ["records.changed", "conversion.created"]})
    assert refused(response) == {("events", "invalid_choice")}
    made = as_partner_a.post(URL, OWN).json()
    response = as_partner_a.patch(f"{URL}/{made['id']}", {"events": ["conversion.created"]})
    assert refused(response) == {("events", "invalid_choice")}


def test_a_partner_meets_no_webhook_but_its_own(as_partner_a, partner_a):
    own = WebhookEndpointFactory(partner=partner_a, events=["records.changed"])
    others = [
        WebhookEndpointFactory(),
        WebhookEndpointFactory(partner=PartnerFactory(), events=["records.changed"]),
        WebhookEndpointFactory(broker=BrokerFactory(id="partner-a"), events=["records.changed"]),
    ]
    listed = as_partner_a.get(URL).json()
    assert (listed["count"], [each["id"] for each in listed["results"]]) == (1, [str(own.pk)])
    for other in others:
        message = WebhookMessageFactory(endpoint=other)
        path = f"{URL}/{other.pk}"
        assert as_partner_a.get(path).status_code == 404
        assert as_partner_a.put(path, OWN).status_code == 404
        assert as_partner_a.patch(path, {}).status_code == 404
        assert as_partner_a.delete(path).status_code == 404
        for action in ("ping", "rotate-secret", "enable", "replay-failed"):
            assert as_partner_a.post(f"{path}/{action}").status_code == 404
        assert as_partner_a.get(f"{path}/deliveries").status_code == 404
        assert as_partner_a.get(f"{path}/deliveries/{message.pk}").status_code == 404
        assert as_partner_a.post(f"{path}/deliveries/{message.pk}/replay").status_code == 404
        # Nor by a path of its own.
        assert as_partner_a.get(f"{URL}/{own.pk}/deliveries/{message.pk}").status_code == 404
        assert as_partner_a.post(f"{URL}/{own.pk}/deliveries/{message.pk}/replay").status_code == 404


def test_the_first_lock_holds_without_the_second(partner_a):
    """Requests of bound keys run behind row-level security too; here nothing does."""
    own = WebhookMessageFactory(endpoint__partner=partner_a, endpoint__events=["records.changed"])
    WebhookMessageFactory()
    _, key = create_key(name="program", scopes=["partner"], payee=("partner", "partner-a"))
    asker = keys.known.holder(key)
    assert list(WebhookEndpoint.objects.visible_to(asker)) == [own.endpoint]
    assert list(WebhookMessage.objects.visible_to(asker)) == [own]
    assert not WebhookEndpoint.objects.visible_to(UserFactory())
    assert WebhookEndpoint.objects.visible_to(UserFactory(role="Auditor")).count() == 2


def test_a_key_that_reads_everything_does_not_read_webhooks():
    WebhookEndpointFactory()
    assert client_with(scopes=["read"]).get(URL).status_code == 403
    assert client_with(scopes=["webhooks:write"]).get(URL).json()["count"] == 1


def test_a_webhook_changes_but_stays_whose_it_is(api, partner_a):
    endpoint = WebhookEndpointFactory(partner=partner_a, events=["records.changed"], description="Old")
    path = f"{URL}/{endpoint.pk}"
    answer = api.patch(path, {"url": "https://new.example.com/"}).json()
    assert (answer["url"], answer["description"], answer["events"]) == (
        "https://new.example.com/",
        "Old",
        ["records.changed"],
    )
    answer = api.put(path, OWN | {"partnerId": "partner-a"}).json()
    assert (answer["url"], answer["description"]) == (OWN["url"], "")
    PartnerFactory(id="partner-b")
    assert refused(api.patch(path, {"partnerId": "partner-b"})) == {("partnerId", "fixed")}
    assert refused(api.put(path, {"url": OWN["url"]})) == {("events", "required")}
    assert refused(api.patch(path, {"url": "https://10.0.0.1/"})) == {("url", "not_allowed")}


def test_a_deleted_webhook_is_gone_and_its_secret_with_it(api):
    message = WebhookMessageFactory(status="pending", next_attempt_at=timezone.now(), delivered_at=None)
    path = f"{URL}/{message.endpoint_id}"
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert api.get(f"{path}/deliveries").status_code == 404
    assert api.delete(path).status_code == 404
    assert api.get(URL).json()["count"] == 0
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.status, endpoint.secret) == ("deleted", "")
    assert endpoint.messages.get().status == "failed"


def test_a_ping_arrives_and_is_found_in_the_log(api, receiver):
    endpoint = WebhookEndpointFactory(url=receiver.url, events=["records.changed"])
    response = api.post(f"{URL}/{endpoint.pk}/ping")
    assert (response.status_code, response.json()["status"]) == (202, "pending")
    sending.send_due()
    [(_, _, _, body)] = receiver.requests
    assert b'"type":"ping"' in body
    answer = api.get(f"{URL}/{endpoint.pk}/deliveries/{response.json()['id']}").json()
    assert (answer["event"], answer["status"], answer["attempts"], answer["body"]) == (
        "ping",
        "delivered",
        1,
        body.decode(),
    )
    [attempt] = answer["log"]
    assert (attempt["statusCode"], attempt["error"], attempt["answer"]) == (204, "", "")


def test_a_webhook_that_is_off_says_so_until_it_is_enabled(api):
    endpoint = WebhookEndpointFactory(status="disabled", disabled_at=timezone.now(), disabled_reason="Gone.")
    path = f"{URL}/{endpoint.pk}"
    assert api.get(path).json()["disabledReason"] == "Gone."
    assert refused(api.post(f"{path}/ping")) == {(None, "webhook_is_disabled")}
    answer = api.post(f"{path}/enable").json()
    assert (answer["status"], answer["disabledAt"], answer["disabledReason"]) == ("active", None, "")
    assert api.post(f"{path}/ping").status_code == 202


def test_a_rotated_secret_is_shown_once_and_the_overlap_bounded(api):
    endpoint = WebhookEndpointFactory()
    path = f"{URL}/{endpoint.pk}/rotate-secret"
    response = api.post(path, {"overlapHours": 2})
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
    stored = WebhookEndpoint.objects.get()
    assert sealing.unseal(stored.secret) == response.json()["secret"]
    assert stored.old_secret == endpoint.secret
    assert dt.timedelta(hours=1.9) < stored.old_secret_until - timezone.now() < dt.timedelta(hours=2.1)
    assert refused(api.post(path, {"overlapHours": 721})) == {("overlapHours", "out_of_range")}
    assert refused(api.post(path, {"overlapHours": -1})) == {("overlapHours", "min_value")}
    assert refused(api.post(path, {"overlap": 1})) == {("overlap", "unknown_field")}


def test_deliveries_are_filtered_and_paged(api):
    endpoint = WebhookEndpointFactory()
    for status in ("delivered", "failed", "failed"):
        WebhookMessageFactory(endpoint=endpoint, status=status, event="conversion.updated")
    ping = WebhookMessageFactory(endpoint=endpoint, event="ping")
    WebhookMessageFactory()
    path = f"{URL}/{endpoint.pk}/deliveries"
    assert len(api.get(path).json()["results"]) == 4
    assert [each["status"] for each in api.get(path, {"status": "failed"}).json()["results"]] == ["failed"] * 2
    assert [each["id"] for each in api.get(path, {"event": "ping"}).json()["results"]] == [str(ping.pk)]
    assert api.get(path, {"startDate": "2999-01-01"}).json()["results"] == []
    first = api.get(path, {"pageSize": 3}).json()
    assert first["results"][0]["id"] == str(ping.pk)
    assert len(api.get(first["next"]).json()["results"]) == 1
    assert refused(api.get(path, {"state": "failed"})) == {("state", "unknown_field")}
    assert refused(api.get(path, {"status": "lost"})) == {("status", "invalid_choice")}


def test_one_message_or_all_that_failed_are_sent_again(api):
    endpoint = WebhookEndpointFactory()
    one, two = (WebhookMessageFactory(endpoint=endpoint, status="failed", delivered_at=None) for _ in "12")
    path = f"{URL}/{endpoint.pk}"
    response = api.post(f"{path}/deliveries/{one.pk}/replay")
    assert (response.status_code, response.json()["status"], response.json()["attempts"]) == (202, "pending", 0)
    assert refused(api.post(f"{path}/deliveries/{one.pk}/replay")) == {(None, "not_sent_yet")}
    tomorrow = (timezone.now() + dt.timedelta(days=1)).isoformat()
    assert api.post(f"{path}/replay-failed", {"since": tomorrow}).json() == {"replayed": 0}
    assert api.post(f"{path}/replay-failed").json() == {"replayed": 1}
    two.refresh_from_db()
    assert two.status == "pending"


@pytest.mark.parametrize("wrong", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_what_is_not_there_is_not_found(api, wrong):
    endpoint = WebhookEndpointFactory()
    assert api.get(f"{URL}/{wrong}").status_code == 404
    assert api.get(f"{URL}/{wrong}/deliveries").status_code == 404
    assert api.get(f"{URL}/{endpoint.pk}/deliveries/{wrong}").status_code == 404
    assert api.post(f"{URL}/{endpoint.pk}/deliveries/{wrong}/replay").status_code == 404


def queries(client, path):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_lists_ask_no_more_for_more_rows(api, partner_a):
    def more():
        for _ in range(5):
            endpoint = WebhookEndpointFactory(partner=partner_a, created_by=UserFactory())
            for _ in range(3):
                message = WebhookMessageFactory(endpoint=first)
                WebhookAttempt.objects.create(message=message, at=timezone.now(), status_code=200, duration_ms=3)
        return endpoint

    first = WebhookEndpointFactory()
    more()
    paths = [URL, f"{URL}/{first.pk}/deliveries"]
    before = [queries(api, path) for path in paths]
    more()
    assert [queries(api, path) for path in paths] == before
    assert WebhookMessage.objects.count() == 30
