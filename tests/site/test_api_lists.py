"""Pages, cursors and filters, the same in every list."""

import datetime as dt
from decimal import Decimal
from itertools import chain

import pytest

from tests.api import BASE, refused
from tests.factories import ConversionFactory, PartnerFactory, TouchpointFactory

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
BY_CURSOR = ["touchpoints", "leads/lead-123/touchpoints", "attributions"]
BY_PAGE = ["conversions", "partners", "brokers", "attribution/batch"]


def walk(api, url, link="next"):
    """The ids of every page from a url on, in the order met."""
    ids = []
    while url:
        page = api.get(url).json()
        ids.append([row["id"] for row in page["results"]])
        url = page[link]
    return ids


@pytest.mark.parametrize("path", BY_CURSOR + BY_PAGE)
@pytest.mark.parametrize("size", ["0", "501", "abc", "-1", "1.5", "٣", "9" * 30])
def test_a_page_size_out_of_bounds_is_refused(api, path, size):
    response = api.get(f"{BASE}/{path}?pageSize={size}")
    assert response.status_code == 400
    assert refused(response) == {("pageSize", "invalid")}


@pytest.mark.parametrize("path", BY_CURSOR + BY_PAGE)
def test_lists_answer_with_one_of_two_shapes(api, path):
    names = {"next", "previous", "results"} | ({"count"} if path in BY_PAGE else set())
    assert set(api.get(f"{BASE}/{path}?pageSize=500").json()) == names


@pytest.mark.parametrize("path", BY_CURSOR + BY_PAGE)
def test_an_unknown_query_parameter_is_refused_by_name(api, path):
    response = api.get(f"{BASE}/{path}?lead_id=lead-123&nonsense=1")
    assert response.status_code == 400
    assert refused(response) == {("lead_id", "unknown_field"), ("nonsense", "unknown_field")}


def test_an_empty_or_repeated_parameter_is_refused(api):
    response = api.get(f"{BASE}/touchpoints?leadId=&source=a&source=b&channel=email&channel=chat")
    assert response.status_code == 400
    assert refused(response) == {("leadId", "blank"), ("source", "repeated")}


def test_details_take_no_query_parameters(api):
    response = api.get(f"{BASE}/touchpoints/{TouchpointFactory().id}?leadId=other")
    assert refused(response) == {("leadId", "unknown_field")}


@pytest.mark.parametrize("path", BY_CURSOR)
@pytest.mark.parametrize("cursor", ["abc", "%00", "é", "cD0yMDI2", "WzFd:1abcde:x", "9" * 5000])
def test_a_forged_cursor_is_refused(api, path, cursor):
    response = api.get(f"{BASE}/{path}?cursor={cursor}")
    assert response.status_code == 400
    assert refused(response) == {("cursor", "invalid")}


def test_a_changed_cursor_and_one_of_another_list_are_refused(api):
    TouchpointFactory.create_batch(2, lead_id="lead-123")
    url = api.get(f"{BASE}/touchpoints?pageSize=1").json()["next"]
    cursor = url.split("cursor=")[1].split("&")[0]
    changed = ("A" if cursor[3] != "A" else "B").join([cursor[:3], cursor[4:]])
    assert refused(api.get(f"{BASE}/touchpoints?cursor={changed}")) == {("cursor", "invalid")}
    for other in BY_CURSOR[1:]:
        assert refused(api.get(f"{BASE}/{other}?cursor={cursor}")) == {("cursor", "invalid")}


def test_touchpoints_with_equal_times_are_each_met_once_both_ways(api):
    touchpoints = TouchpointFactory.create_batch(7, timestamp=NOON)
    touchpoints += TouchpointFactory.create_batch(3, timestamp=NOON + dt.timedelta(seconds=1))
    expected = [str(t.id) for t in sorted(touchpoints, key=lambda t: (t.timestamp, t.id), reverse=True)]
    pages = walk(api, f"{BASE}/touchpoints?pageSize=3")
    assert list(chain(*pages)) == expected
    assert [len(page) for page in pages] == [3, 3, 3, 1]
    url = f"{BASE}/touchpoints?pageSize=3"
    for _ in range(3):
        url = api.get(url).json()["next"]
    assert list(chain(*reversed(walk(api, url, "previous")))) == expected
    assert api.get(f"{BASE}/touchpoints?pageSize=3").json()["previous"] is None


def test_rows_that_arrive_while_turning_pages_move_nothing(api):
    TouchpointFactory.create_batch(4, timestamp=NOON)
    first = api.get(f"{BASE}/touchpoints?pageSize=2").json()
    TouchpointFactory.create_batch(3, timestamp=NOON + dt.timedelta(days=1))
    second = api.get(first["next"]).json()
    assert second["next"] is None
    assert len({row["id"] for row in first["results"] + second["results"]}) == 4


def test_a_cursor_keeps_the_filters_of_its_list(api):
    TouchpointFactory.create_batch(3, channel="email")
    TouchpointFactory.create_batch(3, channel="chat")
    pages = walk(api, f"{BASE}/touchpoints?pageSize=2&channel=email")
    assert [len(page) for page in pages] == [2, 1]


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1.0", "9" * 30])
def test_a_page_that_is_no_number_is_refused(api, page):
    assert refused(api.get(f"{BASE}/conversions?page={page}")) == {("page", "invalid")}


def test_a_page_beyond_the_last_is_not_found(api):
    assert api.get(f"{BASE}/conversions?page=2").status_code == 404


def test_pages_count_and_link(api):
    PartnerFactory.create_batch(3)
    page = api.get(f"{BASE}/partners?pageSize=2").json()
    assert (page["count"], len(page["results"]), page["previous"]) == (3, 2, None)
    assert len(api.get(page["next"]).json()["results"]) == 1


def test_ordering_is_stable_and_an_unknown_one_refused(api):
    ConversionFactory.create_batch(4, value=Decimal("10.00"), occurred_at=NOON)
    pages = walk(api, f"{BASE}/conversions?ordering=value&pageSize=2")
    assert len(set(chain(*pages))) == 4
    assert refused(api.get(f"{BASE}/conversions?ordering=leadId")) == {("ordering", "invalid_choice")}


@pytest.mark.parametrize(
    "date", ["yesterday", "2026-13-01", "2026-01-01T00:00:00", "20260101", "0001-01-01T00:00:00+14:00", "%00"]
)
@pytest.mark.parametrize("path", ["touchpoints", "conversions", "attributions"])
def test_a_period_needs_dates_or_times_with_an_offset(api, path, date):
    response = api.get(f"{BASE}/{path}?startDate={date.replace('+', '%2B')}&endDate={date.replace('+', '%2B')}")
    assert response.status_code == 400
    assert {attr for attr, _ in refused(response)} == {"startDate", "endDate"}


def test_the_last_day_there_is_has_no_end(api):
    assert refused(api.get(f"{BASE}/touchpoints?endDate=9999-12-31")) == {("endDate", "invalid")}


def test_a_period_of_dates_holds_both_days_whole_and_one_of_times_leaves_its_end_out(api):
    midnight = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    seconds = [midnight - dt.timedelta(seconds=1), midnight, midnight + dt.timedelta(seconds=86_399)]
    for moment in [*seconds, midnight + dt.timedelta(days=1)]:
        TouchpointFactory(timestamp=moment)

    def found(query):
        return len(api.get(f"{BASE}/touchpoints?{query}").json()["results"])

    assert found("startDate=2026-03-01&endDate=2026-03-01") == 2
    assert found("startDate=2026-03-01T00:00:00Z&endDate=2026-03-02T00:00:00Z") == 2
    assert found("startDate=2026-03-01T01:00:00%2B01:00&endDate=2026-03-01T00:00:01Z") == 1
