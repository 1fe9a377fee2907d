"""Whose work a dispute may become: nobody's who could not decide it."""

import pytest
from django.core.exceptions import ValidationError

from disputes import operations
from disputes.actors import Actor
from disputes.deciders import deciders, deciders_of
from tests.disputes.doors import URL, ok, refusal, signed_in
from tests.disputes.worlds import claim, decider, file, house, records, sold
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def filer():
    return decider(username="filer")


@pytest.fixture
def dispute(filer):
    return operations.file_dispute(record_id=records(sold())[0].pk, claim=claim(), by=Actor(user=filer))


def assign(dispute, to, by=None):
    return operations.assign_dispute(dispute_id=dispute.pk, to=to, by=by or house())


@pytest.mark.parametrize(
    ("who", "code"),
    [
        (lambda filer: filer, "own_dispute"),
        (lambda filer: UserFactory(role="Finance"), "not_allowed"),
        (lambda filer: decider(is_active=False), "not_allowed"),
    ],
)
def test_it_is_nobodys_who_may_not_decide_it(dispute, filer, who, code):
    with pytest.raises(ValidationError) as refused:
        assign(dispute, who(filer))
    assert refused.value.error_dict["assigned_to"][0].code == code


def test_an_appeal_is_not_the_work_of_who_filed_or_decided_before(dispute, filer):
    person, other = decider(username="person"), decider(username="other")
    operations.reject_dispute(dispute_id=dispute.pk, rejection="other", resolution="No.", by=Actor(user=person))
    appeal = operations.appeal_dispute(dispute_id=dispute.pk, reason="Again.", by=Actor(payee=dispute.claimant))
    for hand, code in ((filer, "own_dispute"), (person, "appeal_to_another")):
        with pytest.raises(ValidationError) as refused:
            assign(appeal, hand)
        assert refused.value.error_dict["assigned_to"][0].code == code
    offered = set(deciders_of(appeal))
    assert other in offered
    assert not offered & {filer, person}
    assign(appeal, other)


def test_the_choosers_offer_all_who_may_superusers_among_them(dispute, filer, client):
    admin = UserFactory(username="root", is_superuser=True, is_staff=True)
    UserFactory(username="fin", role="Finance")
    decider(username="gone", is_active=False)
    assert [each.username for each in deciders()] == ["filer", "root"]
    client.force_login(admin)
    form = client.get(f"/admin/disputes/dispute/{dispute.pk}/do/assign/").context["form"]
    assert [each.username for each in form.fields["to"].queryset] == ["root"]
    assign(dispute, admin)


def test_who_filed_it_may_ask_and_does_not_get_it_by_that(dispute, filer):
    operations.ask_information(dispute_id=dispute.pk, question="Which call?", by=Actor(user=filer))
    dispute.refresh_from_db()
    assert (dispute.status, dispute.assigned_to) == ("needs_information", None)


def test_over_http_it_is_a_refusal_of_the_field(dispute, filer):
    asked = signed_in(decider()).post(f"{URL}/{dispute.pk}/assign", {"assignedTo": "filer"})
    assert refusal(asked) == (400, {("assignedTo", "own_dispute")})
    assert "resolve" not in ok(signed_in(filer).get(f"{URL}/{dispute.pk}"))["actions"]


def test_who_is_given_it_by_another_is_told_by_mail(monkeypatch):
    mails = []
    monkeypatch.setattr("disputes.operations.handling.queue_on_commit", lambda task, *told: mails.append(told))
    dispute = file(records(sold())[0])
    ana = decider(email="ana@example.com")
    assign(dispute, ana)
    assign(dispute, ana)
    operations.assign_dispute(
        dispute_id=dispute.pk, to=(ben := decider(email="ben@example.com")), by=house(ben), take_over=True
    )
    assert mails == [(str(dispute.pk), "assigned", ["ana@example.com"])]
