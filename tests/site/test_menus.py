"""The sidebar and the search box: each role meets what it may see, and nothing else."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from attribution_site.roles import ROLES
from disputes.models import Dispute
from partners.models import Partner
from tests.disputes.worlds import file, records, sold
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
FOR_ALL = {
    "Overview",
    "Queues",
    "Dispute report",
    "Touchpoints",
    "Conversions",
    "Links",
    "Sites",
    "Records",
    "Adjustments",
    "Settlements",
    "Model lab",
    "Runs",
    "Findings",
    "Verifications",
    "Configurations",
    "Trainings",
    "Payable model",
    "Partners",
    "Brokers",
    "Webhooks",
    "API keys",
    "Kept reports",
    "Spend",
}
OWN = {
    "Operations": {"File from CSV", "Resolve from CSV"},
    "Finance": set(),
    "Analyst": set(),
    "Auditor": set(),
}


def menu(client):
    groups = client.get("/admin/disputes/dispute/").context["sidebar_navigation"]
    return {item["title"]: str(item["link"]) for group in groups for item in group["items"] if item["has_permission"]}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_sees_its_own_menus_and_all_of_them_open(client, role):
    client.force_login(UserFactory(role=role))
    shown = menu(client)
    assert FOR_ALL | OWN[role] <= set(shown)
    assert not (set().union(*OWN.values()) - OWN[role]) & set(shown)
    assert not {"Users", "Roles", "Timetable"} & set(shown)
    assert {title: client.get(link).status_code for title, link in shown.items()} == dict.fromkeys(shown, 200)


def test_an_administrator_sees_them_all(client):
    client.force_login(UserFactory(is_superuser=True))
    assert {"Users", "Roles", "Timetable", "File from CSV", "Resolve from CSV"} <= set(menu(client))


@pytest.mark.parametrize("role", [*ROLES, None])
def test_money_can_be_changed_on_no_page(client, role):
    client.force_login(UserFactory(role=role, is_superuser=role is None))
    for model in ("adjustment", "settlement", "attributionrecord"):
        assert client.get(f"/admin/attribution/{model}/").status_code == 200
        assert client.get(f"/admin/attribution/{model}/add/").status_code == 403
    assert client.get("/admin/disputes/dispute/add/").status_code == 403


def test_what_is_overdue_stands_beside_the_queues(client):
    client.force_login(UserFactory(role="Operations"))
    file(records(sold())[0])
    assert badge(client) == 0
    Dispute.objects.update(due_at="2020-01-01T00:00Z")
    assert badge(client) == 1


def badge(client):
    groups = client.get("/admin/disputes/dispute/").context["sidebar_navigation"]
    return next(item["badge"] for group in groups for item in group["items"] if item["title"] == "Queues")


def found(client, term):
    response = client.get("/admin/search/", {"s": term, "extended": 1})
    assert response.status_code == 200
    return [result.title for result in response.context["results"]]


@pytest.fixture
def case(client):
    client.force_login(UserFactory(role="Operations"))
    conversion = sold(lead="Lead-A", policy="POL-7")
    Partner.objects.filter(pk="partner-0").update(name="Summit Auto Club")
    return conversion, file(records(conversion)[0])


@pytest.mark.parametrize("term", ["Lead-A", "POL-7", "{conversion}", "{dispute}", "{number}", "D-{number}", "{record}"])
def test_the_search_finds_the_dispute_by_whatever_names_it(client, case, term):
    conversion, dispute = case
    names = {"conversion": conversion.pk, "dispute": dispute.pk, "number": dispute.number, "record": dispute.record_id}
    assert str(dispute) in found(client, term.format(**names))


def test_the_search_finds_people_conversions_records_touches_and_pages(client, case):
    dispute = case[1]
    assert "Summit Auto Club" in found(client, "summit")
    assert "Summit Auto Club" in found(client, "partner-0")
    assert any(title.startswith("Policy Bound of") for title in found(client, "POL-7"))
    assert "Touches of Lead-A" in found(client, "Lead-A")
    assert any("40.00 %" in title for title in found(client, str(dispute.record_id)))
    assert found(client, "settlem") == ["Settlements"]
    assert found(client, "lead-a") == []  # an id is as it is written
    assert found(client, "Auto") == []


@pytest.mark.parametrize("term", ["", " ", "a\0b", "x" * 300, "%", "_", "'", "<script>"])
def test_a_search_for_nothing_sensible_finds_nothing(client, case, term):
    assert found(client, term) == []


def test_what_a_person_may_not_view_is_not_found(client, case):
    _, dispute = case
    client.force_login(UserFactory())
    assert found(client, "Lead-A") == found(client, f"D-{dispute.number}") == found(client, "summit") == []


def test_the_search_never_goes_through_a_table(client, case):
    """The planner is asked to do without: where it then still does, there is no index for the question."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    for term in ("Lead-A", "summit", "D-1001", str(case[0].pk)):
        with CaptureQueriesContext(connection) as captured:
            found(client, term)
        for query in captured:
            if query["sql"].startswith("SELECT") and "LIMIT 5" in query["sql"]:
                with connection.cursor() as cursor:
                    cursor.execute("EXPLAIN " + query["sql"])
                    plan = "\n".join(row[0] for row in cursor.fetchall())
                assert "Seq Scan" not in plan, plan
