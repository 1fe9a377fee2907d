"""What tests of a dispute's page share."""

import html
import re

from disputes import operations
from disputes.actors import Actor

FETCH = {"HTTP_X_REQUESTED_WITH": "fetch"}


def at(dispute, rest="change/"):
    return f"/admin/disputes/dispute/{dispute.pk}/{rest}"


def text_of(response):
    text = html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))
    return re.sub(r"\s+", " ", text)


def shown(client, dispute):
    response = client.get(at(dispute))
    assert response.status_code == 200
    return text_of(response)


def taken(dispute, by):
    return operations.assign_dispute(dispute_id=dispute.pk, to=by, by=Actor(user=by))


def giving(record, to="partner:partner-1"):
    return {"way": "reassign", "touchpoint_id": str(record.touchpoint_id), "payee_id": to}


def digest_in(response):
    return re.search(r'name="digest" value="(\w+)"', response.content.decode())[1]


def resolve_on(client, dispute, fields, resolution="The log shows it."):
    confirming = client.post(at(dispute, "decide/"), fields | {"step": "check"})
    assert confirming.status_code == 200, text_of(confirming)
    done = fields | {"step": "resolve", "resolution": resolution, "digest": digest_in(confirming)}
    return client.post(at(dispute, "decide/"), done)
