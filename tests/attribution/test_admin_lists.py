"""The back office's lists and pages: who may see them, what they cost, how they find rows."""

import datetime as dt

import pytest
from django.contrib.admin.sites import site
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone

from attribution.models import AttributionRecord, ModelConfig
from conversions.models import Conversion
from tests.factories import (
    AttributionRecordFactory,
    BrokerFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    UserFactory,
)
from touchpoints.admin import BigPaginator
from touchpoints.models import Touchpoint

LISTS = {
    "partners/partner": PartnerFactory,
    "partners/broker": BrokerFactory,
    "touchpoints/touchpoint": TouchpointFactory,
    "conversions/conversion": ConversionFactory,
    "attribution/attributionrecord": AttributionRecordFactory,
    "attribution/modelconfig": None,
    "attribution/payablemodel": None,
    "attribution/run": None,
    "attribution/finding": None,
    "attribution/verification": None,
}
MONEY = ["conversions/conversion", "attribution/attributionrecord", "touchpoints/touchpoint"]


def sign_in(client, role):
    user = UserFactory(role=role)
    client.force_login(user)
    return user


def rows_shown(response):
    return [row.pk for row in response.context["cl"].result_list]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["Operations", "Finance", "Analyst", "Auditor"])
@pytest.mark.parametrize("path", LISTS)
def test_every_role_reads_every_list(client, role, path):
    sign_in(client, role)
    if factory := LISTS[path]:
        factory()
    assert client.get(f"/admin/{path}/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", [path for path, factory in LISTS.items() if factory])
def test_a_list_costs_the_same_queries_for_one_row_and_for_many(client, path, django_assert_max_num_queries):
    sign_in(client, "Operations")
    LISTS[path]()
    # Session, user, two for permissions, count, rows; a fuller list may not add one.
    # The menu's three badges, the reader's own filters and what is left of records are five of them.
    with django_assert_max_num_queries(12) as few:
        client.get(f"/admin/{path}/")
    LISTS[path].create_batch(40)
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert len(rows_shown(client.get(f"/admin/{path}/"))) == 41


@pytest.mark.django_db
@pytest.mark.parametrize("path", MONEY)
def test_nobody_writes_money_or_journeys_in_the_back_office(admin_client, path):
    row = LISTS[path]()
    page = f"/admin/{path}/{row.pk}/change/"
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"value": "1"}).status_code == 403
    assert admin_client.get(f"/admin/{path}/add/").status_code == 403
    assert admin_client.post(f"/admin/{path}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.django_db
def test_a_configuration_is_neither_changed_nor_deleted(admin_client):
    config = ModelConfig.objects.get(model="linear")
    page = f"/admin/attribution/modelconfig/{config.pk}"
    assert "lookback_days" in admin_client.get(f"{page}/change/").content.decode()
    assert admin_client.post(f"{page}/change/", {"version": "7"}).status_code == 403
    assert admin_client.post(f"{page}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.django_db
def test_finance_edits_a_partner_but_not_its_id(client):
    sign_in(client, "Finance")
    partner = PartnerFactory(name="Old")
    sent = {"id": "other", "name": "New", "status": "suspended"}
    client.post(f"/admin/partners/partner/{partner.pk}/change/", sent)
    partner.refresh_from_db()
    assert (partner.name, partner.status) == ("New", "suspended")
    assert not type(partner).objects.filter(pk="other").exists()
    assert client.post(f"/admin/partners/partner/{partner.pk}/delete/").status_code == 403


@pytest.mark.django_db
def test_search_takes_whole_values_ids_and_beginnings(client):
    sign_in(client, "Analyst")
    mine = TouchpointFactory(lead_id="lead-77")
    TouchpointFactory(lead_id="lead-770")
    TouchpointFactory(lead_id="xlead-77")

    def found(text):
        return rows_shown(client.get("/admin/touchpoints/touchpoint/", {"q": text}))

    assert found("lead-77") == [mine.pk]
    assert found(str(mine.pk)) == [mine.pk]
    assert len(found("lead-77*")) == 2
    assert found("ead-77") == []


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["lead_id", "external_id", "policy_number", "policy_id"])
def test_a_record_is_found_by_what_its_conversion_is_called(client, field):
    sign_in(client, "Analyst")
    conversion = ConversionFactory(**{field: "P-1"})
    record = AttributionRecordFactory(conversion_id=conversion.pk)
    AttributionRecordFactory()
    assert rows_shown(client.get("/admin/attribution/attributionrecord/", {"q": "P-1"})) == [record.pk]


@pytest.mark.django_db
def test_records_are_filtered_by_who_is_paid_not_by_who_was_there(client):
    sign_in(client, "Analyst")
    paid = AttributionRecordFactory(payee_id="partner-a", partner_id="partner-a")
    AttributionRecordFactory(payee_type="broker", payee_id="broker-b", broker_id="broker-b", partner_id="partner-a")
    for text in ("partner-a", "partner:partner-a"):
        shown = client.get("/admin/attribution/attributionrecord/", {"payee": text})
        assert rows_shown(shown) == [paid.pk]


@pytest.mark.django_db
def test_a_day_is_the_readers_day_both_ends_included(client):
    sign_in(client, "Analyst")
    client.cookies["timezone"] = "Asia%2FTokyo"
    day = {"timestamp_from": "2026-03-02", "timestamp_to": "2026-03-02"}
    first = TouchpointFactory(timestamp=dt.datetime(2026, 3, 1, 15, 0, tzinfo=dt.UTC))
    last = TouchpointFactory(timestamp=dt.datetime(2026, 3, 2, 14, 59, 59, tzinfo=dt.UTC))
    TouchpointFactory(timestamp=dt.datetime(2026, 3, 1, 14, 59, 59, tzinfo=dt.UTC))
    TouchpointFactory(timestamp=dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC))
    shown = client.get("/admin/touchpoints/touchpoint/", day)
    assert rows_shown(shown) == [last.pk, first.pk]
    assert "2026-03-02 00:00" in shown.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Nowhere/City", "../../etc/passwd", "\x00", "UTC"])
def test_a_cookie_that_names_no_zone_means_utc(client, name):
    sign_in(client, "Analyst")
    client.cookies["timezone"] = name
    TouchpointFactory(timestamp=dt.datetime(2026, 3, 1, 15, 0, tzinfo=dt.UTC))
    assert "2026-03-01 15:00" in client.get("/admin/touchpoints/touchpoint/").content.decode()


@pytest.mark.django_db
def test_an_unfiltered_big_table_is_estimated_and_never_counted(django_assert_num_queries):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = 7e7 WHERE oid = 'touchpoints_touchpoint_default'::regclass")
    pages = BigPaginator(Touchpoint.objects.order_by("-timestamp"), 50)
    with django_assert_num_queries(1):
        assert pages.count >= 70_000_000
        assert pages.num_pages == 2000
    TouchpointFactory(lead_id="only")
    assert BigPaginator(Touchpoint.objects.filter(lead_id="only").in_time_order(), 50).count == 1


@pytest.mark.django_db
def test_a_conversion_shows_its_journey_and_who_earned_it(client, django_assert_max_num_queries):
    sign_in(client, "Analyst")
    sold = timezone.now()
    conversion = ConversionFactory(lead_id="lead-9", occurred_at=sold)
    touch = TouchpointFactory(lead_id="lead-9", timestamp=sold - dt.timedelta(days=2), source="in-time")
    TouchpointFactory(lead_id="lead-9", timestamp=sold - dt.timedelta(days=91), source="too-old")
    TouchpointFactory(lead_id="lead-9", timestamp=sold + dt.timedelta(minutes=1), source="afterwards")
    record = AttributionRecordFactory(conversion_id=conversion.pk, touchpoint_id=touch.pk)
    with django_assert_max_num_queries(28):
        page = client.get(f"/admin/conversions/conversion/{conversion.pk}/change/").content.decode()
    assert "in-time" in page
    assert "too-old" not in page
    assert "afterwards" not in page
    assert f"/admin/attribution/attributionrecord/{record.pk}/change/" in page
    assert "pays commission" in page


@pytest.mark.django_db
def test_a_record_leads_to_everything_it_was_made_from(client):
    sign_in(client, "Analyst")
    record = AttributionRecordFactory()
    page = client.get(f"/admin/attribution/attributionrecord/{record.pk}/change/").content.decode()
    for target in (
        f"conversions/conversion/{record.conversion_id}",
        f"touchpoints/touchpoint/{record.touchpoint_id}",
        "partners/partner/partner-abc",
        f"attribution/modelconfig/{record.config_id}",
    ):
        assert f"/admin/{target}/change/" in page


@pytest.mark.django_db
def test_what_leads_write_is_text_and_never_markup(client):
    sign_in(client, "Analyst")
    TouchpointFactory(lead_id="<b>x</b>", source="<script>1</script>", campaign="<img src=x>")
    page = client.get("/admin/touchpoints/touchpoint/").content.decode()
    assert "<script>1</script>" not in page
    assert "<b>x</b>" not in page
    assert "&lt;img src=x&gt;" in page


@pytest.mark.django_db
def test_the_timetable_and_users_are_for_administrators(client):
    sign_in(client, "Operations")
    for path in ("django_celery_beat/periodictask", "auth/user", "auth/group"):
        assert client.get(f"/admin/{path}/").status_code == 403
    shown = site.get_app_list(request_of(client))
    assert not {app["app_label"] for app in shown} & {"django_celery_beat", "auth"}


def request_of(client):
    request = RequestFactory().get("/admin/")
    request.user = client.get("/admin/partners/partner/").wsgi_request.user
    return request


@pytest.mark.django_db
def test_an_empty_list_says_how_it_is_filled(client):
    sign_in(client, "Analyst")
    assert Conversion.objects.count() == AttributionRecord.objects.count() == 0
    assert "import_conversions" in client.get("/admin/conversions/conversion/").content.decode()
    nothing = client.get("/admin/conversions/conversion/", {"q": "nobody"}).content.decode()
    assert "Nothing was found for" in nothing
