"""Why a record is what it is: its journey, the rule, the weights, the rounding, and what other models would give."""

from collections import Counter
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from attribution import differences, kept, reading, records, replay, store
from attribution.engine.models import MODELS
from attribution.explained import (
    SHOWN_AT_ONCE,
    Alternative,
    Explanation,
    Settled,
    SettledShare,
    Share,
    Story,
    credit_of,
    money,
    payee_reason,
)
from attribution.models import Adjustment, AttributionRecord, Settlement, SettlementLine, fallback, with_net
from attribution.operations.configurations import rules_for
from attribution.operations.verification import Versions

# Where the journey comes from, or why there is none.
KEPT, TOUCHPOINTS, NOTHING_LEFT, UNKNOWN_VERSION = "kept_journey", "touchpoints", "nothing", "unknown_version"

# Records of a set that a request reads row by row; more come by Arrow, ten times as fast.
LONG = 2000


def explain(*, record_id: UUID, at_once: int = SHOWN_AT_ONCE) -> Explanation:
    """Replay a record under its own configuration and training, from its kept journey; from the stored touchpoints
    where no journey was kept. Raises AttributionRecord.DoesNotExist.

    at_once: a journey of so many touches is told whole."""
    record = AttributionRecord.objects.select_related("config", "training").get(pk=record_id)
    if record.journey_length <= LONG:
        return _explain(record, store.DjangoStore(), at_once)
    with store.arrow_connection() as connection, connection.cursor() as cursor:
        return _explain(record, store.ArrowStore(cursor), at_once)


def _explain(record: AttributionRecord, within: store.Store, at_once: int) -> Explanation:
    versions = Versions()
    stored, journeys, found = _replayed(record, within, versions)
    if found and found.differences:
        # Somebody may have calculated between the two statements; what really differs differs again.
        stored, journeys, found = _replayed(record, within, versions)
    version = versions(record.model, record.config_id, record.training_id)
    batch = kept.batch_of(replay.belonging(stored, journeys)) if found else _from_touchpoints(record, within)
    source = KEPT if found else TOUCHPOINTS
    if version is None or batch is None:
        source, batch = (UNKNOWN_VERSION if version is None else NOTHING_LEFT), None
    story = Story(record, batch, version, at_once) if batch is not None and version is not None else None
    return _explanation(record, source, batch, story, stored, found)


def _replayed(
    record: AttributionRecord, within: store.Store, versions: Versions
) -> tuple[pa.Table, pa.Table, replay.Outcome | None]:
    """The stored records of the conversion under the model, its kept journeys, and what came of those if any."""
    conversion = pa.table({"id": pa.array([record.conversion_id.bytes], store.UUID)})
    stored = differences.stored_records(within, conversion, [record.model], replay.STORED)
    journeys = kept.of_conversions(within, [str(record.conversion_id)])
    return stored, journeys, replay.replay(stored, journeys, versions) if journeys.num_rows else None


def _from_touchpoints(record: AttributionRecord, within: store.Store) -> reading.Batch | None:
    """What the tables say today of a conversion whose journey was not kept."""
    reach = kept.reach()
    source = reading.Selection(conversion_ids=[record.conversion_id])
    batches = reading.read(source, within=within, lookback_days=reach.lookback_days, with_previous=reach.with_previous)
    batch = next(batches, None)
    return batch if batch is not None and batch.touches.num_rows else None


def _explanation(
    record: AttributionRecord,
    source: str,
    batch: reading.Batch | None,
    story: Story | None,
    stored: pa.Table,
    found: replay.Outcome | None,
) -> Explanation:
    return Explanation(
        record=record,
        config=record.config,
        training=record.training,
        fallback=fallback(record.model, record.training_id),
        source=source,
        conversion=_conversion(record, batch),
        touches=story.touches() if story else [],
        touches_known=batch.touches.num_rows if batch is not None else 0,
        touches_counted=int(story.trace.counted.size) if story else record.journey_length,
        hidden=story.hidden() if story else {},
        revenue=story.rounding(story.trace.value) if story else None,
        commission=story.rounding(story.trace.commission) if story else None,
        payee_reason=_payee_reason(record),
        replays=_replays(found),
        differences=found.differences if found else [],
        stored_totals=_totals(stored),
        others=_alternatives(record, story) if story else [],
        adjustments=list(Adjustment.objects.filter(record_id=record.pk)),
        settlement=_settled(record),
    )


def _payee_reason(record: AttributionRecord) -> str:
    if record.payee_pinned:
        return "by_settlement" if record.settlement_id else "by_hand"
    return payee_reason(record.channel, record.partner_id, record.broker_id)


def _replays(found: replay.Outcome | None) -> bool | None:
    """What a person set is no outcome of the rule, and so none that it could come out of again."""
    if found is None or (found.settled and not found.differences):
        return None
    return not found.differences


def _settled(record: AttributionRecord) -> Settled | None:
    of_set = Settlement.objects.filter(conversion_id=record.conversion_id, model=record.model)
    latest = of_set.order_by("-created_at", "-pk").first()
    if latest is None:
        return None
    net = with_net(AttributionRecord.objects.filter(pk=record.pk))
    [(credit, revenue, commission)] = net.values_list("net_credit", "net_revenue", "net_commission")
    lines = list(latest.lines.all())
    sharing = Counter(line.touchpoint_id for line in lines if line.credit_after)
    return Settled(
        id=latest.pk,
        way=latest.way,
        reason=latest.reason,
        settled_at=latest.created_at,
        credit=credit,
        revenue=revenue,
        commission=commission,
        shares=[_settled_share(line, record, sharing[line.touchpoint_id]) for line in lines],
    )


def _settled_share(line: SettlementLine, record: AttributionRecord, parts: int) -> SettledShare:
    payee = (record.payee_type, record.payee_id)
    return SettledShare(
        number=line.number,
        touchpoint_id=line.touchpoint_id,
        channel=line.channel or None,
        payee_type=line.payee_type,
        payee_id=line.payee_id,
        is_this=line.record_id == record.pk and (line.payee_type, line.payee_id) == payee,
        parts=parts,
        credit_before=line.credit_before,
        credit_after=line.credit_after,
        revenue_before=line.revenue_before,
        revenue_after=line.revenue_after,
        commission_before=line.commission_before,
        commission_after=line.commission_after,
    )


def _conversion(record: AttributionRecord, batch: reading.Batch | None) -> dict[str, Any]:
    known = batch.conversions.to_pylist()[0] if batch is not None else {}
    return {
        "id": record.conversion_id,
        "type": record.conversion_type,
        "occurred_at": record.occurred_at,
        "previous_conversion_at": known.get("previous_at"),
        "currency": record.currency,
        "value": money(known["value_cents"]) if known else None,
        "commission_amount": money(known["commission_cents"]) if known else None,
    }


def _totals(stored: pa.Table) -> dict[str, Any]:
    return {
        "records": stored.num_rows,
        "credit": sum(stored["credit"].to_pylist(), Decimal(0)),
        "revenue": sum(stored["revenue_attributed"].to_pylist(), Decimal(0)),
        "commission": sum(stored["commission_amount"].to_pylist(), Decimal(0)),
    }


def _alternatives(record: AttributionRecord, story: Story) -> list[Alternative]:
    """Every other model, under the rules of today for the moment of the conversion."""
    rules = rules_for(list(MODELS))
    return [
        _alternative(
            record,
            story,
            model,
            versions,
            payable=bool(records.is_payable(story.batch.occurred_at, model, rules)[0]),
        )
        for model, versions in rules.versions.items()
        if model != record.model
    ]


def _alternative(record: AttributionRecord, story: Story, model: str, versions: Any, *, payable: bool) -> Alternative:
    shares = records.shares_of(story.batch, model, versions)
    ids = [UUID(bytes=each) for each in story.batch.touches["id"].take(story.shown).to_pylist()]
    by_place = dict(zip(shares.touch.tolist(), range(shares.touch.size), strict=True))
    given = [_share(each, by_place.get(place), shares) for each, place in zip(ids, story.shown, strict=True)]
    version = versions[int(shares.version[0])] if shares.version.size else None
    learnt = version is not None and version.trained is not None and bool(shares.learnt[0])
    training_id = version.trained.id if learnt and version and version.trained else None
    return Alternative(
        model=model,
        config_version=version.number if version else None,
        training_id=training_id,
        fallback=fallback(model, training_id) if version else None,
        payable=payable,
        this=next((each for each in given if each.touchpoint_id == record.touchpoint_id), None),
        shares=given,
    )


def _share(touchpoint_id: UUID, number: int | None, shares: records.Shares) -> Share:
    if number is None:
        return Share(touchpoint_id, credit_of(0), money(0), money(0))
    return Share(
        touchpoint_id,
        credit_of(int(shares.credits[number])),
        money(int(shares.values[number])),
        money(int(shares.commissions[number])),
    )
