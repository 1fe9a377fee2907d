"""What each scope alone opens, and the key of a broker: every route of the API that is not refused."""

import pytest

from partners.models import BOUND_SCOPES, Scope
from partners.operations import create_key
from tests.access.conftest import client_with
from tests.api import BASE
from tests.factories import BrokerFactory, PartnerFactory
from tests.test_permissions import MATRIX, things  # noqa: F401

PAYEES = {"partner": ("partner", "partner-abc"), "broker": ("broker", "broker-abc")}
# Scope → what its key gets past the 403 of, alone. What of that it then finds is its own (test_isolation.py).
OPENS = {
    "ingest": ["POST conversions", "POST touchpoints", "POST visitors/identify"],
    "read": [
        "GET adjustments",
        "GET attribution/batch",
        "GET attribution/batch/{run}",
        "GET attribution/comparisons",
        "GET attribution/comparisons/{comparison}",
        "GET attribution/models",
        "GET attribution/models/{model}/config",
        "GET attribution/models/{model}/config/history",
        "GET attribution/trainings",
        "GET attribution/trainings/{training}",
        "GET attributions",
        "GET attributions/{record}",
        "GET attributions/{record}/explain",
        "GET bank-accounts",
        "GET bank-accounts/{account}",
        "GET brokers",
        "GET brokers/{broker}",
        "GET conversions",
        "GET conversions/{conversion}",
        "GET conversions/{conversion}/reversals",
        "GET disputes",
        "GET disputes/{dispute}",
        "GET disputes/{dispute}/evidence",
        "GET disputes/{dispute}/evidence/{evidence}",
        "GET disputes/{dispute}/evidence/{evidence}/content",
        "GET disputes/{dispute}/messages",
        "GET leads/{lead}/touchpoints",
        "GET partners",
        "GET partners/{partner}",
        "GET payouts",
        "GET payouts/{payout}",
        "GET reports/attribution",
        "GET reports/attribution/{report}",
        "GET spend",
        "GET spend/{spend}",
        "GET statements",
        "GET touchpoints",
        "GET touchpoints/{touchpoint}",
        "POST attribution/calculate",
    ],
    "touchpoints:write": [
        "DELETE touchpoints/{touchpoint}",
        "PATCH touchpoints/{touchpoint}",
        "POST touchpoints",
        "POST visitors/identify",
        "PUT touchpoints/{touchpoint}",
    ],
    "conversions:write": [
        "PATCH conversions/{conversion}",
        "POST conversions",
        "POST conversions/{conversion}/reverse",
        "PUT conversions/{conversion}",
    ],
    "attribution:write": [
        "DELETE attribution/comparisons/{comparison}",
        "POST attribution/batch",
        "POST attribution/batch/{run}/cancel",
        "POST attribution/calculate-and-save",
        "POST attribution/comparisons",
    ],
    "records:write": ["PATCH attributions/{record}", "PUT attributions/{record}"],
    # Its answers tell what is stored: it needs `read` beside it.
    "partners:write": [],
    "spend:write": ["POST spend"],
    "configurations:write": ["POST attribution/models/config", "POST attribution/trainings"],
    "webhooks:write": [
        "DELETE webhooks/{webhook}",
        "GET webhooks",
        "GET webhooks/{webhook}",
        "GET webhooks/{webhook}/deliveries",
        "GET webhooks/{webhook}/deliveries/{delivery}",
        "PATCH webhooks/{webhook}",
        "POST webhooks",
        "POST webhooks/{webhook}/deliveries/{delivery}/replay",
        "POST webhooks/{webhook}/enable",
        "POST webhooks/{webhook}/ping",
        "POST webhooks/{webhook}/replay-failed",
        "POST webhooks/{webhook}/rotate-secret",
        "PUT webhooks/{webhook}",
    ],
    "disputes:write": [
        "GET disputes",
        "GET disputes/{dispute}",
        "GET disputes/{dispute}/evidence",
        "GET disputes/{dispute}/evidence/{evidence}",
        "GET disputes/{dispute}/evidence/{evidence}/content",
        "GET disputes/{dispute}/messages",
        "GET disputes/{dispute}/simulate",
        "POST disputes",
        "POST disputes/resolve",
        "POST disputes/{dispute}/answer",
        "POST disputes/{dispute}/appeal",
        "POST disputes/{dispute}/ask",
        "POST disputes/{dispute}/assign",
        "POST disputes/{dispute}/evidence",
        "POST disputes/{dispute}/go-on",
        "POST disputes/{dispute}/messages",
        "POST disputes/{dispute}/simulate",
        "POST disputes/{dispute}/withdraw",
        "PUT disputes/{dispute}/resolve",
    ],
}
BOUND_OPENS = {
    "ingest": ["POST touchpoints"],
    "partner": [
        "DELETE touchpoints/{touchpoint}",
        "DELETE webhooks/{webhook}",
        "GET adjustments",
        "GET attributions",
        "GET attributions/{record}",
        "GET attributions/{record}/explain",
        "GET brokers",
        "GET brokers/{broker}",
        "GET bank-accounts",
        "GET bank-accounts/{account}",
        "POST bank-accounts",
        "POST bank-accounts/{account}/withdraw",
        "GET payouts",
        "GET payouts/{payout}",
        "GET statements",
        "GET disputes",
        "GET disputes/{dispute}",
        "GET disputes/{dispute}/evidence",
        "GET disputes/{dispute}/evidence/{evidence}",
        "GET disputes/{dispute}/evidence/{evidence}/content",
        "GET disputes/{dispute}/messages",
        "GET keys",
        "GET keys/{key}",
        "GET leads/{lead}/touchpoints",
        "GET partners",
        "GET partners/{partner}",
        "GET touchpoints",
        "GET touchpoints/{touchpoint}",
        "GET webhooks",
        "GET webhooks/{webhook}",
        "GET webhooks/{webhook}/deliveries",
        "GET webhooks/{webhook}/deliveries/{delivery}",
        "PATCH touchpoints/{touchpoint}",
        "PATCH webhooks/{webhook}",
        "POST disputes",
        "POST disputes/{dispute}/answer",
        "POST disputes/{dispute}/appeal",
        "POST disputes/{dispute}/evidence",
        "POST disputes/{dispute}/messages",
        "POST disputes/{dispute}/withdraw",
        "POST keys",
        "POST keys/{key}/revoke",
        "POST keys/{key}/rotate",
        "POST touchpoints",
        "POST webhooks",
        "POST webhooks/{webhook}/deliveries/{delivery}/replay",
        "POST webhooks/{webhook}/enable",
        "POST webhooks/{webhook}/ping",
        "POST webhooks/{webhook}/replay-failed",
        "POST webhooks/{webhook}/rotate-secret",
        "PUT touchpoints/{touchpoint}",
        "PUT webhooks/{webhook}",
    ],
}


def opened(things, scope, payee):  # noqa: F811
    client = client_with(create_key(name=scope, scopes=[scope], payee=payee)[1])
    found = set()
    for (method, path), (_people, body) in MATRIX.items():
        answer = getattr(client, method.lower())(f"{BASE}/{path.format(**things)}", body)
        assert answer.status_code < 500, (method, path)
        if answer.status_code != 403:
            found.add(f"{method} {path}")
    return found


def test_every_scope_has_its_line():
    assert set(OPENS) == set(Scope.values) - {"partner"}
    assert set(BOUND_OPENS) == set(BOUND_SCOPES)


@pytest.mark.parametrize("scope", OPENS)
def test_a_scope_alone_opens_what_it_says(things, scope):  # noqa: F811
    assert opened(things, scope, None) == set(OPENS[scope])


@pytest.mark.parametrize("kind", PAYEES)
@pytest.mark.parametrize("scope", BOUND_OPENS)
def test_the_key_of_a_partner_or_broker_opens_the_same(things, scope, kind):  # noqa: F811
    PartnerFactory(id="partner-abc"), BrokerFactory(id="broker-abc")
    assert opened(things, scope, PAYEES[kind]) == set(BOUND_OPENS[scope])


def test_a_broker_meets_its_own_and_no_partner(db):
    PartnerFactory(id="broker-abc"), BrokerFactory(id="broker-abc")
    client = client_with(create_key(name="n", scopes=["partner"], payee=PAYEES["broker"])[1])
    found = {kind: client.get(f"{BASE}/{kind}s/broker-abc").status_code for kind in PAYEES}
    assert found == {"partner": 404, "broker": 200}
