"""Whether an id is another's or never was, nobody is told: not by the answer, nor by the work that it takes.

What an answer takes is its queries, so both take the same ones: as many, of the same text, in the same order."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attribution_site.api import keys
from attribution_site.api.keys import Payee
from partners.operations import create_key
from tests.access.conftest import A, client_with
from tests.access.test_nothing_of_another import ask, body_of, filled, operations, told
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    DisputeFactory,
    WebhookEndpointFactory,
    WebhookMessageFactory,
)

BROKER = Payee("broker", "broker-a")
ASKERS = {"a partner": A, "a broker": BROKER}
VALUES = re.compile(r"'(?:[^']|'')*'|\b\d+(\.\d+)?\b|\"s\d+_x\d+\"")


def details():
    """Every operation with an id in its path; `model` is a choice, and nobody's."""
    return [each for each in operations() if set(re.findall(r"{(\w+)}", each[0])) - {"model"}]


def shapes(queries):
    """The texts of queries, without the values and the names of savepoints in them."""
    return [VALUES.sub("?", query["sql"]) for query in queries]


def answer_and_work(client, method, path, operation, of_b, which):
    where, sent = filled(path, operation, of_b, which)
    with CaptureQueriesContext(connection) as queries:
        answer = ask(client, method, where, body_of(operation) if method != "get" else None)
    return told(answer, sent), shapes(queries.captured_queries)


@pytest.fixture(params=ASKERS)
def asker(request, of_b, monkeypatch):
    # A process looks keys up now and then: that must not count for the one or the other.
    monkeypatch.setattr(keys, "BELIEVED", 3600.0)
    BrokerFactory(id=BROKER.id)
    payee = ASKERS[request.param]
    client = client_with(create_key(name="key of A", scopes=["partner"], payee=payee)[1])
    assert ask(client, "get", "/touchpoints").status_code == 200
    return client


def unlike(client, of_b, details):
    """The operations that do not treat B's id as one that never was."""
    found = []
    for path, method, operation in details:
        theirs, never = (answer_and_work(client, method, path, operation, of_b, which) for which in (0, 1))
        if theirs != never:
            found.append((method, path, theirs, never))
    return found


def test_an_id_of_another_is_as_one_that_never_was(asker, of_b):
    assert unlike(asker, of_b, details()) == []


@pytest.mark.parametrize("asker", ["a partner"], indirect=True)
def test_nor_is_one_below_what_is_ones_own(asker, of_b):
    """Under A's own dispute and webhook, what hangs on those of B is not there."""
    record = AttributionRecordFactory(partner_id=A.id, payee_id=A.id, status="disputed")
    webhook = WebhookEndpointFactory(partner_id=A.id)
    own = {
        "disputeId": DisputeFactory(record=record, claimant_id=A.id, record_status_before="calculated").pk,
        "webhookId": webhook.pk,
    }
    for path in (f"/disputes/{own['disputeId']}/evidence", f"/webhooks/{webhook.pk}/deliveries"):
        assert ask(asker, "get", path).status_code == 200
    below = [(_filled(path, own), method, operation) for path, method, operation in details() if path.count("{") == 2]
    assert len(below) == 4
    # What `filled` knows no name of, it calls a conversion.
    delivery = WebhookMessageFactory(endpoint_id=of_b["webhook"])
    assert unlike(asker, of_b | {"conversion": delivery.pk}, below) == []


def _filled(path, values):
    for name, value in values.items():
        path = path.replace("{" + name + "}", str(value))
    return path
