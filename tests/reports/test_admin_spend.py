"""Spend in the back office: the list, and importing a CSV file."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from reports.models import Spend
from tests.factories import PartnerFactory, UserFactory

LIST, IMPORT = "/admin/reports/spend/", "/admin/reports/spend/import/"
GOOD = (
    "day,channel,campaign,partnerId,currency,amount\n"
    "2026-01-05,email,home,,USD,10.50\n"
    "2026-01-05,affiliate,,partner-a,,3\n"
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client):
    PartnerFactory(id="partner-a")
    client.force_login(UserFactory(role="Finance"))
    return client


def upload(client, text):
    body = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT, {"file": SimpleUploadedFile("spend.csv", body, "text/csv")})


def test_a_file_is_stored_and_shown(staff):
    assert "Import CSV" in staff.get(LIST).content.decode()
    response = upload(staff, GOOD)
    assert (response.status_code, response["Location"]) == (302, LIST)
    assert set(Spend.objects.values_list("channel", "amount")) == {
        ("email", Decimal("10.50")),
        ("affiliate", Decimal(3)),
    }
    shown = staff.get(LIST, follow=True).content.decode()
    assert "2 lines stored, 0 were there already." in shown
    assert "partner-a" in shown
    found = staff.get(LIST, {"channel__exact": "email"}).context["cl"].result_list
    assert [row.campaign for row in found] == ["home"]


def test_refused_lines_are_told_by_their_number(staff):
    response = upload(staff, GOOD + "2026-01-06,tv,,,USD,1\n2026-01-06,email,,,USD,ten\n")
    assert response.status_code == 422
    text = response.content.decode()
    assert "2 lines are stored, 0 were there already, 2 are refused" in text
    assert [line for line, _text in response.context["refused"]] == [4, 5]
    assert Spend.objects.count() == 2


@pytest.mark.parametrize("body", [b"", b"amount\n5\n", b"day,channel,amount\n\xff,a,b\n", b"x" * (5 * 1024 * 1024 + 1)])
def test_what_is_no_table_is_refused(staff, body):
    assert upload(staff, body).status_code == 422
    assert staff.post(IMPORT, {}).status_code in {200, 422}
    assert not Spend.objects.exists()


@pytest.mark.parametrize("role", ["Analyst", "Auditor"])
def test_who_only_reads_does_not_import(client, role):
    client.force_login(UserFactory(role=role))
    assert client.get(LIST).status_code == 200
    assert "Import CSV" not in client.get(LIST).content.decode()
    assert client.get(IMPORT).status_code == 403
    assert upload(client, GOOD).status_code == 403
    assert not Spend.objects.exists()


def test_nobody_changes_or_deletes_a_row_by_hand(admin_client):
    row = {"day": "2026-01-05", "channel": "email", "amount": 1, "id": "01900000-0000-7000-8000-000000000000"}
    spend = Spend.objects.create(**row)
    assert admin_client.get(f"{LIST}{spend.pk}/change/").status_code == 200
    assert admin_client.post(f"{LIST}{spend.pk}/change/", {"amount": "9"}).status_code == 403
    assert admin_client.post(f"{LIST}{spend.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.get(f"{LIST}add/").status_code == 403


def test_a_list_costs_the_same_queries_for_one_row_and_for_many(staff, django_assert_max_num_queries):
    upload(staff, GOOD)
    with django_assert_max_num_queries(11) as few:
        staff.get(LIST)
    most = len(few.captured_queries)
    upload(staff, GOOD + "".join(f"2026-01-05,email,{n},,USD,1\n" for n in range(40)))
    with django_assert_max_num_queries(most):
        staff.get(LIST)
