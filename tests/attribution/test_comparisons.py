"""The model lab's work: what conversions would earn under several rules, added up, and nothing stored of it."""

import datetime as dt
from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from attribution import lab, lab_tables, operations
from attribution.models import AttributionRecord, Comparison, KeptJourney, ModelConfig, Training
from conversions.models import Conversion
from tests.attribution.worlds import NOW, make_world
from tests.factories import ConversionFactory, TouchpointFactory

pytestmark = pytest.mark.django_db(transaction=True)

PERIOD = {"start": NOW - dt.timedelta(days=31), "end": NOW + dt.timedelta(days=1)}
DAY = dt.timedelta(days=1)


def compared(*contenders, **asked):
    comparison = operations.start_comparison(**{**PERIOD, "contenders": list(contenders), "queue": False, **asked})
    assert operations.compare(comparison.pk)
    comparison.refresh_from_db()
    assert comparison.status == Comparison.Status.FINISHED, comparison.error
    return comparison


def calculate(**selection):
    run = operations.start_run(**selection, queue=False)
    for shard in run.shards.all():
        assert operations.calculate_shard(shard.pk)


def by_name(comparison, grouping, place):
    """{name: (credit, revenue, commission)} of one contender; groups with nothing left out."""
    found = {}
    for row in lab_tables.rows(comparison.result, grouping):
        cell = row.cells[place]
        if cell.conversions:
            found[tuple(row.name)] = (cell.conversions, cell.revenue, cell.commission)
    return found


def stored_by(names, **records):
    """The same sums, from stored records, in plain Python."""
    sums = defaultdict(lambda: [Decimal(0)] * 3)
    for record in AttributionRecord.objects.filter(currency="USD", **records):
        name = tuple(getattr(record, each) or "" for each in names)
        amounts = (record.credit, record.revenue_attributed, record.commission_amount)
        sums[name] = [a + b for a, b in zip(sums[name], amounts, strict=True)]
    return {name: tuple(amounts) for name, amounts in sums.items()}


GROUPED = {
    "channel": ["channel"],
    "source": ["channel", "source"],
    "campaign": ["campaign_id"],
    "payee": ["payee_type", "payee_id"],
}


@pytest.mark.parametrize("grouping", GROUPED)
def test_each_contender_has_the_sums_of_the_records_that_a_run_would_store(grouping):
    make_world(120, currencies=("USD", "EUR"))
    models = ["position_based", "linear", "first_touch", "time_decay"]
    comparison = compared(*({"model": model} for model in models))
    calculate(model_names=models)
    for place, model in enumerate(models):
        assert by_name(comparison, grouping, place) == stored_by(GROUPED[grouping], model=model)


def test_what_is_paid_now_is_the_payable_records_even_where_the_payable_model_changes():
    make_world(120)
    operations.create_model_config(
        model="linear", parameters={"lookback_days": 20}, payable=True, effective_from=NOW - 10 * DAY
    )
    comparison = compared({"model": "last_touch"})
    calculate()
    assert comparison.question["contenders"][0]["model"] is None
    paid = stored_by(["payee_type", "payee_id"], payable=True)
    assert by_name(comparison, "payee", 0) == paid
    assert len({record.model for record in AttributionRecord.objects.filter(payable=True)}) == 2


def test_attributed_and_unattributed_make_the_total_for_each_contender_to_the_cent():
    make_world(150)
    asked = [{"model": "linear", "parameters": {"lookback_days": days}} for days in (1, 30, 90)]
    comparison = compared(*asked)
    conversions = Conversion.objects.filter(occurred_at__gte=PERIOD["start"], occurred_at__lt=PERIOD["end"])
    value, commission = (sum(getattr(c, n) for c in conversions) for n in ("value", "commission_amount"))
    attributed = set()
    for place, total in enumerate(lab_tables.totals(comparison)):
        assert total["revenue"] + total["unattributed_revenue"] == value
        assert total["commission"] + total["unattributed_commission"] == commission
        assert total["attributed_conversions"] + total["unattributed_conversions"] == conversions.count()
        for grouping in lab.GROUPINGS:
            sums = [sum(column) for column in zip(*by_name(comparison, grouping, place).values(), strict=True)]
            assert sums == [total["attributed_conversions"], total["revenue"], total["commission"]]
        attributed.add(total["attributed_conversions"])
    assert len(attributed) == 3, "a wider lookback must reach more conversions, or this proves little"


def test_nothing_is_stored_but_the_comparison():
    make_world(60)
    calculate()
    tables = (AttributionRecord, KeptJourney, ModelConfig, Training)
    before = [(table, table.objects.count()) for table in tables]
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(xmin::text::bigint), count(*) FROM attribution_attributionrecord")
        written = cursor.fetchone()
    compared({"model": "linear"}, {"model": "data_driven", "parameters": {"minimum_conversions": 1}})
    assert [(table, table.objects.count()) for table in tables] == before
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(xmin::text::bigint), count(*) FROM attribution_attributionrecord")
        assert cursor.fetchone() == written


def journey(lead, *days, value="100.00", **touch):
    """A conversion of this value with a touch so many days before it."""
    ConversionFactory(lead_id=lead, value=Decimal(value), occurred_at=NOW)
    for number, before in enumerate(days):
        TouchpointFactory(lead_id=lead, timestamp=NOW - before * DAY, partner_id=f"partner-{number}", **touch)


def test_who_gains_and_loses_and_how_much_moves_by_hand():
    journey("lead-1", 9, 5, 1)
    comparison = compared({"model": "position_based"}, {"model": "first_touch"})
    told = lab_tables.totals(comparison)[1]
    # 40/20/40 of a commission of 10.00 against all of it for the first.
    assert by_name(comparison, "payee", 0)["partner", "partner-0"][2] == Decimal("4.00")
    assert by_name(comparison, "payee", 1) == {("partner", "partner-0"): (Decimal(1), Decimal(100), Decimal(10))}
    assert (told["payees_gaining"], told["payees_losing"], told["commission_moved"]) == (1, 2, Decimal("6.00"))
    assert lab_tables.rows(comparison.result, "payee")[0].name == ["partner", "partner-0"]


def test_rows_that_tie_stand_by_name_whatever_was_met_first():
    ConversionFactory(lead_id="lead-1", value=Decimal("100.00"), occurred_at=NOW)
    for days, partner in ((9, "partner-b"), (5, "partner-c"), (1, "partner-a")):
        TouchpointFactory(lead_id="lead-1", timestamp=NOW - days * DAY, partner_id=partner)
    comparison = compared({"model": "position_based"}, {"model": "linear", "parameters": {"lookback_days": 6}})
    by_weight = compared({"model": "position_based"}, {"model": "position_based", "version": 1})
    assert [row.name[1] for row in lab_tables.rows(comparison.result, "payee")] == [
        "partner-b",
        "partner-c",
        "partner-a",
    ]
    assert [row.name[1] for row in lab_tables.rows(by_weight.result, "payee")] == [
        "partner-a",
        "partner-b",
        "partner-c",
    ]


def test_commission_that_nobody_gets_any_more_has_moved_too():
    journey("lead-1", 40)
    comparison = compared({"model": "linear"}, {"model": "linear", "parameters": {"lookback_days": 30}})
    told = lab_tables.totals(comparison)[1]
    assert (told["unattributed_commission"], told["commission_moved"]) == (Decimal(10), Decimal(10))
    assert (told["payees_gaining"], told["payees_losing"]) == (0, 1)


def test_the_house_gains_but_is_no_payee():
    conversion = ConversionFactory(lead_id="lead-1", occurred_at=NOW)
    TouchpointFactory(lead_id="lead-1", timestamp=conversion.occurred_at - 2 * DAY, broker_id="broker-1")
    TouchpointFactory(lead_id="lead-1", timestamp=conversion.occurred_at - DAY)
    comparison = compared({"model": "first_touch"}, {"model": "last_touch"})
    assert set(by_name(comparison, "payee", 1)) == {("house", "")}
    told = lab_tables.totals(comparison)[1]
    assert (told["payees_gaining"], told["payees_losing"]) == (0, 1)


def test_a_version_counts_for_the_whole_period_although_it_takes_effect_later():
    journey("lead-1", 40, 1)
    operations.create_model_config(
        model="linear", parameters={"lookback_days": 30}, effective_from=timezone.now() + 30 * DAY
    )
    comparison = compared({"model": "linear"}, {"model": "linear", "version": 2}, {"model": "linear", "version": 1})
    both, of_second, of_first = (by_name(comparison, "payee", place) for place in range(3))
    assert both == of_first
    assert both["partner", "partner-0"] == both["partner", "partner-1"] == (Decimal("0.5"), Decimal(50), Decimal(5))
    assert of_second == {("partner", "partner-1"): (Decimal(1), Decimal(100), Decimal(10))}


def test_trial_parameters_restart_journeys_although_no_version_does():
    for moment in (NOW - 5 * DAY, NOW):
        ConversionFactory(lead_id="lead-1", occurred_at=moment)
        TouchpointFactory(lead_id="lead-1", timestamp=moment - DAY, channel="email" if moment == NOW else "chat")
    comparison = compared(
        {"model": "first_touch"}, {"model": "first_touch", "parameters": {"restart_after_conversion": True}}
    )
    assert set(by_name(comparison, "channel", 0)) == {("chat",)}
    assert set(by_name(comparison, "channel", 1)) == {("chat",), ("email",)}


def data_driven_world():
    """The lead converts when a webinar was on its way, whatever else was."""
    for number in range(60):
        lead = f"lead-{number}"
        channels = ["email", "webinar"] if number % 2 else ["email", "chat"]
        for days, channel in zip((9, 5), channels, strict=True):
            TouchpointFactory(lead_id=lead, channel=channel, timestamp=NOW - days * DAY)
        if "webinar" in channels or number % 10 == 0:
            value = Decimal(5000 if number % 10 == 0 else 100 + number)
            ConversionFactory(lead_id=lead, occurred_at=NOW, value=value)


def test_trial_parameters_of_the_data_driven_model_are_learnt_from_the_data():
    data_driven_world()
    trial = {"model": "data_driven", "parameters": {"minimum_conversions": 10}}
    comparison = compared({"model": "position_based"}, trial)
    told = lab_tables.totals(comparison)[1]
    # The period's end is ahead of NOW: all journeys are in the window.
    assert told["learnt"]["conversions"] == Conversion.objects.count()
    assert (told["shared_by_position"], told["note"]) == (0, None)
    by_position, learnt = (by_name(comparison, "channel", place)[("webinar",)][0] for place in (0, 1))
    assert by_position != learnt
    assert not Training.objects.exists()


def test_trial_parameters_give_what_a_stored_training_gives():
    data_driven_world()
    # Not in effect yet: the version is tried as if it and its training always had been.
    parameters = {"minimum_conversions": 10, "training_days": 60}
    config = operations.create_model_config(model="data_driven", parameters=parameters, effective_from=NOW + 20 * DAY)
    training = operations.start_training(config_id=config.pk, end=PERIOD["end"], queue=False)
    operations.train(training.pk)
    comparison = compared(
        {"model": "data_driven", "version": config.version}, {"model": "data_driven", "parameters": parameters}
    )
    assert by_name(comparison, "channel", 0) == by_name(comparison, "channel", 1)
    assert [each["shared_by_position"] for each in lab_tables.totals(comparison)] == [0, 0]


def test_too_little_data_is_shared_by_position_and_told():
    journey("lead-1", 9, 5, 1)
    comparison = compared({"model": "position_based"}, {"model": "data_driven", "parameters": {}})
    assert by_name(comparison, "payee", 0) == by_name(comparison, "payee", 1)
    told = lab_tables.totals(comparison)[1]
    assert told["shared_by_position"] == 1
    assert "asks for 100" in told["note"]


def test_what_is_configured_while_it_waits_changes_nothing():
    journey("lead-1", 9, 5)
    asked = {**PERIOD, "contenders": [{"model": "linear"}], "queue": False}
    waiting = operations.start_comparison(**asked)
    operations.create_model_config(model="linear", parameters={"lookback_days": 7}, effective_from=NOW - 20 * DAY)
    operations.compare(waiting.pk)
    waiting.refresh_from_db()
    assert by_name(waiting, "payee", 1)["partner", "partner-0"][0] == Decimal("0.5")


def test_the_parts_it_is_read_in_change_no_cent(monkeypatch):
    make_world(200)
    asked = [{"model": "linear"}, {"model": "time_decay"}, {"model": "last_touch"}]
    whole = compared(*asked).result
    monkeypatch.setattr("attribution.operations.comparisons.CONVERSIONS_AT_ONCE", 7)
    monkeypatch.setattr("attribution.reading.CHUNK", 50)
    assert compared(*asked).result == whole


def test_beyond_the_most_groups_one_row_stands_for_the_others(monkeypatch):
    make_world(60)
    whole = compared({"model": "linear"})
    monkeypatch.setattr("attribution.lab.MOST_GROUPS", 4)
    short = compared({"model": "linear"})
    rows = lab_tables.rows(short.result, "channel")
    assert len(rows) == 5
    assert (rows[-1].name, rows[-1].others) == (None, len(lab_tables.rows(whole.result, "channel")) - 4)
    for place in (0, 1):
        assert sum(row.cells[place].revenue for row in rows) == lab_tables.totals(whole)[place]["revenue"]


def test_a_currency_without_cents_is_shared_in_whole_units():
    make_world(60, currencies=("JPY",))
    comparison = compared({"model": "linear"}, currency="JPY")
    rows = lab_tables.rows(comparison.result, "payee")
    assert all(cell.revenue == cell.revenue.to_integral_value() for row in rows for cell in row.cells)
    assert Counter(c.currency for c in Conversion.objects.all()).keys() == {"JPY"}
