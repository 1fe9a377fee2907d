"""Which key may do what: method × path × key → status. `tests/test_permissions.py` has the people."""

import pytest

from partners.operations import create_key
from tests.access.conftest import client_with
from tests.api import BASE
from tests.factories import AttributionRecordFactory, PartnerFactory, TouchpointFactory, WebhookMessageFactory
from tests.payouts.books import payout_of
from tests.test_permissions import MATRIX, things  # noqa: F401

PARTNER = ("partner", "partner-abc")
WRITING = [
    "touchpoints:write",
    "conversions:write",
    "attribution:write",
    "records:write",
    "partners:write",
    "spend:write",
    "configurations:write",
    "webhooks:write",
    "disputes:write",
]
# Scopes, and the payee that the key is bound to.
KEYS = {
    "ingest": (["ingest"], None),
    "read": (["read"], None),
    "service": (["read", *WRITING], None),
    "partner": (["partner"], PARTNER),
    "partner's ingest": (["ingest"], PARTNER),
}
REFUSED = dict.fromkeys(KEYS, 403)


def only(**statuses):
    """The statuses for these keys; every other is refused. `sender` is the ingest key of a partner."""
    names = {"sender": "partner's ingest"}
    return REFUSED | {names.get(name, name): status for name, status in statuses.items()}


READ = only(read=200, service=200)
OWN = only(read=200, service=200, partner=200)


def service_only(status):
    return only(service=status)


STATUSES = {
    ("GET", "touchpoints"): OWN,
    ("POST", "touchpoints"): dict.fromkeys(KEYS, 201) | {"read": 403},
    ("GET", "touchpoints/{touchpoint}"): OWN,
    ("PUT", "touchpoints/{touchpoint}"): only(service=200, partner=200),
    ("PATCH", "touchpoints/{touchpoint}"): only(service=200, partner=200),
    ("DELETE", "touchpoints/{touchpoint}"): only(service=204, partner=204),
    ("GET", "leads/{lead}/touchpoints"): OWN,
    ("POST", "visitors/identify"): only(ingest=200, service=200),
    ("GET", "conversions"): READ,
    ("POST", "conversions"): only(ingest=201, service=201),
    ("GET", "conversions/{conversion}"): READ,
    ("PUT", "conversions/{conversion}"): service_only(200),
    ("PATCH", "conversions/{conversion}"): service_only(200),
    ("POST", "conversions/{conversion}/reverse"): service_only(201),
    ("GET", "conversions/{conversion}/reversals"): READ,
    ("POST", "attribution/calculate"): READ,
    ("POST", "attribution/calculate-and-save"): service_only(200),
    ("GET", "attribution/batch"): READ,
    ("POST", "attribution/batch"): service_only(202),
    ("GET", "attribution/batch/{run}"): READ,
    ("POST", "attribution/batch/{run}/cancel"): service_only(200),
    ("GET", "attribution/models"): READ,
    ("GET", "attribution/models/{model}/config"): READ,
    ("GET", "attribution/models/{model}/config/history"): READ,
    ("POST", "attribution/models/config"): service_only(201),
    ("GET", "attribution/comparisons"): READ,
    ("POST", "attribution/comparisons"): service_only(202),
    ("GET", "attribution/comparisons/{comparison}"): READ,
    # Who made it is not known of a key, and only who made one may delete it.
    ("DELETE", "attribution/comparisons/{comparison}"): service_only(409),
    ("GET", "attribution/trainings"): READ,
    ("POST", "attribution/trainings"): service_only(202),
    ("GET", "attribution/trainings/{training}"): READ,
    ("GET", "attributions"): OWN,
    ("GET", "attributions/{record}"): OWN,
    ("GET", "attributions/{record}/explain"): OWN,
    ("PUT", "attributions/{record}"): service_only(200),
    ("PATCH", "attributions/{record}"): service_only(200),
    ("GET", "partners"): OWN,
    ("POST", "partners"): service_only(201),
    ("PUT", "partners"): service_only(201),
    ("GET", "partners/{partner}"): OWN,
    ("PUT", "partners/{partner}"): service_only(200),
    ("PATCH", "partners/{partner}"): service_only(200),
    ("GET", "brokers"): OWN,
    ("POST", "brokers"): service_only(201),
    ("PUT", "brokers"): service_only(201),
    # A partner is no broker: this one is not its own.
    ("GET", "brokers/{broker}"): only(read=200, service=200, partner=404),
    ("PUT", "brokers/{broker}"): service_only(200),
    ("PATCH", "brokers/{broker}"): service_only(200),
    # Which keys there are no key of the house reads.
    ("GET", "keys"): only(partner=200),
    ("POST", "keys"): only(partner=201),
    ("GET", "keys/{key}"): only(partner=200),
    ("POST", "keys/{key}/rotate"): only(partner=201),
    ("POST", "keys/{key}/revoke"): only(partner=200),
    ("GET", "spend"): READ,
    ("POST", "spend"): service_only(201),
    ("GET", "reports/attribution"): READ,
    ("GET", "reports/attribution/{report}"): READ,
    ("GET", "webhooks"): only(service=200, partner=200),
    ("POST", "webhooks"): only(service=201, partner=201),
    ("GET", "webhooks/{webhook}"): only(service=200, partner=200),
    ("PUT", "webhooks/{webhook}"): only(service=200, partner=200),
    ("PATCH", "webhooks/{webhook}"): only(service=200, partner=200),
    ("DELETE", "webhooks/{webhook}"): only(service=204, partner=204),
    ("POST", "webhooks/{webhook}/ping"): only(service=202, partner=202),
    ("POST", "webhooks/{webhook}/rotate-secret"): only(service=200, partner=200),
    ("POST", "webhooks/{webhook}/enable"): only(service=200, partner=200),
    ("POST", "webhooks/{webhook}/replay-failed"): only(service=202, partner=202),
    ("GET", "webhooks/{webhook}/deliveries"): only(service=200, partner=200),
    ("GET", "webhooks/{webhook}/deliveries/{delivery}"): only(service=200, partner=200),
    ("POST", "webhooks/{webhook}/deliveries/{delivery}/replay"): only(service=202, partner=202),
    ("GET", "spend/{spend}"): READ,
    ("GET", "disputes"): OWN,
    ("POST", "disputes"): only(service=200, partner=200),
    ("POST", "disputes/resolve"): service_only(200),
    ("GET", "disputes/{dispute}"): OWN,
    # It asks the house nothing: that is what messages are for.
    ("POST", "disputes/{dispute}/ask"): service_only(200),
    ("POST", "disputes/{dispute}/answer"): only(service=409, partner=409),
    ("POST", "disputes/{dispute}/assign"): service_only(400),
    ("POST", "disputes/{dispute}/go-on"): service_only(409),
    ("GET", "disputes/{dispute}/simulate"): service_only(200),
    ("POST", "disputes/{dispute}/simulate"): service_only(400),
    ("PUT", "disputes/{dispute}/resolve"): service_only(200),
    # Only who filed it withdraws it.
    ("POST", "disputes/{dispute}/withdraw"): only(service=409, partner=200),
    ("POST", "disputes/{dispute}/appeal"): only(service=409, partner=409),
    ("GET", "disputes/{dispute}/evidence"): OWN,
    ("POST", "disputes/{dispute}/evidence"): only(service=201, partner=201),
    ("GET", "disputes/{dispute}/evidence/{evidence}"): OWN,
    ("GET", "disputes/{dispute}/evidence/{evidence}/content"): OWN,
    ("GET", "disputes/{dispute}/messages"): OWN,
    ("POST", "disputes/{dispute}/messages"): only(service=201, partner=201),
    ("GET", "adjustments"): OWN,
    ("GET", "payouts"): OWN,
    ("GET", "payouts/{payout}"): OWN,
    # A person signs.
    ("POST", "payouts/{payout}/approve"): REFUSED,
    ("POST", "payouts/{payout}/pay"): REFUSED,
    ("POST", "payouts/{payout}/void"): REFUSED,
    ("GET", "statements"): OWN,
    ("GET", "bank-accounts"): OWN,
    # Where money goes a program of the house does not say.
    ("POST", "bank-accounts"): only(partner=201),
    ("GET", "bank-accounts/{account}"): OWN,
    ("POST", "bank-accounts/{account}/withdraw"): only(partner=200),
}
WEBHOOK = {"url": "https://hooks.example.com/in", "events": ["records.changed"]}
BODIES = {
    ("POST", "keys"): {"name": "Site", "scopes": ["ingest"]},
    ("PUT", "touchpoints/{touchpoint}"): {"leadId": "lead-of-all", "channel": "email"},
    ("GET", "statements"): {"partnerId": "partner-abc", "period": "2026-03"},
    # Its own, and of the method for which no other waits.
    ("POST", "bank-accounts"): {
        "method": "sepa",
        "currency": "EUR",
        "holder": "Acme",
        "number": "DE89370400440532013000",
    },
    ("POST", "webhooks"): WEBHOOK,
    ("PUT", "webhooks/{webhook}"): WEBHOOK,
}


def test_every_route_has_its_line():
    assert set(STATUSES) == set(MATRIX)


@pytest.fixture
def own(things):  # noqa: F811
    """What the partner's key may meet is the partner's own."""
    partner = PartnerFactory(id=PARTNER[1])
    record = AttributionRecordFactory(payee_id=partner.pk)
    key, _ = create_key(name="its other key", scopes=["partner"], payee=PARTNER)
    touch = TouchpointFactory(partner_id=partner.pk, lead_id="lead-of-all")
    delivery = WebhookMessageFactory(endpoint__partner=partner, endpoint__events=WEBHOOK["events"])
    payout = payout_of(partner.pk, is_approved=True)
    webhook = {"payout": payout.pk, "webhook": delivery.endpoint_id, "delivery": delivery.pk}
    return things | webhook | {"partner": partner.pk, "touchpoint": touch.pk, "record": record.pk, "key": key.pk}


@pytest.mark.parametrize("which", KEYS)
@pytest.mark.parametrize(("method", "path"), STATUSES, ids=[f"{m} {p}" for m, p in STATUSES])
def test_each_key_gets_what_its_scopes_give(own, method, path, which):
    scopes, payee = KEYS[which]
    client = client_with(create_key(name=which, scopes=scopes, payee=payee)[1])
    body = BODIES.get((method, path), MATRIX[method, path][1])
    response = getattr(client, method.lower())(f"{BASE}/{path.format(**own)}", body)
    assert response.status_code == STATUSES[method, path][which], response.content
