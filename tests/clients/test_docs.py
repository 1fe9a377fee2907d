"""Whatever `docs/api.md` shows in a block is run here, against a running server, as a reader would."""

import datetime as dt
import json
import os
import re
import subprocess
import sys
from decimal import Decimal

import pytest
import requests
from django.conf import settings

from conversions.models import Conversion
from disputes.models import Dispute
from partners.models import uuid7
from partners.operations import create_key
from payouts.models import Entry
from tests.clients import node
from tests.factories import PartnerFactory, UserFactory
from tests.tools import needs_curl, needs_npm
from touchpoints.models import Touchpoint

PAGE = (settings.BASE_DIR / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
# A name and its value, where the page does not leave a part of it out.
TOLD = re.compile(r'"\w+": (?:"[^"…]*"|-?[0-9.]+|true|false|null)(?=[,}\]])')

pytestmark = pytest.mark.django_db(transaction=True)


def blocks(language):
    return [text for kind, text in BLOCKS if kind == language]


@pytest.fixture
def setting(transactional_db, live_server):
    PartnerFactory(id="partner-abc")
    _stored, key = create_key(name="quick start", scopes=["ingest", "read", "attribution:write", "disputes:write"])
    UserFactory(username="admin-user", role="Operations")
    _stored, decider_key = create_key(name="decides", scopes=["read", "disputes:write"])
    return {"ATTRIBUTION_URL": live_server.url, "ATTRIBUTION_KEY": key, "ATTRIBUTION_DECIDER_KEY": decider_key}


def run(*command, setting, cwd=None):
    done = subprocess.run(command, env=os.environ | setting, cwd=cwd, capture_output=True, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def test_every_block_is_of_a_kind_that_is_run():
    assert {kind for kind, _text in BLOCKS} == {"sh", "python", "ts", "http"}


@needs_curl
def test_the_curl_quick_start_runs(setting, tmp_path):
    run("bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh")), setting=setting, cwd=tmp_path)
    assert Touchpoint.objects.get().partner_id == "partner-abc"
    assert Conversion.objects.get().commission_amount == 150
    dispute = Dispute.objects.get()
    assert (dispute.dispute_type, dispute.status, dispute.resolved_by.username) == ("partner", "resolved", "admin-user")
    assert (tmp_path / "report.xlsx").read_bytes().startswith(b"PK")


def test_the_python_quick_start_runs(setting, tmp_path):
    (tmp_path / "start.py").write_text("\n\n".join(blocks("python")))
    printed = run(sys.executable, "start.py", setting=setting, cwd=tmp_path)
    share, *why = printed.splitlines()
    assert share == "paid_search 100.0 1500.0 150.0"
    assert why[:2] == [
        "Position Based v1: the only touch takes all.",
        "This touch is the only one that counts, less than a second before the conversion. Its credit is 100 %.",
    ]


@needs_curl
def test_the_curl_examples_of_statements_run(setting, tmp_path):
    """A partner's key reads its own; what it downloads is what the ledger has."""
    owner = "partner", "partner-abc"
    key = create_key(name="statements", scopes=["partner"], payee=owner)[1]
    march = dt.datetime(2026, 3, 9, tzinfo=dt.UTC)
    facts = {"kind": "manual", "payee_type": "partner", "payee_id": "partner-abc", "currency": "USD"}
    Entry.objects.create(amount=Decimal("12.50"), booked_at=march, proposal_id=uuid7(), **facts)
    page = (settings.BASE_DIR / "docs" / "statements.md").read_text()
    [block] = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    told = run("bash", "-euo", "pipefail", "-c", block, setting=setting | {"ATTRIBUTION_KEY": key}, cwd=tmp_path)
    assert told.count('"closing":12.50') == 2
    *_, closing = (tmp_path / "statement.csv").read_text().splitlines()
    assert closing.split(",")[5:10] == ["closing", "closing", "", "", "12.50"]
    assert (tmp_path / "statement.pdf").read_bytes().startswith(b"%PDF")


@needs_npm
@pytest.mark.xdist_group("typescript")
def test_the_typescript_quick_start_compiles_and_runs(setting):
    requests.post(
        f"{setting['ATTRIBUTION_URL']}/api/v1/attribution/touchpoints",
        json={"leadId": "lead-123", "channel": "email"},
        headers={"Authorization": f"Api-Key {setting['ATTRIBUTION_KEY']}"},
        timeout=30,
    ).raise_for_status()
    program = node.CLIENT / "src" / "quick_start.ts"
    program.write_text("\n".join(blocks("ts")))
    try:
        node.run("node_modules/typescript/bin/tsc")
        assert node.run("dist/quick_start.js", **setting) == "email 100 1500\n"
    finally:
        program.unlink()
        (node.CLIENT / "dist" / "quick_start.js").unlink(missing_ok=True)


def test_what_is_asked_in_the_examples_is_answered_so(setting):
    """In the order of the page, as one story."""
    for block in blocks("http"):
        request, told = block.split("→", 1)
        method, path, *body = request.split(maxsplit=2)
        response = requests.request(
            method,
            setting["ATTRIBUTION_URL"] + path,
            data="".join(body),
            headers={"Authorization": f"Api-Key {setting['ATTRIBUTION_KEY']}", "Content-Type": "application/json"},
            timeout=30,
        )
        status, answer = told.split(maxsplit=1)
        assert (path, response.status_code) == (path, int(status)), response.text
        lacking = [pair for pair in TOLD.findall(answer) if pair.replace('": ', '":', 1) not in response.text]
        assert lacking == [], response.text
        json.loads(response.text)
