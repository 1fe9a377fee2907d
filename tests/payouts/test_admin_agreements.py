"""What is agreed with payees, in the back office: terms, groups and who is in them, rules, and a past tried out."""

import datetime as dt
import html
import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payouts import operations
from payouts.models import ApprovalRule, GroupMembership, PayeeGroup, Terms
from tests.disputes.pages import text_of
from tests.factories import UserFactory
from tests.payouts import books
from tests.payouts.agreements import agree, agree_in_group, approve, sell

pytestmark = pytest.mark.django_db
LISTS = ["terms", "payeegroup", "groupmembership", "approvalrule"]
TRY = "/admin/payouts/terms/try/"
TERMS = {
    "scope": "account",
    "payee_type": "partner",
    "payee_id": "partner-1",
    "currency": "usd",
    "starts_on": "2026-05-01",
    "rate": "50",
    "hold_days": "0",
    "payment_method": "ach",
}
RULE = {"currency": "USD", "below": "5", "days_as_payee": "90", "note": "Too small to look at"}
DAY = dt.date(2026, 5, 1)


@pytest.fixture(autouse=True)
def payee():
    return books.partner()


@pytest.fixture
def sam(client):
    user = books.finance()
    client.force_login(user)
    return user


def at(name, rest=""):
    return f"/admin/payouts/{name}/{rest}"


def add(client, name, values, **changed):
    return client.post(at(name, "add/"), values | changed, follow=True)


def refusals(answer):
    """What is said beside each field; under None what is about no one of them."""
    form = answer.context["form"]
    return {name if name != "__all__" else None: " ".join(texts) for name, texts in form.errors.items()}


def beside(answer, name):
    """The text of the field's part of the page: what is asked, and what is wrong with the answer."""
    parts = re.split(r'(?=<label[^>]*for="id_)', answer.content.decode())
    [part] = [part for part in parts if part.startswith("<label") and f'for="id_{name}"' in part.partition(">")[0]]
    return part


def test_terms_are_added_and_stand_in_words_on_the_list(client, sam):
    tiers = "0 10000 50\n10000 - 60.5"
    answer = add(client, "terms", TERMS, tiers=tiers, flat_policy_bound="15", cap_month="5000", minimum_payout="25")
    terms = Terms.objects.get()
    assert terms.tiers == [{"from": "0", "to": "10000", "rate": "50"}, {"from": "10000", "rate": "60.5"}]
    assert (terms.flats, terms.currency, terms.created_by) == ({"policy_bound": "15"}, "USD", sam)
    assert answer.redirect_chain == [(at("terms"), 302)]
    text = text_of(answer)
    for words in (
        "50 % of a month's volume from 0 to 10000 USD",
        "60.5 % of a month's volume from 10000 on USD",
        "15 USD for a policy bound",
        "at most 5,000.00 USD a month",
        "from 25.00 USD on",
        "paid by ACH",
    ):
        assert words in text
    alone = client.get(at("terms", f"{terms.pk}/change/"))
    assert "60.5 % of a month&#x27;s volume from 10000 on USD" in alone.content.decode()
    assert f"by {sam}" in text_of(alone)


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"payee_id": ""}, "payee_id", "Name the payee."),
        ({"payee_type": ""}, "payee_type", "Say what it is."),
        ({"payee_id": "partner-none"}, "payee_id", "There is no partner partner-none."),
        ({"scope": "group"}, "group", "Name the group."),
        ({"currency": "XXQ"}, "currency", "XXQ"),
        ({"currency": "", "cap_day": "5"}, "currency", "Amounts are of a currency"),
        ({"rate": "100.01"}, "rate", "0 to 100"),
        ({"rate": ""}, "rate", "required"),
        ({"renewal_rate": "-1"}, "renewal_rate", "0 to 100"),
        ({"recovery_cap": "101"}, "recovery_cap", "0 to 100"),
        ({"cap_conversion": "-1"}, "cap_conversion", "zero or more"),
        ({"cap_day": "-0.01"}, "cap_day", "zero or more"),
        ({"cap_month": "10.50", "currency": "JPY"}, "cap_month", "whole units of JPY"),
        ({"minimum_payout": "-5"}, "minimum_payout", "zero or more"),
        ({"flat_renewal": "-1"}, "flat_renewal", "zero or more"),
        ({"tiers": "0 100"}, "tiers", "Line 1: give three things"),
        ({"tiers": "0 100 many"}, "tiers", "rate is a number"),
        ({"tiers": "0 100 10\n200 - 20"}, "tiers", "There is a hole between tier 1, up to 100, and 200."),
        ({"tiers": "0 100 10\n50 - 20"}, "tiers", "overlap at 50"),
        ({"tiers": "0 100 10"}, "tiers", "no tier from 100 on"),
        ({"hold_days": "4000"}, "hold_days", "3650"),
        ({"hold_days": "-1"}, "hold_days", "0 to 3650"),
        ({"earn_out_months": "0"}, "earn_out_months", "1 to 120"),
        ({"ends_on": "2026-04-30"}, "ends_on", "before the first day"),
        ({"starts_on": "soon"}, "starts_on", "valid date"),
    ],
)
def test_what_is_wrong_with_terms_is_said_beside_its_field(client, sam, changed, field, says):
    answer = add(client, "terms", TERMS, **changed)
    assert answer.status_code == 422
    assert set(refusals(answer)) == {field}
    assert says in refusals(answer)[field]
    assert str(answer.context["form"].errors[field][0]).partition("'")[0] in beside(answer, field)
    assert not Terms.objects.exists()


def test_terms_that_overlap_are_refused_by_name(client, sam):
    agree(starts_on=DAY, ends_on=DAY + dt.timedelta(days=30))
    answer = add(client, "terms", TERMS)
    assert "They would overlap: Terms of partner partner-1 from 2026-05-01" in refusals(answer)["starts_on"]
    assert Terms.objects.count() == 1


def test_new_terms_end_those_before_them_which_are_shown_and_not_ended_again(client, sam):
    first = agree()
    add(client, "terms", TERMS)
    first.refresh_from_db()
    assert first.ends_on == DAY - dt.timedelta(days=1)
    text = client.get(at("terms")).content.decode()
    assert at("terms", f"{first.pk}/change/") in text
    assert at("terms", f"{first.pk}/end/decide/") not in text


def test_terms_are_ended_on_a_day_on_which_they_can_be(client, sam):
    terms = agree()
    end = at("terms", f"{terms.pk}/end/decide/")
    assert end in client.get(at("terms")).content.decode()
    assert "What was earned stays." in text_of(client.get(end))
    refused = client.post(end, {"ends_on": "2019-12-31"})
    assert (refused.status_code, "They begin on 2020-01-01." in refusals(refused)["ends_on"]) == (422, True)
    done = client.post(end, {"ends_on": "2099-12-31"}, follow=True)
    assert "Their last day is set." in text_of(done)
    terms.refresh_from_db()
    assert terms.ends_on == dt.date(2099, 12, 31)


def test_a_group_is_made_filled_and_agreed_with_by_following_the_links(client, sam):
    text = add(client, "payeegroup", {"name": "Comparison sites"}).content.decode()
    group = PayeeGroup.objects.get()
    fill, terms = at("groupmembership", f"add/?group={group.pk}"), at("terms", f"add/?scope=group&amp;group={group.pk}")
    assert fill in text
    assert terms in text
    assert f'<option value="{group.pk}" selected>' in client.get(fill).content.decode()
    form = client.get(terms.replace("&amp;", "&")).content.decode()
    assert f'<option value="{group.pk}" selected>' in form
    assert '<option value="group" selected>' in form
    values = {"payee_type": "partner", "payee_id": "partner-1", "group": group.pk, "starts_on": "2026-05-01"}
    answer = add(client, "groupmembership", values)
    assert answer.redirect_chain == [(at("groupmembership"), 302)]
    assert GroupMembership.objects.get().created_by == sam
    assert "partner-1" in text_of(client.get(at("payeegroup")))
    add(client, "terms", TERMS, scope="group", group=group.pk)
    assert Terms.objects.get().group == group
    assert f"Group {group}" in text_of(client.get(at("terms", f"?group__id__exact={group.pk}")))


def test_what_is_wrong_with_groups_and_members_is_said_beside_its_field(client, sam):
    add(client, "payeegroup", {"name": "Large"})
    group = PayeeGroup.objects.get()
    assert set(refusals(add(client, "payeegroup", {"name": "Large"}))) == {"name"}
    assert set(refusals(add(client, "payeegroup", {"name": " "}))) == {"name"}
    values = {"payee_type": "partner", "payee_id": "partner-1", "group": group.pk, "starts_on": "2026-05-01"}
    found = [
        refusals(add(client, "groupmembership", values, **changed))
        for changed in ({"payee_id": "partner-none"}, {"ends_on": "2026-04-30"}, {"group": books.new_id()})
    ]
    assert [set(each) for each in found] == [{"payee_id"}, {"ends_on"}, {"group"}]
    add(client, "groupmembership", values)
    assert "in a group at that time" in refusals(add(client, "groupmembership", values))["starts_on"]
    assert GroupMembership.objects.count() == 1


def test_a_payee_leaves_its_group(client, sam):
    group = operations.add_group(name="Large", by=sam)
    whom = {"payee_type": "partner", "payee_id": "partner-1"}
    membership = operations.join_group(group_id=group.pk, starts_on=DAY, by=sam, **whom)
    end = at("groupmembership", f"{membership.pk}/end/decide/")
    assert end in client.get(at("groupmembership")).content.decode()
    assert "It began on" in refusals(client.post(end, {"ends_on": "2026-04-30"}))["ends_on"]
    client.post(end, {"ends_on": "2026-05-31"})
    membership.refresh_from_db()
    assert membership.ends_on == dt.date(2026, 5, 31)
    assert end not in client.get(at("groupmembership")).content.decode()


def test_a_rule_is_added_tells_what_it_would_approve_and_is_ended(client, sam):
    sell("4.00", lead="lead-1")
    payee_is_known_long()
    text = text_of(add(client, "approvalrule", RULE, currency="usd"))
    rule = ApprovalRule.objects.get()
    assert "5.00 USD" in text
    assert re.search(rf"by {sam}\s+–|by {sam}\s+—", text)
    assert re.search(r"\s1\s+End", text)
    end = at("approvalrule", f"{rule.pk}/end/decide/")
    assert "What the rule approved stays approved." in text_of(client.get(end))
    client.post(end)
    rule.refresh_from_db()
    assert rule.ended_by == sam
    assert end not in client.get(at("approvalrule")).content.decode()
    assert "It ended already" in refusals(client.post(end))[None]


def payee_is_known_long():
    books.PartnerFactory._meta.model.objects.update(created_at=timezone.now() - dt.timedelta(days=200))


@pytest.mark.parametrize(
    ("changed", "field", "says"),
    [
        ({"currency": "XXQ"}, "currency", "XXQ"),
        ({"below": "0"}, "below", "above zero"),
        ({"below": "1.50", "currency": "JPY"}, "below", "whole units of JPY"),
        ({"days_as_payee": "-1"}, "days_as_payee", "greater than or equal to 0"),
        ({"note": " "}, "note", "required"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_beside_its_field(client, sam, changed, field, says):
    answer = add(client, "approvalrule", RULE, **changed)
    assert set(refusals(answer)) == {field}
    assert says in refusals(answer)[field]
    assert not ApprovalRule.objects.exists()


def test_a_currency_has_one_rule(client, sam):
    add(client, "approvalrule", RULE)
    assert refusals(add(client, "approvalrule", RULE)) == {None: "There is a rule for USD. End it first."}


def tried(client, **changed):
    since = (timezone.now() - dt.timedelta(days=60)).date()
    asked = {"payee_type": "partner", "payee_id": "partner-1", "currency": "USD", "rate": "100"}
    return client.post(TRY, asked | {"try_since": since, "try_until": timezone.now().date()} | changed)


def test_a_past_is_tried_from_the_list_and_nothing_is_stored(client, sam):
    agree(rate=Decimal(50))
    approve(sell("100.00", days_ago=2, lead="lead-1"), sell("60.00", days_ago=2, lead="lead-2"))
    operations.book()
    [link] = re.findall(
        r'href="([^"]*)"[^>]*>\s*(?:<span.*?</span>)?\s*Try terms on a payee',
        client.get(at("terms")).content.decode(),
        re.S,
    )
    form = client.get(link, follow=True)
    assert form.redirect_chain[-1][0] == TRY
    assert "Month by month" not in text_of(form)
    answer = tried(client, tiers="0 100 10\r\n100 - 20")
    text = text_of(answer)
    assert re.search(r"Together 2 160\.00 USD 80\.00 USD 22\.00 USD -58\.00 USD", text.replace("−", "-"))
    assert Terms.objects.count() == 1
    [agreeing] = re.findall(r'href="([^"]*/terms/add/[^"]+)"', answer.content.decode())
    form = client.get(html.unescape(agreeing)).context["form"]
    shown = {name: form[name].value() for name in ("payee_type", "payee_id", "currency", "tiers")}
    tiers = "0 100 10\r\n100 - 20"
    assert shown == {"payee_type": "partner", "payee_id": "partner-1", "currency": "USD", "tiers": tiers}
    assert "earned nothing" in text_of(tried(client, currency="EUR"))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"payee_id": ""}, "payee_id"),
        ({"payee_id": "partner-none"}, "payee_id"),
        ({"currency": ""}, "currency"),
        ({"currency": "XXQ"}, "currency"),
        ({"rate": "101"}, "rate"),
        ({"tiers": "0 100 10"}, "tiers"),
        ({"cap_day": "-1"}, "cap_day"),
        ({"flat_policy_bound": "-1"}, "flat_policy_bound"),
        ({"try_until": "2020-01-01"}, "try_until"),
    ],
)
def test_what_is_wrong_with_a_trial_is_said_beside_its_field(client, sam, changed, field):
    answer = tried(client, **changed)
    assert (answer.status_code, set(refusals(answer))) == (422, {field})


@pytest.mark.parametrize("role", ["Operations", "Analyst", "Auditor"])
def test_others_read_and_are_offered_nothing(client, role):
    terms, group = agree(), agree_in_group("partner-1").group
    rule = operations.add_rule(currency="USD", below=Decimal(5), days_as_payee=0, note="Small", by=books.finance())
    membership = group.memberships.get()
    client.force_login(UserFactory(role=role))
    for name in LISTS:
        text = client.get(at(name)).content.decode()
        assert at(name, "add/") not in text
        assert "/decide/" not in text
        assert client.get(at(name, "add/")).status_code == 403
    assert "Put a payee in it" not in client.get(at("payeegroup")).content.decode()
    assert client.get(at("terms", f"{terms.pk}/change/")).status_code == 200
    rows = {"terms": terms, "groupmembership": membership, "approvalrule": rule}
    refused = [client.post(at(name, f"{row.pk}/end/decide/"), {"ends_on": "2099-01-01"}) for name, row in rows.items()]
    refused += [client.post(at("terms", "add/"), TERMS), client.post(at("approvalrule", "add/"), RULE)]
    assert [each.status_code for each in refused] == [403] * 5
    rule.refresh_from_db()
    assert (Terms.objects.filter(ends_on=None).count(), rule.ended_at) == (2, None)


def test_nobody_else_reads_them_or_finds_them_in_the_menu(client):
    client.force_login(UserFactory())
    assert [client.get(at(name)).status_code for name in LISTS] == [403] * 4
    assert client.get(TRY).status_code == client.post(TRY).status_code == 403
    menu = client.get("/admin/").content.decode()
    assert [name for name in LISTS if at(name) in menu] == []
    client.force_login(UserFactory(role="Analyst"))
    menu = client.get("/admin/").content.decode()
    assert [name for name in LISTS if at(name) in menu] == LISTS


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("terms", "Without terms a payee has its whole share"),
        ("payeegroup", "With the payees of a group the same is agreed on"),
        ("groupmembership", "Add a group first"),
        ("approvalrule", "A rule approves small records"),
    ],
)
def test_an_empty_list_says_what_it_is_for(client, sam, name, says):
    text = client.get(at(name))
    assert says in text_of(text)
    assert at(name, "add/") in text.content.decode()


def test_the_lists_ask_as_much_for_many_rows_as_for_few(client, sam):
    def queries(name):
        with CaptureQueriesContext(connection) as found:
            assert client.get(at(name)).status_code == 200
        return len(found)

    def fill(number):
        books.partner(f"partner-x{number}")
        group = operations.add_group(name=f"Group {number}", by=sam)
        whom = {"payee_type": "partner", "payee_id": f"partner-x{number}"}
        operations.join_group(group_id=group.pk, starts_on=DAY, by=sam, **whom)
        Terms.objects.create(group=group, starts_on=DAY, created_by=sam)
        rule = operations.add_rule(currency="USD", below=Decimal(5), days_as_payee=0, note="Small", by=UserFactory())
        operations.end_rule(rule_id=rule.pk, by=UserFactory())

    fill(0)
    few = [(queries(name), queries(name))[1] for name in LISTS]
    for number in range(1, 6):
        fill(number)
    assert [queries(name) for name in LISTS] == few
