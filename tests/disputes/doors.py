"""Who asks in tests of the routes of disputes."""

import pytest
from rest_framework.test import APIClient

from attribution_site.api import keys
from partners.operations import create_key
from tests.api import BASE

URL = f"{BASE}/disputes"


def client_with(*scopes, payee=None):
    keys.known.forget()
    client = APIClient()
    _, key = create_key(name="program", scopes=scopes, payee=payee)
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


def partner(number):
    """With a key of partner-0, partner-1, … of `worlds.sold`."""
    return client_with("partner", payee=("partner", f"partner-{number}"))


def service(*more):
    return client_with("read", "disputes:write", *more)


def signed_in(user):
    client = APIClient()
    client.force_login(user)
    return client


def filed(client, record, **values):
    claim = {"attributionId": str(record.pk), "disputeType": "amount", "reason": "We brought this lead twice."}
    response = client.post(URL, claim | values)
    assert response.status_code == 201, response.content
    return response.json()


def ok(response, status=200):
    assert response.status_code == status, response.content
    return response.json()


def refusal(response):
    """Status, and of each error its field and code."""
    answer = response.json()
    assert set(answer) == {"type", "errors"}
    return response.status_code, {(error["attr"], error["code"]) for error in answer["errors"]}


needs_transactions = pytest.mark.django_db(transaction=True)
