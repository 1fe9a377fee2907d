"""As partner A, nothing of partner B can be had by any request in the schema.

Every operation is asked for B's things, by path, by each query parameter and in the body, and for things that never
were: both answers are the same but for the id that was sent. And no answer holds anything of B that was not sent.
"""

import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from attribution_site.api.keys import Payee
from disputes.models import Dispute, Evidence
from partners.models import ApiKey
from partners.operations import create_key
from partners.webhooks import operations as webhooks
from tests.access.conftest import client_with
from tests.api import BASE
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    DisputeFactory,
    EvidenceFactory,
    MessageFactory,
    PartnerFactory,
    TouchpointFactory,
)
from touchpoints.models import Touchpoint

A, B = Payee("partner", "partner-a"), Payee("partner", "partner-b")
NEVER = "never-was"
ID_OF = {
    "touchpoints": "touchpoint",
    "attributions": "record",
    "keys": "key",
    "partners": "partner",
    "brokers": "broker",
    "disputes": "dispute",
}


def schema():
    return APIClient().get("/api/schema", headers={"Accept": "application/vnd.oai.openapi+json"}).json()


def operations():
    for path, by_method in schema()["paths"].items():
        for method, operation in by_method.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                # What all operations have in common, such as the headers of writes, stands behind a reference.
                parameters = [each for each in operation.get("parameters", []) if "$ref" not in each]
                yield path.removeprefix(BASE), method, operation | {"parameters": parameters}


@pytest.fixture
def of_b(db):
    """What is B's, by the names that paths and parameters call it."""
    PartnerFactory(id=A.id, name="A"), PartnerFactory(id=B.id, name="Secret name of B"), BrokerFactory(id="broker-b")
    conversion = ConversionFactory(lead_id="lead-of-b", policy_number="secret-policy")
    touch = TouchpointFactory(lead_id="lead-of-b", partner_id=B.id, campaign="secret-campaign", session_id="session-b")
    record = AttributionRecordFactory(
        lead_id="lead-of-b",
        conversion_id=conversion.pk,
        touchpoint_id=touch.pk,
        partner_id=B.id,
        payee_id=B.id,
        status="disputed",
    )
    own = TouchpointFactory(lead_id="lead-of-a", partner_id=A.id, campaign="own-campaign")
    AttributionRecordFactory(lead_id="lead-of-a", touchpoint_id=own.pk, partner_id=A.id, payee_id=A.id)
    dispute = DisputeFactory(
        record=record, claimant_id=B.id, reason="secret reason", record_status_before="calculated", number=4711
    )
    evidence = EvidenceFactory(dispute=dispute, content={"secret": "secret-evidence"})
    message = MessageFactory(dispute=dispute, body="secret message")
    key, text = create_key(name="secret key of B", scopes=["partner"], payee=B)
    endpoint, secret = webhooks.create_endpoint(
        url="https://secret.example.com/hook", events=["records.changed"], payee=B, created_by=None
    )
    return {
        "touchpoint": touch.pk,
        "record": record.pk,
        "conversion": conversion.pk,
        "dispute": dispute.pk,
        "evidence": evidence.pk,
        "message": message.pk,
        "lead": "lead-of-b",
        "partner": B.id,
        "broker": "broker-b",
        "key": key.pk,
        "webhook": endpoint.pk,
        "session": "session-b",
        "campaign": "secret-campaign",
        "secrets": [text, key.prefix, secret],
    }


@pytest.fixture
def as_a(of_b):
    return client_with(create_key(name="key of A", scopes=["partner"], payee=A)[1])


def markers(of_b):
    """What no answer to A may hold."""
    of_words = ["partner-b", "broker-b", "secret", "lead-of-b", "session-b", "Secret"]
    return of_words + [str(value) for name, value in of_b.items() if name != "secrets"] + of_b["secrets"]


def thing_of(path, parameter):
    """Which thing a path's parameter means."""
    by_name = {
        "leadId": "lead",
        "webhookId": "webhook",
        "conversionId": "conversion",
        "disputeId": "dispute",
        "evidenceId": "evidence",
    }
    return by_name.get(parameter) or ID_OF.get(path.strip("/").split("/")[0], "conversion")


def twins(name, of_b):
    """B's id, and one of the same form that never was."""
    value = of_b[name]
    return str(value), str(uuid.uuid4()) if isinstance(value, uuid.UUID) else NEVER


def filled(path, operation, of_b, which):
    sent = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and "{" + parameter["name"] + "}" in path:
            of_choice = parameter["schema"].get("enum") or [None]
            value = of_choice[0] or twins(thing_of(path, parameter["name"]), of_b)[which]
            path = path.replace("{" + parameter["name"] + "}", value)
            sent.append(value)
    return path, sent


def body_of(operation):
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = [each["value"] for each in content.get("examples", {}).values()]
    return next((example for example in examples if isinstance(example, dict)), {})


def told(answer, sent):
    """The answer without what was sent."""
    text = answer.content.decode()
    for value in sent:
        text = text.replace(value, "…")
    return answer.status_code, text


def ask(client, method, path, body=None):
    return client.generic(
        method.upper(), f"{BASE}{path}", json.dumps(body) if body is not None else "", "application/json"
    )


def leaks(as_a, of_b):
    """By path: what of B's things is not answered as what never was, and what of B any answer holds."""
    found = []
    for path, method, operation in operations():
        answers = []
        for which in (0, 1):
            where, sent = filled(path, operation, of_b, which)
            answers.append(told(ask(as_a, method, where, body_of(operation) if method != "get" else None), sent))
        if "{" in path and answers[0] != answers[1]:
            found.append((method, path, answers))
        found += [(method, path, marker) for marker in markers(of_b) if marker in answers[0][1]]
    return found


def test_no_answer_tells_what_is_anothers(as_a, of_b):
    assert leaks(as_a, of_b) == []


def test_a_leak_would_be_found(as_a, of_b, monkeypatch):
    monkeypatch.setattr(type(Touchpoint.objects.all()), "visible_to", lambda rows, user: rows)
    monkeypatch.setattr("attribution_site.isolation.ENTER", "SELECT %s, %s, %s")
    assert {path for _, path, _ in leaks(as_a, of_b)} >= {"/touchpoints", "/touchpoints/{id}"}


QUERY = {
    "leadId": "lead",
    "conversionId": "conversion",
    "touchpointId": "touchpoint",
    "attributionId": "record",
    "partnerId": "partner",
    "brokerId": "broker",
    "campaign": "campaign",
    "campaignId": "campaign",
    "sessionId": "session",
    "search": "partner",
}


def test_no_filter_tells_what_is_anothers(as_a, of_b):
    asked, found = 0, []
    for path, method, operation in operations():
        names = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query" and p["name"] in QUERY]
        for name in names if "{" not in path else []:
            both = twins(QUERY[name], of_b)
            answers = [told(ask(as_a, method, f"{path}?{name}={value}"), both) for value in both]
            asked += 1
            if answers[0] != answers[1]:
                found.append((method, path, name, answers))
    assert found == []
    assert asked > 15


BODY = {"partnerId": "partner", "brokerId": "broker", "conversionId": "conversion", "attributionId": "record"}


def test_no_body_reaches_what_is_anothers(as_a, of_b):
    asked, found = 0, []
    for path, method, operation in operations():
        body = body_of(operation)
        for name in (BODY.keys() | {"payeeId"}) & _names_in(operation) if "{" not in path else ():
            both = twins(BODY.get(name, "partner"), of_b)
            answers = [told(ask(as_a, method, path, body | {name: value}), both) for value in both]
            asked += 1
            if answers[0] != answers[1] or answers[0][0] < 400:
                found.append((method, path, name, answers))
    assert found == []
    assert asked >= 5


def _names_in(operation):
    """The names that a body may have, through references."""
    text = json.dumps(operation.get("requestBody", {}))
    components = schema()["components"]["schemas"]
    for name, component in components.items():
        if f'#/components/schemas/{name}"' in text:
            text += json.dumps(component)
    return {name for name in (*BODY, "payeeId") if f'"{name}"' in text}


def test_disputes_stay_as_they_are(as_a, of_b):
    """Whatever A sends to B's dispute, by form too, is answered like one that never was."""
    for rest, body in (("withdraw", {}), ("appeal", {"reason": "r"}), ("answer", {"answer": "a"})):
        assert as_a.post(f"{BASE}/disputes/{of_b['dispute']}/{rest}", body).status_code == 404
    file = SimpleUploadedFile("note.txt", b"Called at 9:30\n", "text/plain")
    sent = as_a.post(f"{BASE}/disputes/{of_b['dispute']}/evidence", {"file": file}, format="multipart")
    assert sent.status_code == 404
    assert Dispute.objects.get(pk=of_b["dispute"]).status == "open"
    assert Evidence.objects.count() == 1


@pytest.mark.parametrize("kind", ["missing", "amount"])
def test_nobody_disputes_what_is_anothers(as_a, of_b, kind):
    name = "conversion" if kind == "missing" else "record"
    field = "conversionId" if kind == "missing" else "attributionId"
    both = twins(name, of_b)
    for items in (False, True):
        bodies = [{"disputeType": kind, "reason": "r", field: value} for value in both]
        answers = [told(as_a.post(f"{BASE}/disputes", [b] if items else b), both) for b in bodies]
        assert answers[0] == answers[1]
        assert answers[0][0] == (200 if items else 404)
    assert Dispute.objects.count() == 1


def test_own_touches_cannot_be_given_to_another(as_a, of_b):
    own = as_a.get(f"{BASE}/touchpoints").json()["results"][0]
    for name, value in (("partnerId", B.id), ("brokerId", "broker-b")):
        for method, body in (("PATCH", {}), ("PUT", {"leadId": "lead-of-a", "channel": "email"})):
            both = (value, NEVER)
            answers = [told(ask(as_a, method, f"/touchpoints/{own['id']}", body | {name: each}), both) for each in both]
            assert answers[0] == answers[1]
            assert answers[0][0] == 400


def test_another_partners_touch_id_tells_nothing_of_that_touch(as_a, of_b):
    theirs = {"id": str(of_b["touchpoint"]), "timestamp": "2026-03-01T12:00:00Z", "leadId": "l", "channel": "email"}
    text = as_a.post(f"{BASE}/touchpoints", theirs).content.decode()
    assert [marker for marker in markers(of_b) if marker in text.replace(str(of_b["touchpoint"]), "")] == []


def test_a_wandering_cursor_finds_nothing_of_another(as_a, of_b, api):
    """A cursor of the house's list, which holds the position of B's row, opens nothing to A."""
    TouchpointFactory.create_batch(3, partner_id=B.id, lead_id="lead-of-b")
    cursor = api.get(f"{BASE}/touchpoints?pageSize=1").json()["next"].split("cursor=")[1].split("&")[0]
    text = as_a.get(f"{BASE}/touchpoints?cursor={cursor}").content.decode()
    assert [marker for marker in markers(of_b) if marker in text] == []


def test_keys_of_another_stay_as_they_are(as_a, of_b):
    for verb in ("rotate", "revoke"):
        assert as_a.post(f"{BASE}/keys/{of_b['key']}/{verb}", {}).status_code == 404
    assert ApiKey.objects.get(pk=of_b["key"]).revoked_at is None
