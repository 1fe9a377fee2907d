"""Evidence is added: files, and JSON."""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone

from disputes import announcing, files, storage
from disputes.actors import Actor
from disputes.models import Dispute, Evidence, Party
from disputes.operations.locking import check_open, locked_open, party_of

logger = logging.getLogger(__name__)

MOST_ITEMS = 100  # of each party, and of the house: none takes another's room
MOST_DATA = 256 * 1024  # bytes of one JSON object
# No upload is under way for so long.
ORPHANED_AFTER = dt.timedelta(days=1)


def add_file(*, dispute_id: UUID, upload: File, name: str, by: Actor) -> Evidence:
    """Keep a file as evidence. The same content again is the same item. Raises ValidationError, DisputeClosed."""
    dispute = Dispute.objects.get(pk=dispute_id)
    check_open(dispute, by)
    party = party_of(dispute, by)
    checked = files.check(upload, name=name)
    item = Evidence(
        kind=Evidence.Kind.FILE,
        name=checked.name,
        content_type=checked.content_type,
        size=checked.size,
        sha256=checked.sha256,
    )
    if same := _same(dispute, party, item):
        return same
    # Before the lock, under which all is asked again: writing takes its time.
    item.path = storage.store(upload, checked)
    with transaction.atomic():
        return _add(locked_open(dispute_id, by), party, item, by)


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
    if same := _same(dispute, party, item):
        return same
    item.save(force_insert=True)
    announcing.evidence_added(item)
    return item


def _same(dispute: Dispute, party: Party | None, item: Evidence) -> Evidence | None:
    """What the party has brought with the same content; of something new there must be room for it."""
    brought = dispute.evidence.filter(party=party).exclude(source=Evidence.Source.SYSTEM)
    same: Evidence | None = brought.filter(kind=item.kind, sha256=item.sha256).first()
    if same is None and brought.count() >= MOST_ITEMS:
        message = f"Nobody brings more than {MOST_ITEMS} items into a dispute."
        raise ValidationError({"file": ValidationError(message, code="too_many")})
    return same


def remove_orphans() -> list[str]:
    """Take away the files, older than a day, that no row names. Where no row names any, none is touched: the folder is
    then rather another database's."""
    before = timezone.now() - ORPHANED_AFTER
    named = set(Evidence.objects.exclude(path="").values_list("sha256", flat=True).iterator())
    removed = storage.remove_orphans(named, before=before) if named else []
    for path in removed:
        logger.info("Removed the file %s, which no evidence names.", path)
    return removed
