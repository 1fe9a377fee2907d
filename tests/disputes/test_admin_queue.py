"""The queues: what each holds, how disputes are found, what a person does with many at once."""

import csv
import datetime as dt
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from attribution_site.saved_filters.models import SavedFilter
from disputes import operations
from disputes.actors import Actor
from disputes.models import Dispute
from partners.models import Partner
from tests.disputes.worlds import claim, decider, file, house, records, sold
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
URL = "/admin/disputes/dispute/"
PARTNER = Actor(payee=("partner", "partner-0"))
BY_ID = ["{0.pk}", "{0.conversion_id}", "{0.record_id}"]


@pytest.fixture
def person(client):
    user = decider(username="sam")
    client.force_login(user)
    return user


def filed(number=1, **values):
    """So many disputes, each about a lead of its own."""
    return [file(records(sold(lead=f"lead-{n}", policy=f"POL-{n}"))[0], **values) for n in range(number)]


def listed(client, query=""):
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200
    return [dispute.number for dispute in response.context["cl"].result_list]


def numbers(*disputes):
    return [dispute.number for dispute in disputes]


def due(dispute, hours):
    Dispute.objects.filter(pk=dispute.pk).update(due_at=timezone.now() + dt.timedelta(hours=hours))


def test_what_is_open_is_listed_first_by_when_it_is_due(client, person):
    later, closed, soon = filed(3)
    due(later, 30)
    due(soon, 2)
    operations.reject_dispute(dispute_id=closed.pk, rejection="not_proven", resolution="No.", by=house())
    assert listed(client) == numbers(soon, later)
    assert listed(client, "queue=closed") == numbers(closed)
    assert listed(client, "queue=all") == numbers(soon, closed, later)


def test_each_tab_holds_what_its_name_says(client, person):
    mine, unassigned, asked, answered, appealed = filed(5)
    for dispute in (mine, asked, answered):
        operations.assign_dispute(dispute_id=dispute.pk, to=person, by=house())
    for dispute in (asked, answered):
        operations.ask_information(dispute_id=dispute.pk, question="Which?", by=house(person))
    operations.answer_information(dispute_id=answered.pk, answer="This.", by=PARTNER)
    operations.reject_dispute(dispute_id=appealed.pk, rejection="not_proven", resolution="No.", by=house())
    appeal = operations.appeal_dispute(
        dispute_id=appealed.pk, reason="Again.", by=Actor(payee=("partner", "partner-0"))
    )
    due(unassigned, -1)
    due(asked, -1)  # its clock stands still
    assert sorted(listed(client, "queue=mine")) == numbers(mine, asked, answered)
    assert sorted(listed(client, "queue=unassigned")) == numbers(unassigned, appeal)
    assert listed(client, "queue=overdue") == numbers(unassigned)
    assert listed(client, "queue=waiting") == numbers(asked)
    assert listed(client, "queue=answered") == numbers(answered)
    assert listed(client, "queue=appeals") == numbers(appeal)
    counts = {tab["name"]: tab["count"] for tab in client.get(URL).context["tabs"]}
    assert (counts["open"], counts["overdue"], counts["closed"]) == ("5", "1", "")
    assert "1 h overdue" in client.get(URL).content.decode() or "60 min overdue" in client.get(URL).content.decode()


@pytest.mark.parametrize(
    "term",
    ["D-{0.number}", "d-{0.number}", "{0.number}", "{0.pk}", "{0.conversion_id}", "lead-1", "POL-1", "{0.record_id}"],
)
def test_one_is_found_by_any_name_it_goes_by_closed_or_not(client, person, term):
    _, dispute, _ = filed(3)
    operations.reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=house())
    assert listed(client, "q=" + term.format(dispute)) == numbers(dispute)


def test_a_claimant_is_found_by_id_or_by_how_its_name_begins(client, person):
    [dispute] = filed()
    Partner.objects.filter(pk="partner-0").update(name="Summit Auto Club")
    for term in ("partner-0", "summit", "Summit Auto"):
        assert listed(client, f"q={term}") == numbers(dispute)
    for term in ("Auto", "partner-1", "D-", "%25"):
        assert listed(client, f"q={term}") == []


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("dispute_type__exact=amount", True),
        ("dispute_type__exact=broker", False),
        ("claimant=partner:partner-0", True),
        ("claimant=partner-0", True),
        ("claimant=broker:partner-0", False),
        ("assignee=nobody", True),
        ("assignee=me", False),
        ("assignee=99999", False),
        ("assignee=x", False),
        ("at_stake_from=3&at_stake_to=5", True),
        ("at_stake_from=5", False),
        ("filed_at_from=2000-01-01&filed_at_to=2001-01-01", False),
        ("due_at_from=2020-01-01", True),
    ],
)
def test_filters_narrow_the_queue(client, person, query, is_found):
    [dispute] = filed()
    assert listed(client, query) == (numbers(dispute) if is_found else [])


def test_the_number_of_statements_does_not_grow_with_rows(client, person):
    filed(2)

    def statements(query):
        with CaptureQueriesContext(connection) as captured:
            listed(client, query)
        return len(captured)

    few = {query: statements(query) for query in ("", "queue=all", "q=lead-1", "queue=answered")}
    for n in range(10, 18):
        person_too = decider()
        dispute = file(records(sold(lead=f"lead-{n}"))[n % 3])
        operations.assign_dispute(dispute_id=dispute.pk, to=person_too, by=house())
    for query, number in few.items():
        assert statements(query) <= number + 1, query  # names of the first who has one


def assign(client, disputes, action="assign_selected", **more):
    chosen = {"action": action, "index": 0, "_selected_action": [str(dispute.pk) for dispute in disputes]}
    return client.post(f"{URL}?queue=all", chosen | more)


def test_assigning_asks_first_and_then_tells_the_result_of_each_row(client, person):
    free, taken, closed = filed(3)
    other = decider(username="kim")
    operations.assign_dispute(dispute_id=taken.pk, to=other, by=house())
    operations.reject_dispute(dispute_id=closed.pk, rejection="not_proven", resolution="No.", by=house())
    asked = assign(client, [free, taken, closed], "assign_to_me")
    assert f"D-{free.number}" in asked.content.decode()
    assert Dispute.objects.get(pk=free.pk).assigned_to is None
    done = assign(client, [free, taken, closed], "assign_to_me", to=person.pk)
    refused = {row["dispute"].number: row["refused"] for row in done.context["disputes"]}
    assert refused[free.number] == ""
    assert "take it over" in refused[taken.number]
    assert "rejected already" in refused[closed.number]
    assert Dispute.objects.get(pk=free.pk).assigned_to == person
    assert Dispute.objects.get(pk=taken.pk).assigned_to == other
    assign(client, [taken], to=person.pk, take_over="on")
    assert Dispute.objects.get(pk=taken.pk).assigned_to == person


def test_nobody_gets_work_who_may_not_decide_and_who_only_reads_cannot_give_any(client, person):
    [dispute] = filed()
    assert assign(client, [dispute], to=UserFactory(role="Auditor").pk).context["form"].errors
    client.force_login(UserFactory(role="Auditor"))
    assign(client, [dispute], to=person.pk)
    assert Dispute.objects.get().assigned_to is None


def test_the_export_has_what_the_list_shows_and_no_formula_runs(client, person):
    first, _ = filed(2, reason="=HYPERLINK(1)")
    response = client.get(f"{URL}export.csv?q=lead-0")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    [row] = csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode()))
    assert (row["number"], row["lead_id"], row["reason"]) == (str(first.number), "lead-0", "'=HYPERLINK(1)")
    assert row["at_stake"] == "4.00"


def test_text_of_a_claimant_is_escaped(client, person):
    Partner.objects.create(pk="evil", name="<script>alert(1)</script>")
    conversion = sold()
    operations.file_dispute(
        conversion_id=conversion.pk, claimant=("partner", "evil"), claim=claim(dispute_type="missing"), by=house()
    )
    assert b"<script>alert(1)" not in client.get(URL).content
    assert b"&lt;script&gt;alert(1)" in client.get(URL).content


def test_a_filter_is_saved_shown_renamed_and_deleted_by_its_owner_alone(client, person):
    asked = {"list": "disputes.dispute", "name": "Big ones", "query": "queue=all&at_stake_from=100&p=3&assignee="}
    assert client.post("/admin/saved-filters/", asked)["Location"] == f"{URL}?at_stake_from=100&queue=all"
    [saved] = SavedFilter.objects.all()
    assert (saved.owner, saved.query) == (person, "at_stake_from=100&queue=all")
    assert b"Big ones" in client.get(URL).content
    client.force_login(decider())
    assert b"Big ones" not in client.get(URL).content
    assert client.post(f"/admin/saved-filters/{saved.pk}/", {"name": "Mine"}).status_code == 404
    client.force_login(person)
    client.post(f"/admin/saved-filters/{saved.pk}/", {"name": "Large"})
    assert SavedFilter.objects.get().name == "Large"
    client.post(f"/admin/saved-filters/{saved.pk}/", {"name": ""})
    assert SavedFilter.objects.get().name == "Large"
    client.post(f"/admin/saved-filters/{saved.pk}/", {"delete": "1"})
    assert not SavedFilter.objects.exists()


@pytest.mark.parametrize("label", ["attribution.attributionrecord", "conversions.conversion"])
def test_other_lists_keep_filters_too(client, person, label):
    url = f"/admin/{label.replace('.', '/')}/"
    client.post("/admin/saved-filters/", {"list": label, "name": "The lead", "query": "q=lead-1"})
    assert b"The lead" in client.get(url).content


@pytest.mark.parametrize(
    "wrong",
    [
        {"list": "disputes.nothing", "name": "x", "query": "q=1"},
        {"list": "disputes.dispute", "name": "", "query": "q=1"},
        {"list": "disputes.dispute", "name": "x", "query": "p=1"},
        {"list": "disputes.dispute", "name": "x", "query": "q=" + "1" * 2001},
    ],
)
def test_what_is_no_filter_is_not_saved(client, person, wrong):
    assert client.post("/admin/saved-filters/", wrong).status_code == 302
    assert not SavedFilter.objects.exists()


def test_a_stranger_sees_no_queue(client):
    assert client.get(URL).status_code == 302
    client.force_login(UserFactory())
    assert client.get(URL).status_code == 403
    assert client.get(f"{URL}export.csv").status_code == 403
