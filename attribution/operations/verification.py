"""Whether stored records still come out of their versions and journeys, to the cent."""

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.utils import timezone
from psycopg import sql

from attribution import differences, kept, records, replay, store
from attribution.engine.parameters import Parameters
from attribution.models import AttributionModel, ModelConfig, Training, Verification
from attribution.operations.configurations import trained
from attribution.operations.daily_credit import daily_credit_differences
from attribution.operations.runs import RECENT

logger = logging.getLogger(__name__)

# Conversions at a time.
PAGE = 4000
NIGHTLY_SAMPLE = 10_000
DIFFERENCES_KEPT = 100
DAILY = "sums by day"
_IDS = pa.schema({"conversion_id": pa.string()})


def verify_records(
    *,
    sample: int | None = None,
    since: dt.datetime | None = None,
    seed: int | None = None,
    on_start: Callable[[int], None] = lambda conversions: None,
    on_progress: Callable[[int], None] = lambda conversions: None,
) -> Verification:
    """Replay the records of all conversions that occurred since then, or of a random sample of them, and keep the
    outcome. The same seed draws the same sample; without one it is another each day.

    Sums by day are held against their records, too; for a sample those of the last months only.
    """
    began = timezone.now()
    outcome, versions = replay.Outcome(), Versions()
    with store.arrow_connection() as connection, connection.cursor() as cursor:
        within = store.ArrowStore(cursor)
        if sample is None:
            on_start(_count(within, since))
            pages = _all(within, since)
        else:
            drawn = _sampled(within, sample, since, began.date().toordinal() if seed is None else seed)
            on_start(len(drawn))
            pages = (drawn[begin : begin + PAGE] for begin in range(0, len(drawn), PAGE))
        for ids in pages:
            # A page is read as it stood at one moment, whoever calculates meanwhile.
            connection.rollback()
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            _verify(within, ids, versions, outcome)
            connection.rollback()
            on_progress(len(ids))
    first = since or (None if sample is None else began - RECENT)
    daily = daily_credit_differences(since=first.astimezone(dt.UTC).date() if first else None)
    return _stored(began, outcome, [{"what": DAILY, **_plain(each._asdict())} for each in daily])


def _verify(within: store.Store, ids: list[str], versions: replay.Versions, outcome: replay.Outcome) -> None:
    conversions = pa.table({"id": pa.array([UUID(each).bytes for each in ids], store.UUID)})
    stored = differences.stored_records(within, conversions, list(AttributionModel.values), replay.STORED)
    found = replay.replay(stored, kept.of_conversions(within, ids), versions)
    outcome.checked += found.checked
    outcome.without_journey += found.without_journey
    outcome.differences += found.differences


def _stored(began: dt.datetime, outcome: replay.Outcome, daily: list[dict[str, Any]]) -> Verification:
    verification = Verification.objects.create(
        started_at=began,
        finished_at=timezone.now(),
        records_checked=outcome.checked,
        records_differing=len(outcome.differences),
        records_without_journey=outcome.without_journey,
        differences=[*daily, *outcome.differences][:DIFFERENCES_KEPT],
    )
    if outcome.differences or daily:
        logger.error(
            "%s: %d of %d records differ from what their versions and journeys give, %d sums by day from their"
            " records. The first: %s",
            verification,
            len(outcome.differences),
            outcome.checked,
            len(daily),
            verification.differences[0],
        )
    return verification


class Versions:
    """The version that a record names, looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, UUID | None], tuple[str, records.Version] | None] = {}

    def __call__(self, model: str, config_id: int, training_id: UUID | None) -> records.Version | None:
        key = config_id, training_id
        if key not in self._known:
            self._known[key] = _version(*key)
        found = self._known[key]
        return found[1] if found and found[0] == model else None


def _version(config_id: int, training_id: UUID | None) -> tuple[str, records.Version] | None:
    config = ModelConfig.objects.filter(pk=config_id).first()
    known = Training.objects.finished().filter(pk=training_id, config=config_id)
    if config is None or (training_id is not None and not known.exists()):
        return None
    parameters = Parameters.from_json(config.parameters)
    learnt = None if training_id is None else trained(training_id, parameters.weigh_by)
    return config.model, records.Version(config.pk, config.version, 0, parameters, learnt)


def _occurred(since: dt.datetime | None) -> sql.Composable:
    return sql.SQL("true") if since is None else sql.SQL("occurred_at >= {}").format(since)


def _count(within: store.Store, since: dt.datetime | None) -> int:
    return within.count(
        sql.SQL("SELECT count(*) FROM (SELECT DISTINCT conversion_id FROM {} WHERE {}) each").format(
            sql.Identifier(store.RECORDS), _occurred(since)
        )
    )


def _all(within: store.Store, since: dt.datetime | None) -> Iterator[list[str]]:
    """Whatever has records, whether or not there is such a conversion."""
    last = str(UUID(int=0))
    while True:
        page = store.fetch(
            within,
            sql.SQL(
                "SELECT conversion_id::text FROM (SELECT DISTINCT conversion_id FROM {} WHERE conversion_id > {}::uuid"
                " AND {} ORDER BY conversion_id LIMIT {}) page ORDER BY conversion_id"
            ).format(sql.Identifier(store.RECORDS), last, _occurred(since), PAGE),
            _IDS,
        )
        if not page.num_rows:
            return
        ids: list[str] = page["conversion_id"].to_pylist()
        yield ids
        last = ids[-1]


def _sampled(within: store.Store, sample: int, since: dt.datetime | None, seed: int) -> list[str]:
    """From the conversions: there are a tenth as many as records. In order, so that a page's rows lie together."""
    chosen = store.fetch(
        within,
        sql.SQL(
            "SELECT id::text FROM (SELECT id FROM conversions_conversion WHERE {}"
            " ORDER BY uuid_hash_extended(id, {}), id LIMIT {}) drawn ORDER BY id"
        ).format(_occurred(since), seed, sample),
        _IDS,
    )
    ids: list[str] = chosen["conversion_id"].to_pylist()
    return ids


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else str(value) for name, value in row.items()}
