"""As partner A, nothing of partner B can be had by any request in the schema.

Every operation is asked for B's things, by path, by each query parameter and in the body, and for things that never
were: both answers are the same but for the id that was sent. And no answer holds anything of B that was not sent.
"""

import json
import re
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from disputes.models import Dispute, Evidence
from partners.models import ApiKey
from tests.access.conftest import NEVER, B
from tests.api import BASE
from tests.factories import (
    TouchpointFactory,
)
from touchpoints.models import Touchpoint

ID_OF = {
    "touchpoints": "touchpoint",
    "attributions": "record",
    "keys": "key",
    "partners": "partner",
    "brokers": "broker",
    "disputes": "dispute",
    "payouts": "payout",
    "bank-accounts": "account",
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


def markers(of_b):
    """What no answer to A may hold."""
    of_words = ["partner-b", "broker-b", "secret", "lead-of-b", "session-b", "Secret", "47.11"]
    # A number may be anything's.
    ids = [str(value) for name, value in of_b.items() if name != "secrets" and not isinstance(value, int)]
    return of_words + ids + of_b["secrets"]


def thing_of(path, parameter):
    """Which thing a path's parameter means."""
    by_name = {
        "leadId": "lead",
        "webhookId": "webhook",
        "conversionId": "conversion",
        "disputeId": "dispute",
        "evidenceId": "evidence",
    }
    if parameter == "id" and "/deliveries/" in path:
        return "delivery"
    return by_name.get(parameter) or ID_OF.get(path.strip("/").split("/")[0], "conversion")


def twins(name, of_b):
    """B's id, and one of the same form that never was."""
    value = of_b[name]
    return str(value), str(uuid.uuid4()) if isinstance(value, uuid.UUID) else NEVER


def filled(path, operation, of_b, which):
    """The path with B's things in it, or with such as never were."""
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


def test_within_ones_own_what_is_anothers_is_not_found(as_a, of_a, of_b):
    """B's evidence in A's dispute, B's delivery of A's webhook."""
    asked = 0
    for path, method, _operation in operations():
        names = re.findall(r"{(\w+)}", path)
        if len(names) == 2:
            own = path.replace("{" + names[0] + "}", str(of_a[thing_of(path, names[0])]))
            both = twins(thing_of(path, names[1]), of_b)
            answers = [told(ask(as_a, method, own.replace("{" + names[1] + "}", value)), both) for value in both]
            asked += 1
            assert answers[0] == answers[1]
            assert answers[0][0] == 404, (method, path)
            is_there = ask(as_a, method, own.replace("{" + names[1] + "}", str(of_a[thing_of(path, names[1])])))
            assert is_there.status_code != 404, (method, path)
    assert asked == 4


# Which thing a field of a body names, wherever it stands.
BODY = {
    "partnerId": "partner",
    "brokerId": "broker",
    "payeeId": "partner",
    "claimantId": "partner",
    "conversionId": "conversion",
    "conversionIds": "conversion",
    "attributionId": "record",
    "touchpointId": "touchpoint",
    "leadIds": "lead",
    "to": "party",
}
# What else ends like a name of something: texts of the sender's own, people of the house, ids of what is made.
FREE = {"leadId", "sessionId", "visitorId", "externalId", "policyId", "clickIds", "id", "assignedTo", "resolvedBy"}


def fields_of(operation):
    """Where the fields of a body are, as paths of names with [] for each array."""
    components = schema()["components"]["schemas"]

    def walk(part, path, within):
        name = part.get("$ref", "").rpartition("/")[2]
        if name in within:
            return
        part = components[name] if name else part
        within = {*within, name} - {""}
        for choice in (each for kind in ("oneOf", "anyOf", "allOf") for each in part.get(kind, [])):
            yield from walk(choice, path, within)
        if "items" in part:
            yield from walk(part["items"], (*path, "[]"), within)
        for field, value in part.get("properties", {}).items():
            yield (*path, field)
            yield from walk(value, (*path, field), within)

    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return sorted(set(walk(content["schema"], (), set()))) if content else []


def with_own(value, of_a):
    """An example, about what is A's own."""
    if isinstance(value, list):
        return [with_own(each, of_a) for each in value]
    if not isinstance(value, dict):
        return value
    known = {name: str(of_a[thing]) for name, thing in BODY.items() if name in value and thing in of_a}
    return {name: with_own(each, of_a) for name, each in value.items()} | known


def placed(body, path, value):
    """The body with the value at the path, which is made where it is lacking."""
    if not path:
        return value
    name, *rest = path
    if name == "[]":
        first = body[0] if isinstance(body, list) and body else body
        return [placed(first, rest, value)]
    body = body if isinstance(body, dict) else {}
    return body | {name: placed(body.get(name, {}), rest, value)}


def is_refused(answer):
    """Each item by itself, where many were sent."""
    items = answer.json().get("items") if answer.status_code == 200 else None
    return answer.status_code >= 400 or bool(items and all(item["errors"] for item in items))


def test_every_field_that_names_something_is_asked_with_what_is_anothers():
    named = {path[-1] for _, _, operation in operations() for path in fields_of(operation)}
    assert {name for name in named if name.endswith(("Id", "Ids", "To", "By", "id"))} - {"weighBy"} <= {*BODY, *FREE}
    assert named >= BODY.keys()


def test_no_body_reaches_what_is_anothers(as_a, of_a, of_b):
    asked, found = set(), []
    for path, method, operation in operations():
        where, _ = filled(path, operation, of_a, 0)
        for field in fields_of(operation):
            if field[-1] in BODY:
                both = twins(BODY[field[-1]], of_b)
                example = with_own(body_of(operation), of_a)
                answers = [ask(as_a, method, where, placed(example, field, value)) for value in both]
                texts = [told(answer, both) for answer in answers]
                asked.add((method, path, ".".join(field)))
                if texts[0] != texts[1] or not all(map(is_refused, answers)):
                    found.append((method, path, field, texts))
    assert found == []
    assert {
        ("post", "/disputes/{id}/simulate", f"decision.shares.[].{name}") for name in ("payeeId", "touchpointId")
    } < asked
    assert len(asked) > 30


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
