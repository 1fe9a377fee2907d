"""Evidence is added: files, and JSON."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction

from disputes import announcing, files, storage
from disputes.actors import Actor
from disputes.models import Dispute, Evidence, Party
from disputes.operations.locking import locked_open, party_of

MOST_ITEMS = 100  # a dispute, of all parties
MOST_DATA = 256 * 1024  # bytes of one JSON object


def add_file(*, dispute_id: UUID, upload: File, name: str, by: Actor) -> Evidence:
    """Keep a file as evidence. The same content again is the same item. Raises ValidationError, DisputeClosed."""
    checked = files.check(upload, name=name)
    # Before the lock: writing takes its time. A file without a row is an orphan that nobody is shown.
    path = storage.store(upload, checked)
    with transaction.atomic():
        dispute = locked_open(dispute_id, by)
        item = Evidence(
            kind=Evidence.Kind.FILE,
            name=checked.name,
            content_type=checked.content_type,
            size=checked.size,
            sha256=checked.sha256,
            path=path,
        )
        return _add(dispute, party_of(dispute, by), item, by)


@transaction.atomic
def add_json(*, dispute_id: UUID, data: Mapping[str, Any], by: Actor) -> Evidence:
    """Keep an object as evidence. Raises ValidationError, DisputeClosed."""
    dispute = locked_open(dispute_id, by)
    return add_data(dispute=dispute, party=party_of(dispute, by), data=data, by=by)


def add_data(*, dispute: Dispute, party: Party | None, data: Mapping[str, Any], by: Actor) -> Evidence:
    return _add(dispute, party, data_item(Evidence.Kind.JSON, "Data", data), by)


def data_item(kind: str, name: str, content: Any) -> Evidence:
    """Not stored yet. Its hash is of the canonical text, so that anybody can make it again from what is shown."""
    text = canonical(content)
    if len(text) > MOST_DATA and kind == Evidence.Kind.JSON:
        message = f"At most {MOST_DATA // 1024} KiB; send more as a file."
        raise ValidationError({"evidence": ValidationError(message, code="too_large")})
    return Evidence(
        kind=kind,
        name=name,
        content_type="application/json",
        size=len(text),
        sha256=hashlib.sha256(text).hexdigest(),
        content=json.loads(text),
    )


def canonical(content: Any) -> bytes:
    """JSON with sorted keys, no blanks, in UTF-8."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, cls=DjangoJSONEncoder
    ).encode()


def _add(dispute: Dispute, party: Party | None, item: Evidence, by: Actor) -> Evidence:
    item.dispute, item.party = dispute, party
    item.source = party.role if party else Evidence.Source.HOUSE
    item.added_by, item.added_by_key_id = by.user, by.key_id
    same = dispute.evidence.filter(party=party, kind=item.kind, sha256=item.sha256).first()
    if same is not None:
        return same
    if dispute.evidence.exclude(source=Evidence.Source.SYSTEM).count() >= MOST_ITEMS:
        raise ValidationError({"file": ValidationError(f"A dispute has {MOST_ITEMS} items at most.", code="too_many")})
    item.save(force_insert=True)
    announcing.evidence_added(item)
    return item
