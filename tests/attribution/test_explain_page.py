"""The page that explains a record: the picture, the words, the cents, for whoever may see records."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attribution.admin.journey_picture import DRAWN_FIRST, DRAWN_LAST, RADIUS, picture
from attribution.models import AttributionRecord, KeptJourney
from tests.attribution.test_explain import calculate, long_lookback, sale, told, touch  # noqa: F401
from tests.factories import AttributionRecordFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client):
    client.force_login(UserFactory(role="Analyst"))

    def opened(record):
        answer = client.get(f"/admin/attribution/attributionrecord/{record.pk}/explain/")
        assert answer.status_code == 200
        return answer.content.decode()

    return opened


@pytest.fixture
def journey():
    sale()
    touch(100, "partner_referral", partner_id="partner-1")
    touch(50, "broker_referral", broker_id="broker-1", source="<script>alert(1)</script>")
    touch(2)
    calculate()


def record(model="linear", position=2):
    return AttributionRecord.objects.get(model=model, position=position)


def test_the_page_shows_the_cent_and_the_journey(page, journey):
    text = page(record())
    assert "Calculated again just now: the same to the cent" in text
    assert text.count('class="journey-credit"') == 3
    assert text.count("journey-this") == 1
    assert "+ 0.01" in text
    assert "the parts leave 1 cent over" in text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_record_and_the_list_lead_to_it(client, journey):
    client.force_login(UserFactory(role="Finance"))
    link = f"/admin/attribution/attributionrecord/{record().pk}/explain/"
    for place in ("", f"{record().pk}/change/"):
        assert link in client.get(f"/admin/attribution/attributionrecord/{place}").content.decode()


def test_it_is_for_those_who_may_see_records(client, journey):
    url = f"/admin/attribution/attributionrecord/{record().pk}/explain/"
    assert client.get(url).status_code == 302
    client.force_login(UserFactory())
    assert client.get(url).status_code == 403
    client.force_login(UserFactory(role="Auditor"))
    assert client.get(url).status_code == 200


@pytest.mark.parametrize("pk", ["nobody", "019c126c-1880-72f1-a9c9-c56ea05aaf42"])
def test_a_record_that_is_not_there_is_not_found(client, pk):
    client.force_login(UserFactory(role="Analyst"))
    assert client.get(f"/admin/attribution/attributionrecord/{pk}/explain/").status_code == 404


def test_the_page_says_when_a_record_does_not_come_out_again(page, journey):
    AttributionRecord.objects.filter(pk=record().pk).update(commission_amount="3.35")
    text = page(record(position=1))
    assert "it comes out otherwise" in text
    assert f"/attributionrecord/{record().pk}/change/" in text
    assert "add up to 100.00 and 10.02" in text


def test_the_page_says_what_it_could_not_explain(page, journey):
    KeptJourney.objects.all().delete()
    assert "This is how the touchpoints stand today" in page(record())
    assert "its touchpoints are gone" in page(AttributionRecordFactory())


def test_areas_are_credit_and_places_on_the_axis_are_times(journey):
    drawn = picture(told("position_based", 2))
    first, middle, last = drawn["marks"]
    assert first["radius"] ** 2 / middle["radius"] ** 2 == pytest.approx(2)
    assert first["radius"] ** 2 / RADIUS**2 == pytest.approx(0.4)
    span = drawn["conversion"] - drawn["left"]
    assert (drawn["conversion"] - middle["time_x"]) / span == pytest.approx(0.5)
    assert (drawn["conversion"] - last["time_x"]) / span == pytest.approx(0.02)
    assert [mark["kind"] for mark in drawn["marks"]] == ["partner", "broker", "house"]


def test_a_touch_that_was_left_out_is_drawn_with_its_reason(long_lookback):  # noqa: F811
    sale()
    touch(91 * 24)
    touch(2)
    calculate()
    out, counted = picture(told("linear", 1))["marks"]
    assert (out["kind"], out["share"]) == ("out", "left out")
    assert out["title"].endswith("left out, older than the lookback")
    assert counted["title"].endswith("touch 1 of 1, 100 %, 100.00 of 100.00 USD")


def test_of_a_long_journey_both_ends_and_the_own_touch_are_drawn(page):
    sale()
    for hours in range(60, 0, -1):
        touch(hours)
    calculate()
    drawn = picture(told("linear", 30))
    assert len(drawn["marks"]) == DRAWN_FIRST + DRAWN_LAST + 1
    assert drawn["gap"]["text"] == "51 more"
    assert [mark["is_this"] for mark in drawn["marks"]].index(True) == DRAWN_FIRST
    places = [mark["x"] for mark in drawn["marks"]] + [drawn["gap"]["x"]]
    assert len({round(place) for place in places}) == len(places)
    assert len(re.findall("journey-credit", page(record(position=30)))) == len(drawn["marks"])


def test_a_touch_at_the_very_conversion_is_a_picture_too():
    sale()
    touch(0)
    calculate()
    [mark] = picture(told("linear", 1))["marks"]
    assert (mark["when"], mark["radius"]) == ("at the conversion", RADIUS)


def test_a_page_costs_the_same_queries_however_long_the_journey(page):
    sale()
    touch(1)
    calculate()

    def queries():
        with CaptureQueriesContext(connection) as captured:
            page(record(position=1))
        return len(captured)

    few = queries()
    for hours in range(2, 30):
        touch(hours)
    calculate()
    assert queries() == few <= 18
