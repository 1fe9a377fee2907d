"""Who may do what over HTTP: every route and method has its line here, or the first test fails."""

import datetime as dt
import re

import pytest
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient

from attribution.models import Comparison, Run
from attribution_site import urls
from reports.models import Report
from tests.api import BASE
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    TrainingFactory,
    UserFactory,
)

PEOPLE = ("anonymous", "no role", "Analyst", "Auditor", "Finance", "Operations", "superuser")
TOUCH = {"leadId": "lead-1", "channel": "email"}
SALE = {"leadId": "lead-1", "type": "sale", "value": 10}
TRIAL = {"leadId": "lead-1", "model": "linear", "conversionValue": 10}
CONFIGURATION = {"model": "linear", "parameters": {"lookbackDays": 30}}
TODAY = dt.datetime.now(dt.UTC).date()
YEAR = {"startDate": f"{TODAY - dt.timedelta(days=364)}", "endDate": f"{TODAY}"}
QUESTION = {
    "start": "2026-01-01T00:00:00+00:00",
    "end": "2026-02-01T00:00:00+00:00",
    "currency": "USD",
    "contenders": [],
}
COMPARISON = {**YEAR, "contenders": [{"model": "linear"}]}
APPROVAL = {"status": "approved", "reason": "Checked."}


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
    ("GET", "conversions"): (READ, None),
    ("POST", "conversions"): (operations_only(201), SALE),
    ("GET", "conversions/{conversion}"): (READ, None),
    ("PUT", "conversions/{conversion}"): (operations_only(200), SALE),
    ("PATCH", "conversions/{conversion}"): (operations_only(200), {}),
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
    ("GET", "partners/{partner}"): (READ, None),
    ("GET", "brokers"): (READ, None),
    ("GET", "brokers/{broker}"): (READ, None),
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
    return {
        "touchpoint": TouchpointFactory().pk,
        "lead": "lead-of-all",
        "conversion": conversion.pk,
        "run": Run.objects.create(model_names=["linear"]).pk,
        "training": TrainingFactory().pk,
        "record": AttributionRecordFactory().pk,
        "model": "linear",
        "comparison": Comparison.objects.create(question=QUESTION).pk,
        "partner": PartnerFactory().pk,
        "broker": BrokerFactory().pk,
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
