"""Configurations in the back office: told apart, compared, made by a form that says beforehand what would happen."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from attribution.admin.configurations import state_of
from attribution.models import ModelConfig, PayableModel
from attribution.operations import create_model_config
from tests.factories import AttributionRecordFactory, ConversionFactory, UserFactory

LIST = "/admin/attribution/modelconfig/"
ADD = f"{LIST}add/"
DAY = dt.timedelta(days=1)
NOW = timezone.now().replace(microsecond=0)
PATH = {"lookback_days": "90"}
WEIGHTS = {"first_weight": "0.4", "middle_weight": "0.2", "last_weight": "0.4"}
TRAINING = {
    "states": "channel",
    "markov_order": "1",
    "weigh_by": "conversions",
    "training_days": "90",
    "minimum_conversions": "100",
}
UNCHANGED = {
    "linear": PATH,
    "time_decay": PATH | {"half_life_days": "7"},
    "position_based": PATH | WEIGHTS,
    "data_driven": PATH | WEIGHTS | TRAINING,
}
pytestmark = pytest.mark.django_db


@pytest.fixture
def client_of(client):
    def client_of(**user):
        client.force_login(UserFactory(**user))
        return client

    return client_of


def days_from_now(days):
    return NOW + days * DAY


def moment(value):
    return {"effective_from_0": f"{value:%Y-%m-%d}", "effective_from_1": f"{value:%H:%M:%S}"}


def send(client, model, step="check", **changed):
    return client.post(ADD, UNCHANGED[model] | {"model": model, "step": step} | changed)


def page(response):
    """What a reader sees, markup and line breaks left out."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_list_tells_past_current_and_scheduled_versions_apart(admin_client):
    create_model_config(model="linear", parameters={"lookback_days": 30}, effective_from=days_from_now(-9))
    create_model_config(model="linear", parameters={"lookback_days": 31}, effective_from=days_from_now(9), payable=True)
    shown = admin_client.get(LIST, {"model__exact": "linear"})
    rows = [(config.version, state_of(config)) for config in shown.context["cl"].result_list]
    assert rows == [(3, "Scheduled"), (2, "In effect"), (1, "Past")]
    assert [config.paid for config in shown.context["cl"].result_list] == ["Yes", "", ""]
    past = admin_client.get(LIST, {"state": "Past"})
    assert [(config.model, config.version) for config in past.context["cl"].result_list] == [("linear", 1)]


def test_the_list_costs_the_same_queries_for_few_versions_and_for_many(admin_client, django_assert_max_num_queries):
    with django_assert_max_num_queries(10) as few:
        admin_client.get(LIST)
    cost = len(few.captured_queries)
    for day in range(1, 30):
        create_model_config(
            model="linear", parameters={"lookback_days": day}, effective_from=days_from_now(day), by=UserFactory()
        )
    with django_assert_max_num_queries(cost):
        assert len(admin_client.get(LIST).context["cl"].result_list) == 35


def test_a_version_shows_what_it_changed_and_where_its_records_are(client_of):
    made = create_model_config(
        model="time_decay", parameters={"half_life_days": 3}, effective_from=days_from_now(-9), by=UserFactory()
    )
    AttributionRecordFactory.create_batch(2, model="time_decay", config=made, payable=False)
    response = client_of(role="Analyst").get(f"{LIST}{made.pk}/change/")
    rows = {row.name: row for row in response.context["rows"]}
    assert (rows["half_life_days"].before, rows["half_life_days"].after) == ("7 days", "3 days")
    assert [name for name, row in rows.items() if row.differs] == ["half_life_days"]
    assert "markov_order" not in rows
    link = re.search(r'href="([^"]*attributionrecord/\?[^"]*)">Show</a>', response.content.decode())
    records = client_of(role="Analyst").get(link[1].replace("&amp;", "&"))
    assert [record.config_id for record in records.context["cl"].result_list] == [made.pk] * 2
    assert "Copy and change" not in page(response)


def test_two_versions_stand_side_by_side(client_of):
    first = ModelConfig.objects.get(model="position_based")
    other = create_model_config(model="data_driven", parameters={"position_weights": [1, 0, 3], "markov_order": "auto"})
    response = client_of(role="Auditor").get(f"{LIST}compare/", {"before": first.pk, "after": other.pk})
    differing = {row.name: (row.before, row.after) for row in response.context["rows"] if row.differs}
    assert differing == {
        "position_weights": ("first 40 % · middle 20 % · last 40 %", "first 25 % · middle 0 % · last 75 %"),
        "markov_order": ("1, each touch by itself", "The order that the data speaks for"),
    }
    assert "Choose two versions" in page(client_of(role="Auditor").get(f"{LIST}compare/", {"before": "x"}))


@pytest.mark.parametrize("role", ["Operations", "Finance", "Analyst", "Auditor"])
def test_only_administrators_make_versions(client_of, role):
    assert client_of(role=role).get(ADD).status_code == 403
    assert send(client_of(role=role), "linear", lookback_days="30").status_code == 403
    assert client_of(role=role).get(f"{LIST}compare/").status_code == 200


def test_a_new_version_begins_with_the_question_of_which_model(admin_client):
    shown = admin_client.get(ADD)
    assert "pays commission" in page(shown)
    assert re.findall(r'href="\?model=(\w+)"', shown.content.decode()) == [
        "first_touch",
        "last_touch",
        "linear",
        "time_decay",
        "position_based",
        "data_driven",
    ]


@pytest.mark.parametrize(("model", "fields"), UNCHANGED.items())
def test_the_form_has_the_fields_that_the_model_reads_and_no_others(admin_client, model, fields):
    form = admin_client.get(ADD, {"model": model}).context["form"]
    optional = {"half_life_days", *WEIGHTS, *TRAINING}
    assert optional & set(form.fields) == optional & set(fields)


def test_the_form_starts_from_the_version_in_effect_or_the_one_that_is_copied(admin_client):
    config = create_model_config(
        model="linear",
        parameters={"lookback_days_by_type": {"renewal": 365}, "excluded_channels": ["chat"], "exclude_direct": True},
    )
    later = create_model_config(model="linear", parameters={"lookback_days": 8}, effective_from=days_from_now(3))
    form = admin_client.get(ADD, {"model": "linear"}).context["form"]
    assert (form["lookback_days"].value(), form["lookback_days_renewal"].value()) == (90, 365)
    assert (form["excluded_channels"].value(), form["exclude_direct"].value()) == (["chat"], True)
    assert admin_client.get(ADD, {"copy": later.pk}).context["form"]["lookback_days"].value() == 8
    assert admin_client.get(ADD, {"copy": config.pk}).context["form"]["lookback_days"].value() == 90
    assert admin_client.get(ADD, {"copy": "none"}).status_code == 404


def test_what_would_happen_is_said_before_it_does(admin_client):
    for days in (-1, -2, -30):
        ConversionFactory(occurred_at=days_from_now(days))
    asked = {"half_life_days": "3", "payable": "on"} | moment(days_from_now(-10))
    text = page(send(admin_client, "time_decay", **asked))
    assert "Add version 2 of Time Decay?" in text
    assert "2 conversions of that time will be calculated anew under Time Decay" in text
    assert "Commission is paid under Time Decay from then on, instead of Position Based" in text
    assert re.search(r"Half-life changed 7 days 3 days", text)
    assert not ModelConfig.objects.filter(version=2).exists()


def test_a_version_that_changes_what_is_paid_says_so_and_one_for_analysis_too(admin_client):
    assert "this version decides what is paid" in page(send(admin_client, "position_based", lookback_days="30"))
    text = page(send(admin_client, "linear", lookback_days="30"))
    assert "It is for analysis: commission stays with Position Based" in text
    assert "nothing is calculated anew" in text


def test_what_was_confirmed_is_stored_as_the_next_version(admin_client):
    asked = {
        "half_life_days": "2.5",
        "lookback_days": "60",
        "lookback_days_policy_bound": "30",
        "lookback_steps": "5",
        "excluded_channels": ["chat", "event"],
        "collapse_repeats": "on",
        "payable": "on",
    } | moment(days_from_now(5))
    confirming = send(admin_client, "time_decay", **asked)
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', confirming.content.decode())
    again: dict[str, list[str]] = {}
    for name, value in hidden:
        again.setdefault(name, []).append(value)
    made_at = admin_client.post(ADD, again | {"step": "create"})
    made = ModelConfig.objects.get(model="time_decay", version=2)
    assert made_at.url == f"{LIST}{made.pk}/change/"
    parameters = made.parameters
    assert (parameters["half_life_days"], parameters["lookback_steps"]) == (2.5, 5)
    assert (parameters["lookback_days"], parameters["lookback_days_by_type"]) == (60, {"policy_bound": 30})
    assert (parameters["excluded_channels"], parameters["collapse_repeats"]) == (["chat", "event"], True)
    # No field for them here: they stay as they were.
    assert (parameters["position_weights"], parameters["exclude_direct"]) == ([0.4, 0.2, 0.4], False)
    assert made.created_by.is_superuser
    assert (PayableModel.objects.first().model, PayableModel.objects.first().effective_from) == (
        "time_decay",
        made.effective_from,
    )


def test_a_data_driven_version_is_made_of_its_own_fields(admin_client):
    asked = {"markov_order": "auto", "states": "channel_partner", "weigh_by": "value", "minimum_conversions": "9"}
    assert "at least 9 conversions, it shares by position" in page(send(admin_client, "data_driven", **asked))
    send(admin_client, "data_driven", "create", **asked)
    parameters = ModelConfig.objects.get(model="data_driven", version=2).parameters
    assert (parameters["markov_order"], parameters["states"]) == ("auto", "channel_partner")
    assert (parameters["weigh_by"], parameters["minimum_conversions"]) == ("value", 9)


def test_whoever_changes_their_mind_gets_the_form_back_as_it_was(admin_client):
    shown = send(admin_client, "linear", "edit", lookback_days="30")
    assert (shown.status_code, shown.context["form"]["lookback_days"].value()) == (200, "30")
    assert not ModelConfig.objects.filter(version=2).exists()


@pytest.mark.parametrize(
    ("model", "sent", "field", "text"),
    [
        ("time_decay", {"half_life_days": "0"}, "half_life_days", "Must be more than 0 days."),
        ("time_decay", {"half_life_days": "nan"}, "half_life_days", "Enter a number."),
        ("time_decay", {"half_life_days": ""}, "half_life_days", "This field is required."),
        ("position_based", {"last_weight": "-1"}, "first_weight", "Each weight must be between 0 and 1000000000."),
        ("position_based", {"middle_weight": "NaN"}, "middle_weight", "Enter a number."),
        ("position_based", dict.fromkeys(WEIGHTS, "0"), "first_weight", "At least one weight must be more than 0."),
        ("linear", {"lookback_days": "0"}, "lookback_days", "Must be between 1 and 3650 days."),
        ("linear", {"lookback_days": "10000"}, "lookback_days", "Must be between 1 and 3650 days."),
        ("linear", {"lookback_days_renewal": "10000"}, "lookback_days_renewal", "Must be between 1 and 3650 days."),
        ("linear", {"lookback_steps": "0"}, "lookback_steps", "Must be at least 1 step"),
        ("linear", {"excluded_channels": ["tv"]}, "excluded_channels", "tv is not one of the available choices."),
        ("data_driven", {"markov_order": "9"}, "markov_order", "9 is not one of the available choices."),
        ("data_driven", {"states": "weather"}, "states", "weather is not one of the available choices."),
        ("data_driven", {"training_days": "0"}, "training_days", "Must be between 1 and 3650 days."),
        ("data_driven", {"minimum_conversions": "0"}, "minimum_conversions", "Must be at least 1 conversion"),
        ("linear", {"effective_from_0": "soon", "effective_from_1": "00:00"}, "effective_from", "Enter a valid date."),
        ("linear", {"effective_from_0": "1999-01-01", "effective_from_1": "00:00"}, "effective_from", "2000-01-01"),
        ("linear", {"effective_from_0": "2206-01-01", "effective_from_1": "00:00"}, "effective_from", "ten years"),
        (
            "linear",
            {"effective_from_0": "2000-01-01", "effective_from_1": "00:00"},
            "effective_from",
            "Version 1 takes",
        ),
        ("linear", {}, "__all__", "Nothing would change: version 1, in effect then, says the same."),
        ("astrology", {}, "model", "astrology is not one of the available choices."),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_at_its_field(admin_client, model, sent, field, text):
    good = UNCHANGED.get(model, PATH)
    if field == "effective_from":
        good = good | {"lookback_days": "30"}
    response = admin_client.post(ADD, good | {"model": model, "step": "create"} | sent)
    assert response.status_code == 422
    errors = response.context["form"].errors
    assert list(errors) == [field]
    assert text in errors[field][0]
    assert not errors[field][0].startswith("parameters")
    assert not ModelConfig.objects.filter(version=2).exists()


def test_nothing_that_cannot_be_is_offered_for_confirmation(admin_client):
    shown = send(admin_client, "time_decay", half_life_days="0")
    assert (shown.status_code, "Add this version" in page(shown)) == (422, False)


@pytest.mark.parametrize("step", ["check", "create"])
def test_a_past_date_that_would_price_approved_commission_anew_is_told_at_its_field(admin_client, step):
    frozen = AttributionRecordFactory(status="paid", occurred_at=days_from_now(-10))
    asked = {"lookback_days": "30"} | moment(days_from_now(-20))
    for model, payable in (("position_based", {}), ("linear", {"payable": "on"})):
        response = send(admin_client, model, step, **asked, **payable)
        [text] = response.context["form"].errors["effective_from"]
        assert f"1 approved, disputed or paid record since {frozen.occurred_at:%Y-%m-%d %H:%M:%S} UTC" in text
    assert send(admin_client, "linear", **asked).status_code == 200


def test_an_instant_that_is_taken_is_told_at_its_field(admin_client):
    asked = moment(days_from_now(3))
    assert send(admin_client, "linear", "create", lookback_days="30", **asked).status_code == 302
    again = send(admin_client, "linear", "create", lookback_days="31", **asked)
    assert again.context["form"].errors["effective_from"] == ["Version 2 takes effect at that instant."]
