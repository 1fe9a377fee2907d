"""What the data-driven model reads of the stored touches, and what it keeps of what it learnt."""

import datetime as dt
import threading
from collections import Counter

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from attribution import operations, states, training
from attribution.engine import markov
from attribution.engine.parameters import Parameters
from attribution.models import AttributionRecord, PayableModel, Run, Training
from attribution.operations import scheduling
from conversions.models import Conversion
from tests.attribution.worlds import NOW, journey_of, make_world
from tests.factories import (
    AttributionRecordFactory,
    ConversionFactory,
    TouchpointFactory,
    TrainingFactory,
    UserFactory,
)
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db(transaction=True)

DAY = dt.timedelta(days=1)
START, END = NOW - 40 * DAY, NOW + DAY


def counted(parameters=None, **window):
    """{(states, …): [conversions, nulls, value in cents]} as training reads it."""
    read = training.read_paths(parameters or Parameters(), **{"start": START, "end": END} | window)
    return as_dict(read.paths, read.keys), as_dict(read.of_house, read.keys)


def as_dict(paths, keys):
    found = {}
    for number in range(paths.count):
        codes = paths.states[paths.offsets[number] : paths.offsets[number + 1]]
        amounts = [paths.conversions[number], paths.nulls[number], paths.values[number]]
        found[tuple(keys[code] for code in codes)] = amounts
    return found


def by_the_rules(*, lookback_days=90, restart=False, start=START, end=END):
    """The same, lead by lead, from the words of RULES.md."""
    found = Counter(), Counter(), Counter()
    for conversion in Conversion.objects.filter(occurred_at__gte=start, occurred_at__lt=end):
        path = tuple(t.channel for t in journey_of(conversion, lookback_days=lookback_days, restart=restart))
        found[0][path] += 1
        found[2][path] += int(conversion.value * 100)
    for lead in Touchpoint.objects.values_list("lead_id", flat=True).distinct():
        converted = Conversion.objects.filter(lead_id=lead, occurred_at__lt=end).order_by("-occurred_at").first()
        touches = Touchpoint.objects.filter(lead_id=lead, timestamp__lt=end).order_by("timestamp", "id")
        if converted:
            touches = touches.filter(timestamp__gt=converted.occurred_at)
        touches = list(touches)
        if touches and touches[-1].timestamp >= start:
            since = touches[-1].timestamp - lookback_days * DAY
            found[1][tuple(t.channel for t in touches if t.timestamp >= since)] += 1
    paths = {path for each in found for path in each if path}
    return {path: [each[path] for each in found] for path in paths}


@pytest.mark.parametrize(("lookback_days", "restart"), [(90, False), (20, False), (31, True)])
def test_journeys_are_read_as_the_rules_say(lookback_days, restart, monkeypatch):
    monkeypatch.setattr(training, "TOUCHES_AT_ONCE", 50)
    monkeypatch.setattr(training, "CONVERSIONS_AT_ONCE", 20)
    make_world(80)
    parameters = Parameters(lookback_days=lookback_days, restart_after_conversion=restart)
    assert counted(parameters)[0] == by_the_rules(lookback_days=lookback_days, restart=restart)


def test_a_journey_belongs_to_the_window_in_which_it_ends():
    make_world(60)
    middle = START + 15 * DAY
    assert counted(start=START, end=middle)[0] == by_the_rules(start=START, end=middle)


def test_other_currencies_count_as_conversions_but_not_as_value():
    make_world(60, currencies=("USD", "EUR"))
    everything, of_house = counted()
    in_euro = Conversion.objects.filter(currency="EUR", occurred_at__gte=START, occurred_at__lt=END)
    with_journey = sum(bool(journey_of(each)) for each in in_euro)
    lost = sum(each[0] for each in everything.values()) - sum(each[0] for each in of_house.values())
    assert lost == with_journey > 0
    assert sum(e[1] for e in everything.values()) == sum(e[1] for e in of_house.values())


def test_excluded_and_repeated_channels_are_left_out_of_paths_as_they_are_of_journeys():
    for hours, channel in enumerate(["email", "email", "direct", "chat", "email"]):
        TouchpointFactory(lead_id="a", channel=channel, timestamp=NOW - (10 - hours) * DAY)
    ConversionFactory(lead_id="a", occurred_at=NOW, value=10)
    TouchpointFactory(lead_id="b", channel="direct", timestamp=NOW - DAY)
    parameters = Parameters(excluded_channels=("chat",), exclude_direct=True, collapse_repeats=True)
    assert counted(parameters)[0] == {("email",): [1, 0, 1000], ("direct",): [0, 1, 0]}


def test_states_may_stand_beside_the_channel():
    TouchpointFactory(lead_id="a", channel="email", campaign="autumn", timestamp=NOW - 2 * DAY)
    TouchpointFactory(lead_id="a", channel="email", campaign=None, timestamp=NOW - DAY)
    ConversionFactory(lead_id="a", occurred_at=NOW, value=10)
    read = training.read_paths(Parameters(states="channel_campaign"), start=START, end=END)
    assert [states.state_of(key) for key in read.keys] == [["email", None], ["email", "autumn"]]
    assert read.paths.states.tolist() == [1, 0]


def test_how_the_reading_is_cut_up_changes_no_byte(monkeypatch):
    make_world(80, currencies=("USD", "EUR"))
    parameters = Parameters(minimum_conversions=1)
    whole = training.learn(parameters, start=START, end=END)
    monkeypatch.setattr(training, "TOUCHES_AT_ONCE", 30)
    monkeypatch.setattr(training, "CONVERSIONS_AT_ONCE", 7)
    assert training.learn(parameters, start=START, end=END) == whole


def test_what_is_learnt_is_what_the_engine_says_of_those_paths():
    make_world(80)
    learnt = training.learn(Parameters(minimum_conversions=1, markov_order=2), start=START, end=END)
    read = training.read_paths(Parameters(), start=START, end=END)
    exact = markov.train(read.paths, states=len(read.keys), order=2)
    by_channel = {each["state"][0]: each["removal_effect"] for each in learnt.effects}
    assert [by_channel[key] for key in read.keys] == exact.removal_effects.tolist()
    assert learnt.data_hash == read.paths.digest(read.keys)
    assert (learnt.order, learnt.conversions) == (2, read.paths.conversions.sum())


def configure(**parameters):
    return operations.create_model_config(
        model="data_driven",
        parameters={"minimum_conversions": 5} | parameters,
        effective_from=NOW - 300 * DAY,
    )


def trained(config=None, **asked):
    started = operations.start_training(config_id=config and config.pk, queue=False, **{"end": END} | asked)
    operations.train(started.pk)
    started.refresh_from_db()
    return started


def work_off_runs():
    """The newest first, as happens when an older one is long: those that follow come of themselves."""
    while run := Run.objects.unfinished().first():
        for shard in run.shards.all():
            operations.calculate_shard(shard.pk)


def test_the_first_training_credits_all_of_its_configurations_conversions():
    make_world(80)
    config = configure()
    first = trained(config)
    assert (first.status, first.effective_from) == ("finished", config.effective_from)
    work_off_runs()
    records = AttributionRecord.objects.filter(model="data_driven")
    assert set(records.values_list("training_id", "config")) == {(first.pk, config.pk)}
    effects = {each["state"][0]: each["removal_effect"] for each in first.effects}
    for conversion in Conversion.objects.all()[:20]:
        mine = list(records.filter(conversion_id=conversion.pk).order_by("position"))
        total = sum(effects[t.channel] for t in journey_of(conversion))
        expected = [effects[each.channel] / total for each in mine]
        assert [float(each.credit) for each in mine] == pytest.approx(expected, abs=2e-10)


def test_a_later_training_credits_conversions_from_its_own_end_on():
    make_world(80)
    config = configure()
    first = trained(config)
    middle = NOW - 10 * DAY
    later = trained(config, end=middle)
    assert later.effective_from == middle
    work_off_runs()
    of_training = {
        training_id: set(
            AttributionRecord.objects.filter(training_id=training_id).values_list("occurred_at", flat=True)
        )
        for training_id in (first.pk, later.pk)
    }
    assert max(of_training[first.pk]) < middle <= min(of_training[later.pk])


def test_too_little_data_is_refused_and_credit_goes_by_position_and_says_so():
    make_world(20)
    refused = trained(configure(minimum_conversions=10_000))
    assert refused.status == "refused"
    assert "asks for 10,000" in refused.error
    operations.start_run(model_names=["data_driven", "position_based"], queue=False)
    work_off_runs()
    shares = {}
    for name in ("data_driven", "position_based"):
        rows = AttributionRecord.objects.filter(model=name)
        shares[name] = sorted(rows.values_list("touchpoint_id", "credit", "revenue_attributed"))
    assert shares["data_driven"] == shares["position_based"] != []
    record = AttributionRecord.objects.filter(model="data_driven").first()
    assert (record.training_id, record.fallback) == (None, "position_based")


def test_a_window_without_conversions_is_refused_by_name():
    configure()
    with pytest.raises(ValidationError) as refused:
        operations.start_training(end=END)
    assert list(refused.value.message_dict) == ["days"]


def test_decided_money_is_never_priced_anew_by_a_training():
    make_world(60)
    config = configure()
    AttributionRecordFactory(model="data_driven", config=config, payable=True, status="approved", occurred_at=NOW)
    started = operations.start_training(config_id=config.pk, end=END, queue=False)
    assert started.effective_from == END
    Training.objects.filter(pk=started.pk).update(status="failed", finished_at=NOW)
    with pytest.raises(ValidationError) as refused:
        operations.start_training(config_id=config.pk, end=END, effective_from=NOW - DAY, queue=False)
    assert list(refused.value.message_dict) == ["effective_from"]


def test_what_was_shared_by_position_is_not_approved_once_training_knows_its_journey():
    TrainingFactory(effective_from=NOW - 10 * DAY)
    PayableModel.objects.create(model="data_driven", effective_from=NOW - 10 * DAY)
    of_model = {"model": "data_driven", "payable": True, "occurred_at": NOW}
    unknown = AttributionRecordFactory(channel="chat", **of_model)
    approval = {"status": "approved", "reason": "Checked.", "by": UserFactory()}
    beside_known = AttributionRecordFactory(channel="chat", **of_model)
    AttributionRecordFactory(channel="email", conversion_id=beside_known.conversion_id, **of_model)
    with pytest.raises(operations.RecordOutdated):
        operations.change_record(record_id=beside_known.pk, **approval)
    assert operations.change_record(record_id=unknown.pk, **approval).status == "approved"


def test_a_record_of_an_older_training_is_not_approved():
    older, newer = TrainingFactory(effective_from=NOW - 20 * DAY), TrainingFactory(effective_from=NOW - 10 * DAY)
    PayableModel.objects.create(model="data_driven", effective_from=NOW - 30 * DAY)
    of_model = {"model": "data_driven", "payable": True, "occurred_at": NOW, "channel": "email"}
    approval = {"status": "approved", "reason": "Checked.", "by": UserFactory()}
    with pytest.raises(operations.RecordOutdated):
        operations.change_record(record_id=AttributionRecordFactory(training=older, **of_model).pk, **approval)
    operations.change_record(record_id=AttributionRecordFactory(training=newer, **of_model).pk, **approval)


def test_what_was_learnt_waits_for_records_that_are_being_written(monkeypatch):
    make_world(40)
    started = operations.start_training(config_id=configure().pk, end=END, queue=False)
    refusals = iter([operations.RecordsAreWritten("busy"), operations.RecordsAreWritten("busy")])
    hold = scheduling.hold_approvals

    def busy_twice(*arguments):
        for refusal in refusals:
            raise refusal
        hold(*arguments)

    monkeypatch.setattr(scheduling, "hold_approvals", busy_twice)
    operations.train(started.pk)
    started.refresh_from_db()
    assert started.status == "finished"


def test_two_trainings_of_one_configuration_do_not_run_at_once():
    make_world(20)
    configure()
    operations.start_training(end=END, queue=False)
    with pytest.raises(operations.AlreadyTraining):
        operations.start_training(end=END, queue=False)


def test_a_training_that_another_worker_is_at_is_left_to_it(monkeypatch):
    make_world(40)
    configure()
    started = operations.start_training(end=END, queue=False)
    inside, go_on = threading.Event(), threading.Event()
    learn = training.learn

    def slow(*arguments, **named):
        inside.set()
        go_on.wait(20)
        return learn(*arguments, **named)

    def first_worker():
        operations.train(started.pk)
        connection.close()

    monkeypatch.setattr(training, "learn", slow)
    worker = threading.Thread(target=first_worker)
    worker.start()
    assert inside.wait(20)
    done_here = operations.train(started.pk)
    go_on.set()
    worker.join()
    assert not done_here
    started.refresh_from_db()
    assert started.status == "finished"


def test_a_training_whose_worker_died_is_done_by_the_next():
    make_world(40)
    configure()
    started = operations.start_training(end=END, queue=False)
    Training.objects.filter(pk=started.pk).update(status="running", steps_done=1, started_at=NOW)
    assert operations.train(started.pk)
    started.refresh_from_db()
    assert (started.status, started.steps_done) == ("finished", started.steps_total)


def test_a_finished_training_cannot_be_changed():
    finished = TrainingFactory()
    with pytest.raises(ProgrammingError), transaction.atomic():
        Training.objects.filter(pk=finished.pk).update(effects=[])
    with pytest.raises(ProgrammingError), transaction.atomic():
        Training.objects.filter(pk=finished.pk).delete()


def test_a_run_keeps_to_the_versions_it_was_started_under():
    make_world(40)
    config = configure()
    run = operations.start_run(model_names=["data_driven"], queue=False)
    trained(config)
    for shard in run.shards.all():
        operations.calculate_shard(shard.pk)
    assert not AttributionRecord.objects.filter(training__isnull=False).exists()
    assert Run.objects.get(pk=run.pk).status == "finished"
    work_off_runs()
    assert AttributionRecord.objects.filter(training__isnull=False).exists()


def test_the_command_trains_and_prints_what_it_learnt(capsys):
    make_world(40)
    config = configure()
    call_command("train_model", "--in-process", "--end", END.isoformat(), "--config", str(config.version))
    assert "in effect from" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no version 99"):
        call_command("train_model", "--config", "99")


def test_routes_train_list_and_show(client):
    make_world(40)
    configure()
    client.force_login(UserFactory(is_superuser=True))
    base = "/api/v1/attribution/attribution/trainings"
    answer = client.post(base, {"end": END.isoformat()}, content_type="application/json")
    assert answer.status_code == 202
    operations.train(Training.objects.get().pk)
    [listed] = client.get(base).json()["results"]
    assert listed["status"] == "finished"
    assert "effects" not in listed
    shown = client.get(f"{base}/{listed['trainingId']}").json()
    assert {"state", "removalEffect", "low", "high"} <= shown["effects"][0].keys()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"days": 0}, "days"),
        ({"days": 30, "end": "2005-01-01T00:00:00Z"}, "days"),
        ({"configVersion": 99}, "configVersion"),
        ({"end": "yesterday"}, "end"),
        ({"end": "0001-01-02T00:00:00Z"}, "end"),
        ({"end": "2999-01-01T00:00:00Z"}, "end"),
        ({"effectiveFrom": "1999-01-01T00:00:00Z"}, "effectiveFrom"),
        ({"order": 2}, "order"),
    ],
)
def test_a_bad_request_is_refused_by_name(client, body, field):
    make_world(20)
    client.force_login(UserFactory(is_superuser=True))
    body = {"end": END.isoformat()} | body
    answer = client.post("/api/v1/attribution/attribution/trainings", body, content_type="application/json")
    assert answer.status_code == 400
    assert [each["attr"] for each in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("path", ["/api/v1/attribution/attribution/trainings", "/admin/attribution/training/"])
def test_lists_take_as_many_queries_for_many_as_for_few(client, path, django_assert_num_queries):
    client.force_login(UserFactory(role="Analyst"))
    TrainingFactory()
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    TrainingFactory.create_batch(5)
    with django_assert_num_queries(len(few)):
        client.get(path)


def test_the_page_shows_effects_with_their_intervals(client):
    client.force_login(UserFactory(role="Analyst"))
    page = client.get(f"/admin/attribution/training/{TrainingFactory().pk}/change/").content.decode()
    assert "60.00 %" in page
    assert "59.00 – 61.00 %" in page
    assert "Partner Referral" in page
    assert page.count("<b style=") == 2
    assert "-5.5" in page
