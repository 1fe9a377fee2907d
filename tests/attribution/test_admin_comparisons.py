"""The pages of the model lab: its form, its progress, what it shows of a result."""

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.utils import timezone

from attribution import operations
from attribution.models import Comparison
from tests.attribution.worlds import NOW, make_world
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory, UserFactory

ADD = "/admin/attribution/comparison/add/"
LIST = "/admin/attribution/comparison/"
DAY = dt.timedelta(days=1)
PERIOD = {"start": NOW - 31 * DAY, "end": NOW + DAY}
FORM = {
    "start_date": "2026-02-01",
    "end_date": "2026-03-01",
    "currency": "usd",
    "contenders-0-rules": "",
    "contenders-1-rules": "linear",
}
TRIAL = {
    "contenders-2-rules": "time_decay:try",
    "contenders-2-lookback_days": "30",
    "contenders-2-half_life_days": "2",
    "contenders-2-excluded_channels": ["direct", "chat"],
    "contenders-2-collapse_repeats": "on",
}


@pytest.fixture
def staff(client):
    def sign_in(role=None, **fields):
        user = UserFactory(role=role, **fields)
        client.force_login(user)
        return user

    return sign_in


@pytest.fixture
def sale(db):
    ConversionFactory(lead_id="lead-1", value=Decimal("100.00"), occurred_at=NOW)
    for number, channel in enumerate(["email", "chat"]):
        PartnerFactory(id=f"partner-{number}", name=f"Summit <{number}>")
        TouchpointFactory(
            lead_id="lead-1", partner_id=f"partner-{number}", channel=channel, timestamp=NOW - (9 - number) * DAY
        )


def compared(*contenders, by=None):
    comparison = operations.start_comparison(**PERIOD, contenders=list(contenders), by=by, queue=False)
    assert operations.compare(comparison.pk)
    return f"{LIST}{comparison.pk}/change/"


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.mark.django_db
def test_the_form_asks_for_thirty_days_up_to_the_last_conversion(client, staff, sale):
    staff("Analyst")
    form = client.get(ADD).context["form"]
    assert form.initial["end_date"] == NOW.date()
    assert form.initial["start_date"] == NOW.date() - 29 * DAY
    assert [row.initial["rules"] for row in form.rows] == ["", "data_driven"]


@pytest.mark.django_db
def test_without_conversions_it_tells_how_to_get_some(client, staff):
    staff("Analyst")
    assert "load_demo" in text(client.get(ADD))
    assert "data-lab" not in client.get(ADD).content.decode()


@pytest.mark.django_db
def test_a_comparison_is_started_with_what_the_form_asks(client, staff, sale):
    user = staff("Analyst")
    client.cookies["timezone"] = "America%2FNew_York"
    response = client.post(ADD, {**FORM, **TRIAL})
    comparison = Comparison.objects.get()
    assert response.headers["Location"] == f"{LIST}{comparison.pk}/change/"
    question = comparison.question
    # Whole days of New York.
    assert (question["start"], question["end"]) == ("2026-02-01T00:00:00-05:00", "2026-03-02T00:00:00-05:00")
    assert (question["currency"], comparison.created_by) == ("USD", user)
    paid, linear, trial = question["contenders"]
    assert (paid["model"], linear["model"], linear["version"], linear["parameters"]) == (None, "linear", None, None)
    tried = trial["parameters"]
    assert (tried["lookback_days"], tried["half_life_days"], tried["collapse_repeats"]) == (30, 2.0, True)
    assert (tried["excluded_channels"], tried["restart_after_conversion"]) == (["chat", "direct"], False)


@pytest.mark.django_db
def test_a_version_is_compared_by_its_number_and_gaps_between_rows_do_not_matter(client, staff, sale):
    staff("Finance")
    rows = {"contenders-0-rules": "linear:1", "contenders-5-rules": "linear"}
    client.post(ADD, {name: FORM[name] for name in ("start_date", "end_date", "currency")} | rows)
    versions = [each["version"] for each in Comparison.objects.get().question["contenders"]]
    assert versions == [1, None]


BAD = [
    ({"start_date": "2026-13-01"}, "Enter a valid date"),
    ({"end_date": "2026-01-01"}, "The last day is before the first day."),
    ({"start_date": "2024-01-01"}, "A comparison covers 366 days at most."),
    ({"currency": "ZZZ"}, "ZZZ is not a currency"),
    ({"currency": "EUR"}, "There is no conversion in EUR in this period."),
    ({"contenders-1-rules": ""}, "It is in the comparison already."),
    ({"contenders-1-rules": "astrology"}, "Select a valid choice."),
    ({"contenders-1-rules": "linear:77"}, "Select a valid choice."),
    ({**TRIAL, "contenders-2-half_life_days": "0"}, "Must be more than 0 days."),
    ({**TRIAL, "contenders-2-lookback_days": "10000"}, "Must be between 1 and 3650 days."),
    ({**TRIAL, "contenders-2-half_life_days": "nan"}, "Enter a number."),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("changed", "told"), BAD, ids=[told for _, told in BAD])
def test_what_is_wrong_is_told_and_what_was_typed_stays(client, staff, sale, changed, told):
    staff("Analyst")
    response = client.post(ADD, {**FORM, **changed})
    assert response.status_code == 422
    assert told in text(response)
    assert not Comparison.objects.exists()
    for name, typed in changed.items():
        if name.startswith("contenders-2-l") or name.endswith("half_life_days"):
            assert f'name="{name}" value="{typed}"' in response.content.decode()


@pytest.mark.django_db
def test_an_auditor_reads_but_starts_and_deletes_nothing(client, staff, sale):
    comparison = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)
    staff("Auditor")
    assert client.get(ADD).status_code == client.post(ADD, FORM).status_code == 403
    assert client.post(f"{LIST}{comparison.pk}/delete-it/").status_code == 403
    page = client.get(f"{LIST}{comparison.pk}/change/")
    assert page.status_code == 200
    assert "Compare others" not in text(page)
    assert "Model lab" in text(client.get(LIST))
    assert Comparison.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "{pk}/change/", "{pk}/progress/", "{pk}/csv/"])
def test_it_is_not_for_strangers(client, staff, sale, path):
    comparison = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)
    staff()
    assert client.get(LIST + path.format(pk=comparison.pk)).status_code == 403
    client.logout()
    assert client.get(LIST + path.format(pk=comparison.pk)).status_code == 302


@pytest.mark.django_db
def test_progress_is_told_while_it_runs(client, staff, sale):
    staff("Analyst")
    comparison = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], queue=False)
    page, place = f"{LIST}{comparison.pk}/change/", f"{LIST}{comparison.pk}/progress/"
    assert client.get(place).json() == {"over": False, "percent": 0.0, "text": "Queued"}
    Comparison.objects.update(status="running", started_at=timezone.now(), conversions_done=1, conversions_total=3)
    assert client.get(place).json() == {"over": False, "percent": 33.3, "text": "1 of 3 conversions"}
    assert f'data-progress="{place}"' in client.get(page).content.decode()
    Comparison.objects.update(status="failed", error="ValueError: so it is")
    assert client.get(place).json()["over"] is True
    assert "ValueError: so it is" in text(client.get(page))


@pytest.mark.django_db(transaction=True)
def test_the_headline_says_what_would_move(client, staff, sale):
    staff("Analyst")
    shown = text(
        client.get(compared({"model": "first_touch"}, {"model": "linear"}, {"model": "first_touch", "version": 1}))
    )
    assert (
        "Under Linear (as in effect) instead of First Touch (as in effect) , 5.00 of 10.00 USD commission would move;"
        " 1 payee gains, 1 loses."
    ) in shown
    assert "Under First Touch v1 instead of First Touch (as in effect) , no commission would move." in shown


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("show", "cells"),
    [
        ("commission", ["10.00", "5.00", "-5.00"]),
        ("revenue", ["100.00", "50.00", "-50.00"]),
        ("conversions", ["1.00", "0.50", "-0.50"]),
        ("nonsense", ["10.00", "5.00", "-5.00"]),
    ],
)
def test_tables_show_the_sums_side_by_side_and_tie_out(client, staff, sale, show, cells):
    staff("Analyst")
    page = client.get(compared({"model": "first_touch"}, {"model": "linear"}), {"show": show})
    email = re.search(r'<th scope="row">Email</th>(.*?)</tr>', page.content.decode())[1]
    assert re.findall(r">([^<]+)</td>", email) == cells
    total = re.search(r'<th scope="row">All conversions</th>(.*?)</tr>', page.content.decode())[1]
    assert re.findall(r">([^<]+)</td>", total)[:2] == [cells[0]] * 2
    # Names of payees are other people's words.
    assert "Summit &lt;0&gt;" in page.content.decode()
    assert "Summit <0>" not in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_bars_are_as_long_as_what_they_stand_for(client, staff, sale):
    staff("Analyst")
    page = client.get(compared({"model": "first_touch"}, {"model": "linear"}))
    email, chat = (group["bars"] for group in page.context["picture"]["groups"])
    assert email[0]["height"] == pytest.approx(2 * email[1]["height"], abs=0.2)
    assert (chat[0]["height"], chat[1]["height"]) == (0, email[1]["height"])
    bars = [(mover["name"], mover["bars"][0]["way"], mover["bars"][0]["width"]) for mover in page.context["movers"]]
    assert bars == [("Summit <0>", "lose", 50.0), ("Summit <1>", "gain", 50.0)]


@pytest.mark.django_db(transaction=True)
def test_a_period_without_journeys_is_told_as_unattributed(client, staff):
    staff("Analyst")
    ConversionFactory(occurred_at=NOW, value=Decimal("7.00"))
    shown = text(client.get(compared({"model": "first_touch"}, {"model": "linear"})))
    assert "all of it is unattributed" in shown
    assert "No payee: each would earn the same." in shown


@pytest.mark.django_db(transaction=True)
def test_making_it_payable_is_offered_to_who_may(client, staff, sale):
    page = compared({"model": "linear"}, {"model": "time_decay", "version": 1}, {"model": "linear", "parameters": {}})
    staff("Finance")
    assert "Make it payable" not in text(client.get(page))
    staff(is_superuser=True)
    links = re.findall(r'href="(/admin/attribution/modelconfig/add/[^"]*)"', client.get(page).content.decode())
    assert [client.get(link).status_code for link in links] == [200, 200]
    assert "A new version of Time Decay" in text(client.get(links[0]))


@pytest.mark.django_db(transaction=True)
def test_the_spreadsheet_is_downloaded(client, staff, sale):
    staff("Auditor")
    response = client.get(compared({"model": "linear"}).replace("change", "csv"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert b"payee,,,,partner,partner-0,Summit <0>,Linear (as in effect),USD," in response.content


@pytest.mark.django_db
def test_ones_own_comparison_is_deleted_with_a_button(client, staff, sale):
    user = staff("Analyst")
    mine = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], by=user, queue=False)
    others = operations.start_comparison(**PERIOD, contenders=[{"model": "linear"}], by=UserFactory(), queue=False)
    assert "Stop and delete" in text(client.get(f"{LIST}{mine.pk}/change/"))
    assert "Stop and delete" not in text(client.get(f"{LIST}{others.pk}/change/"))
    assert client.get(f"{LIST}{mine.pk}/delete-it/").status_code == 405
    for each in (mine, others):
        client.post(f"{LIST}{each.pk}/delete-it/")
    assert list(Comparison.objects.all()) == [others]


@pytest.mark.django_db(transaction=True)
def test_pages_cost_the_same_for_any_number_of_rows(client, staff, sale, django_assert_max_num_queries):
    staff("Analyst")
    make_world(40)
    page = compared({"model": "linear"})
    question = Comparison.objects.get().question
    Comparison.objects.bulk_create(Comparison(question=question) for _ in range(30))
    with django_assert_max_num_queries(12):
        client.get(page)
    with django_assert_max_num_queries(12) as queries:
        client.get(LIST)
    assert not any('"result"' in query["sql"] for query in queries.captured_queries)
