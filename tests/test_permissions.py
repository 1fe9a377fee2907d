"""Who may do what over HTTP: every route and method has its line here, or the first test fails."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient

from attribution.models import Comparison, Run
from attribution_site import urls
from partners.operations import create_key
from reports.models import Report
from reports.operations import save_spend
from tests.api import BASE
from tests.factories import (
    AttributionRecordFactory,
    BankAccountFactory,
    BrokerFactory,
    ConversionFactory,
    DisputeFactory,
    EvidenceFactory,
    PartnerFactory,
    TouchpointFactory,
    TrainingFactory,
    UserFactory,
    WebhookMessageFactory,
)
from tests.payouts.books import payout_of

PEOPLE = ("anonymous", "no role", "Analyst", "Auditor", "Finance", "Operations", "superuser")
TOUCH = {"leadId": "lead-1", "channel": "email"}
SALE = {"leadId": "lead-1", "type": "sale", "value": 10}
TRIAL = {"leadId": "lead-1", "model": "linear", "conversionValue": 10}
CONFIGURATION = {"model": "linear", "parameters": {"lookbackDays": 30}}
WEBHOOK = {"url": "https://hooks.example.com/in", "events": ["conversion.created"]}
TODAY = dt.datetime.now(dt.UTC).date()
YEAR = {"startDate": f"{TODAY - dt.timedelta(days=364)}", "endDate": f"{TODAY}"}
QUESTION = {
    "start": "2026-01-01T00:00:00+00:00",
    "end": "2026-02-01T00:00:00+00:00",
    "currency": "USD",
    "contenders": [],
}
COMPARISON = {**YEAR, "contenders": [{"model": "linear"}]}
CLAIM = {"attributionId": "019ca600-0000-7000-8000-000000000000", "disputeType": "amount", "reason": "It was ours."}
RESOLUTION = {"status": "resolved", "resolution": "It was theirs."}
APPROVAL = {"status": "approved", "reason": "Checked."}
ACCOUNT = {
    "payeeType": "partner",
    "payeeId": "partner-paid",
    "method": "ach",
    "currency": "USD",
    "holder": "Acme",
    "number": "000123456789",
    "routing": "091000019",
    "accountType": "checking",
}


def allowed(*statuses):
    """The statuses for PEOPLE after the first two, whom every route refuses."""
    return dict(zip(PEOPLE, (401, 403, *statuses), strict=True))


READ = allowed(200, 200, 200, 200, 200)


def operations_only(status):
    return allowed(403, 403, 403, status, status)


FINANCE_ONLY = allowed(403, 403, 200, 403, 200)
# No role has it: who configures how money is shared must not also approve it, nor work with whom it goes to.
ADMINISTRATORS_ONLY = allowed(403, 403, 403, 403, 201)

MATRIX = {
    ("GET", "touchpoints"): (READ, None),
    ("POST", "touchpoints"): (operations_only(201), TOUCH),
    ("GET", "touchpoints/{touchpoint}"): (READ, None),
    ("PUT", "touchpoints/{touchpoint}"): (operations_only(200), TOUCH),
    ("PATCH", "touchpoints/{touchpoint}"): (operations_only(200), {}),
    ("DELETE", "touchpoints/{touchpoint}"): (operations_only(204), None),
    ("GET", "leads/{lead}/touchpoints"): (READ, None),
    ("POST", "visitors/identify"): (operations_only(200), {"visitorId": "ab" * 16, "leadId": "lead-1"}),
    ("GET", "conversions"): (READ, None),
    ("POST", "conversions"): (operations_only(201), SALE),
    ("GET", "conversions/{conversion}"): (READ, None),
    ("PUT", "conversions/{conversion}"): (operations_only(200), SALE),
    ("PATCH", "conversions/{conversion}"): (operations_only(200), {}),
    ("POST", "conversions/{conversion}/reverse"): (operations_only(201), {"reason": "lapse", "amount": 1}),
    ("GET", "conversions/{conversion}/reversals"): (READ, None),
    ("POST", "attribution/calculate"): (READ, TRIAL),
    ("POST", "attribution/calculate-and-save"): (operations_only(200), {"leadId": "lead-of-all"}),
    ("GET", "attribution/batch"): (READ, None),
    ("POST", "attribution/batch"): (operations_only(202), {"leadIds": ["lead-none"]}),
    ("GET", "attribution/batch/{run}"): (READ, None),
    ("POST", "attribution/batch/{run}/cancel"): (operations_only(200), None),
    ("GET", "attribution/models"): (READ, None),
    ("GET", "attribution/models/{model}/config"): (READ, None),
    ("GET", "attribution/models/{model}/config/history"): (READ, None),
    ("POST", "attribution/models/config"): (ADMINISTRATORS_ONLY, CONFIGURATION),
    ("GET", "attribution/comparisons"): (READ, None),
    ("POST", "attribution/comparisons"): (allowed(202, 403, 202, 202, 202), COMPARISON),
    ("GET", "attribution/comparisons/{comparison}"): (READ, None),
    # It is nobody's: only an administrator may delete another's.
    ("DELETE", "attribution/comparisons/{comparison}"): (allowed(409, 403, 409, 409, 204), None),
    ("GET", "attribution/trainings"): (READ, None),
    ("POST", "attribution/trainings"): (allowed(403, 403, 403, 403, 202), {"days": 3650}),
    ("GET", "attribution/trainings/{training}"): (READ, None),
    ("GET", "attributions"): (READ, None),
    ("GET", "attributions/{record}"): (READ, None),
    ("GET", "attributions/{record}/explain"): (READ, None),
    ("PUT", "attributions/{record}"): (FINANCE_ONLY, APPROVAL),
    ("PATCH", "attributions/{record}"): (FINANCE_ONLY, APPROVAL),
    ("GET", "partners"): (READ, None),
    ("POST", "partners"): (allowed(403, 403, 201, 403, 201), {"id": "partner-new", "name": "New"}),
    ("PUT", "partners"): (allowed(403, 403, 201, 403, 201), {"id": "partner-put", "name": "New"}),
    ("GET", "partners/{partner}"): (READ, None),
    ("PUT", "partners/{partner}"): (FINANCE_ONLY, {"name": "Other"}),
    ("PATCH", "partners/{partner}"): (FINANCE_ONLY, {}),
    ("GET", "brokers"): (READ, None),
    ("POST", "brokers"): (allowed(403, 403, 201, 403, 201), {"id": "broker-new", "name": "New"}),
    ("PUT", "brokers"): (allowed(403, 403, 201, 403, 201), {"id": "broker-put", "name": "New"}),
    ("GET", "brokers/{broker}"): (READ, None),
    ("PUT", "brokers/{broker}"): (FINANCE_ONLY, {"name": "Other"}),
    ("PATCH", "brokers/{broker}"): (FINANCE_ONLY, {}),
    ("GET", "keys"): (READ, None),
    ("POST", "keys"): (ADMINISTRATORS_ONLY, {"name": "CRM", "scopes": ["read"]}),
    ("GET", "keys/{key}"): (READ, None),
    ("POST", "keys/{key}/rotate"): (ADMINISTRATORS_ONLY, {}),
    # Whoever is there may end a key that got out.
    ("POST", "keys/{key}/revoke"): (operations_only(200), None),
    ("GET", "disputes"): (READ, None),
    ("POST", "disputes"): (operations_only(200), [CLAIM]),
    ("POST", "disputes/resolve"): (operations_only(200), [RESOLUTION]),
    ("GET", "disputes/{dispute}"): (READ, None),
    ("POST", "disputes/{dispute}/ask"): (operations_only(200), {"question": "Which campaign?"}),
    ("POST", "disputes/{dispute}/answer"): (operations_only(409), {"answer": "Spring."}),
    ("POST", "disputes/{dispute}/assign"): (operations_only(200), {"assignedTo": "me"}),
    ("POST", "disputes/{dispute}/go-on"): (operations_only(409), {"reason": "No answer."}),
    ("GET", "disputes/{dispute}/simulate"): (operations_only(200), None),
    ("POST", "disputes/{dispute}/simulate"): (operations_only(400), {}),
    ("PUT", "disputes/{dispute}/resolve"): (operations_only(200), RESOLUTION),
    ("POST", "disputes/{dispute}/withdraw"): (operations_only(409), {}),
    ("POST", "disputes/{dispute}/appeal"): (operations_only(409), {"reason": "Look again."}),
    ("GET", "disputes/{dispute}/evidence"): (READ, None),
    ("POST", "disputes/{dispute}/evidence"): (operations_only(201), {"seen": "by us"}),
    ("GET", "disputes/{dispute}/evidence/{evidence}"): (READ, None),
    ("GET", "disputes/{dispute}/evidence/{evidence}/content"): (READ, None),
    ("GET", "disputes/{dispute}/messages"): (READ, None),
    ("POST", "disputes/{dispute}/messages"): (operations_only(201), {"body": "We look into it."}),
    ("GET", "adjustments"): (READ, None),
    ("GET", "payouts"): (READ, None),
    ("GET", "payouts/{payout}"): (READ, None),
    # Of other lines than those that wait; and it is not approved yet.
    ("POST", "payouts/{payout}/approve"): (allowed(403, 403, 409, 403, 409), {"linesHash": "0" * 64}),
    ("POST", "payouts/{payout}/pay"): (allowed(403, 403, 409, 403, 409), {"reference": "ref-1"}),
    ("POST", "payouts/{payout}/void"): (FINANCE_ONLY, {"reason": "A wrong period"}),
    ("GET", "bank-accounts"): (READ, None),
    ("POST", "bank-accounts"): (allowed(403, 403, 201, 403, 201), ACCOUNT),
    ("GET", "bank-accounts/{account}"): (READ, None),
    ("POST", "bank-accounts/{account}/withdraw"): (FINANCE_ONLY, {"reason": "A typing error"}),
    ("GET", "statements"): (READ, {"partnerId": "partner-paid", "period": "2026-03"}),
    ("GET", "spend"): (READ, None),
    ("POST", "spend"): (allowed(403, 403, 201, 201, 201), {"day": "2026-01-01", "channel": "email", "amount": 5}),
    ("GET", "webhooks"): (READ, None),
    ("POST", "webhooks"): (operations_only(201), WEBHOOK),
    ("GET", "webhooks/{webhook}"): (READ, None),
    ("PUT", "webhooks/{webhook}"): (operations_only(200), WEBHOOK),
    ("PATCH", "webhooks/{webhook}"): (operations_only(200), {}),
    ("DELETE", "webhooks/{webhook}"): (operations_only(204), None),
    ("POST", "webhooks/{webhook}/ping"): (operations_only(202), None),
    ("POST", "webhooks/{webhook}/rotate-secret"): (operations_only(200), None),
    ("POST", "webhooks/{webhook}/enable"): (operations_only(200), None),
    ("POST", "webhooks/{webhook}/replay-failed"): (operations_only(202), None),
    ("GET", "webhooks/{webhook}/deliveries"): (READ, None),
    ("GET", "webhooks/{webhook}/deliveries/{delivery}"): (READ, None),
    ("POST", "webhooks/{webhook}/deliveries/{delivery}/replay"): (operations_only(202), None),
    ("GET", "spend/{spend}"): (READ, None),
    ("GET", "reports/attribution"): (READ, {"startDate": "2026-01-01", "endDate": "2026-01-31"}),
    ("GET", "reports/attribution/{report}"): (READ, None),
}


def patterns(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def routes():
    """(method, path) of every route of the API, with what varies in a path as `{}`."""
    api = next(p for p in urls.urlpatterns if str(p.pattern).startswith("api/v1/"))
    for path, view in patterns(api):
        plain = re.sub(r"\(\?P<\w+>[^()]*\)|<\w+>", "{}", path).replace("\\Z", "").strip("^$/")
        # HEAD is GET without a body.
        for method in view.actions.keys() - {"head"}:
            yield method.upper(), plain


def test_every_route_has_its_line():
    lines = {(method, re.sub(r"{\w+}", "{}", path)) for method, path in MATRIX}
    assert set(routes()) == lines


@pytest.fixture
def things(db):
    conversion = ConversionFactory(lead_id="lead-of-all")
    delivery = WebhookMessageFactory()
    disputed = ConversionFactory()
    dispute = DisputeFactory(conversion_id=disputed.pk, record__conversion_id=disputed.pk)
    return {
        "dispute": dispute.pk,
        "evidence": EvidenceFactory(dispute=dispute).pk,
        "touchpoint": TouchpointFactory().pk,
        "lead": "lead-of-all",
        "conversion": conversion.pk,
        "run": Run.objects.create(model_names=["linear"]).pk,
        "training": TrainingFactory().pk,
        "record": AttributionRecordFactory().pk,
        "model": "linear",
        "comparison": Comparison.objects.create(question=QUESTION).pk,
        "payout": payout_of("partner-with-payout").pk,
        "account": BankAccountFactory(proposed=True).pk,
        "paid": PartnerFactory(pk="partner-paid").pk,
        "partner": PartnerFactory().pk,
        "broker": BrokerFactory().pk,
        "webhook": delivery.endpoint_id,
        "delivery": delivery.pk,
        "key": create_key(name="CRM", scopes=["read"])[0].pk,
        "spend": save_spend(values={"day": TODAY, "channel": "email", "amount": Decimal(5)})[0].pk,
        "report": Report.objects.create(parameters={}, result={}).pk,
    }


def client_of(who):
    client = APIClient()
    if who == "superuser":
        client.force_login(UserFactory(is_superuser=True))
    elif who == "no role":
        client.force_login(UserFactory())
    elif who != "anonymous":
        client.force_login(UserFactory(role=who))
    return client


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(("method", "path"), MATRIX, ids=[f"{m} {p}" for m, p in MATRIX])
def test_each_person_gets_what_their_role_gives(things, method, path, who):
    statuses, body = MATRIX[method, path]
    response = getattr(client_of(who), method.lower())(f"{BASE}/{path.format(**things)}", body)
    assert response.status_code == statuses[who], response.content
