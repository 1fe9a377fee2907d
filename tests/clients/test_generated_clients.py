"""Clients that nobody wrote: made from the schema by others' generators, they walk from a touch to an explained
commission and a dispute about it against a running server."""

import json
import os
import subprocess
import sys

import pytest
from django.utils import timezone

from attribution.models import AttributionRecord
from conversions.models import Conversion
from disputes.models import Dispute
from partners.operations import create_key
from tests.clients import node
from tests.clients.write import CLIENTS, SCHEMA, TYPES
from tests.factories import PartnerFactory, TouchpointFactory, UserFactory
from tests.tools import needs_npm
from touchpoints.models import Touchpoint

# Both write into one folder.
typescript = pytest.mark.xdist_group("typescript")
STALE = "is not what the schema says now. `make schema` writes it anew."


@pytest.fixture
def setting(transactional_db, live_server):
    """What a client is told: where the API is, and its key. The lead came by e-mail and directly before."""
    PartnerFactory(id="partner-abc")
    for days, channel in ((2, "email"), (1, "direct")):
        moment = timezone.now() - timezone.timedelta(days=days)
        TouchpointFactory(lead_id="lead-123", channel=channel, source=None, campaign=None, timestamp=moment)
    _stored, key = create_key(name="example", scopes=["read", "ingest", "attribution:write", "disputes:write"])
    UserFactory(username="admin-user", role="Operations")
    _stored, decider_key = create_key(name="decides", scopes=["read", "disputes:write"])
    return {"ATTRIBUTION_URL": live_server.url, "ATTRIBUTION_KEY": key, "ATTRIBUTION_DECIDER_KEY": decider_key}


def assert_walked(told):
    """What the client says it was answered is what is stored."""
    touch, conversion = Touchpoint.objects.get(channel="paid_search"), Conversion.objects.get()
    assert (touch.campaign, touch.partner_id) == ("home-insurance-q4", "partner-abc")
    assert (conversion.lead_id, conversion.policy_number, conversion.value) == ("lead-123", "POL-2024-001", 1500)
    record = AttributionRecord.objects.get(model="position_based", touchpoint_id=touch.pk, part=0)
    dispute = Dispute.objects.get(record_id=record.pk)
    assert (dispute.status, dispute.resolved_by.username) == ("resolved", "admin-user")
    assert (record.payee_id, record.commission_amount) == ("partner-abc", 45)
    report = told.pop("report")
    assert report["totalConversions"] == 1
    assert told == {
        "touchpoint": str(touch.pk),
        "conversion": {"id": str(conversion.pk), "commissionAmount": 150},
        "calculation": [{"percentage": share, "revenue": 15 * share} for share in (40, 20, 40)],
        "record": {"model": "position_based", "commissionAmount": 60},
        "explanation": told["explanation"],
        "dispute": {
            "id": str(dispute.pk),
            "status": "resolved",
            "resolvedBy": "admin-user",
            "changes": [["house", 60], ["house", 30], ["partner", 45], ["house", 15]],
        },
    }
    assert told["explanation"][1].startswith("This touch is the 3rd of 3 that count")


def test_the_schema_in_the_repository_is_current(schema):
    assert json.loads(SCHEMA.read_text()) == schema, f"{SCHEMA.name} {STALE}"


@needs_npm
@typescript
def test_the_typescript_types_in_the_repository_are_current(tmp_path):
    fresh = tmp_path / TYPES.name
    node.types_of(SCHEMA, to=fresh)
    assert fresh.read_text() == TYPES.read_text(), f"{TYPES.name} {STALE}"


@needs_npm
@typescript
@pytest.mark.django_db(transaction=True)
def test_the_typescript_example_compiles_strictly_and_walks(setting):
    node.run("node_modules/typescript/bin/tsc")
    assert_walked(json.loads(node.run("dist/walk.js", **setting)))


@needs_npm
@typescript
def test_the_types_are_strict():
    """A program that takes the schema at its word is stopped where it does what the schema forbids."""
    wrong = node.CLIENT / "src" / "wrong.ts"
    wrong.write_text(
        'import type { components } from "./schema.js";\n'
        'export const touch: components["schemas"]["TouchpointRequest"] = { leadId: "lead-123", channel: "tv" };\n'
        'export const name: string = ({} as components["schemas"]["Touchpoint"]).campaign;\n'
    )
    try:
        with pytest.raises(AssertionError) as stopped:
            node.run("node_modules/typescript/bin/tsc", "--noEmit")
    finally:
        wrong.unlink()
    found = str(stopped.value)
    assert "wrong.ts(2,88)" in found
    assert "wrong.ts(3,14)" in found
    assert found.count("error TS") == 2


@pytest.fixture(scope="module")
def python_client(tmp_path_factory):
    """The folder with a Python client, made by openapi-python-client."""
    folder = tmp_path_factory.mktemp("python")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"]
    where = ["--path", SCHEMA, "--config", CLIENTS / "python" / "config.yml"]
    made = subprocess.run(
        [*command, *where, "--output-path", folder / "attribution_client"], capture_output=True, text=True
    )
    assert made.returncode == 0, f"{made.stdout}\n{made.stderr}"
    return folder


@pytest.mark.django_db(transaction=True)
def test_a_generated_python_client_walks(python_client, setting):
    walked = subprocess.run(
        [sys.executable, CLIENTS / "python" / "walk.py"],
        env=os.environ | setting | {"PYTHONPATH": str(python_client)},
        capture_output=True,
        text=True,
    )
    assert walked.returncode == 0, walked.stderr
    assert_walked(json.loads(walked.stdout))
