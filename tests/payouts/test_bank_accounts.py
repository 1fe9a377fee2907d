"""The life of a bank account: two people, some days between, and a number that nobody reads again."""

import datetime as dt
import io
import logging
import threading
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from attribution_site.errors import DomainError
from disputes.actors import Actor
from partners.models import ApiKey
from payouts import operations
from payouts.banking import keeping, mailing
from payouts.banking.details import Details
from payouts.exports.orders import CannotExport
from payouts.models import BankAccount
from tests.factories import BankAccountFactory, BrokerFactory, PartnerFactory, UserFactory

NUMBER = "000123456789"
PAYEE = ("partner", "partner-abc")
HOUR = dt.timedelta(hours=1)


def details(**values):
    given = {"method": "ach", "currency": "USD", "holder": "Acme Leads", "number": NUMBER}
    return Details(**(given | {"routing": "091000019", "account_type": "checking"} | values))


def propose(by=None, payee=PAYEE, **values):
    if not BankAccount.objects.filter(payee_id=payee[1]).exists():
        {"partner": PartnerFactory, "broker": BrokerFactory}[payee[0]](pk=payee[1], contact_email="pay@acme.example")
    return operations.propose_account(payee=payee, details=details(**values), by=by or Actor(user=UserFactory()))


def confirm(account, by=None):
    return operations.confirm_account(account_id=account.pk, by=by or UserFactory())


def confirmed_past_us(account, by):
    now, row = timezone.now(), BankAccount.objects.filter(pk=account.pk)
    row.update(status="confirmed", confirmed_by=by, confirmed_at=now, effective_at=now)


def paid_to(at=None, payee=PAYEE):
    return operations.account_for(payees=[payee], currency="USD", method="ach", at=at or timezone.now()).get(payee)


def state_of(account, at=None):
    return BankAccount.objects.with_state(at or timezone.now()).get(pk=account.pk).state


@pytest.mark.django_db
def test_a_first_account_is_in_force_only_after_a_second_person_and_the_cooling_off_time(settings):
    settings.BANK_COOLING_OFF_HOURS = 72
    account = propose()
    assert paid_to(timezone.now() + 999 * HOUR) is None
    account = confirm(account)
    assert paid_to(account.effective_at - dt.timedelta(seconds=1)) is None
    assert paid_to(account.effective_at) == account
    assert account.effective_at == account.confirmed_at + 72 * HOUR


@pytest.mark.django_db
def test_payments_go_to_the_old_account_until_the_new_one_is_in_force():
    old = BankAccountFactory()
    PartnerFactory(pk="partner-abc")
    new = confirm(propose(number="999888777"))
    assert paid_to() == old
    assert (state_of(old), state_of(new)) == ("active", "cooling_off")
    assert paid_to(new.effective_at) == new
    assert (state_of(old, new.effective_at), state_of(new, new.effective_at)) == ("replaced", "active")


@pytest.mark.django_db
def test_who_proposed_it_does_not_confirm_it():
    person = UserFactory()
    account = propose(by=Actor(user=person))
    with pytest.raises(operations.OwnAccount):
        confirm(account, by=person)
    with pytest.raises(IntegrityError, match="account_confirmed_by_other_person"), transaction.atomic():
        confirmed_past_us(account, person)


@pytest.mark.django_db
def test_who_made_the_partners_key_does_not_confirm_what_the_key_proposed():
    PartnerFactory(pk="partner-abc")
    maker = UserFactory(is_superuser=True)
    key = ApiKey.objects.create(
        name="Theirs", prefix="atk_1", digest="1", scopes=["partner"], partner_id="partner-abc", created_by=maker
    )
    account = operations.propose_account(payee=PAYEE, details=details(), by=Actor(key_id=key.pk, payee=PAYEE))
    with pytest.raises(operations.OwnAccount):
        confirm(account, by=maker)
    with pytest.raises(IntegrityError, match="made the key"), transaction.atomic():
        confirmed_past_us(account, maker)
    assert confirm(account).status == "confirmed"


@pytest.mark.django_db
def test_one_proposal_waits_at_a_time():
    propose()
    with pytest.raises(operations.AccountWaits):
        propose(number="5555555")
    assert propose(payee=("broker", "broker-1")).status == "proposed"


@pytest.mark.django_db
def test_what_is_refused_is_never_paid_to_and_says_why():
    account = propose()
    with pytest.raises(ValidationError):
        operations.refuse_account(account_id=account.pk, reason=" ", by=Actor(user=UserFactory()))
    operations.refuse_account(account_id=account.pk, reason="They never asked.", by=Actor(user=UserFactory()))
    assert state_of(account) == "refused"
    with pytest.raises(operations.AccountDecided):
        confirm(account)
    assert propose(number="5555555").status == "proposed"


@pytest.mark.django_db
def test_one_that_cools_off_can_still_be_refused_and_the_old_one_stays():
    old = BankAccountFactory()
    PartnerFactory(pk="partner-abc")
    new = confirm(propose(number="5555555"))
    operations.refuse_account(account_id=new.pk, reason="Not theirs.", by=Actor(user=UserFactory()))
    assert paid_to(new.effective_at + HOUR) == old


@pytest.mark.django_db
def test_one_that_is_stopped_leaves_nothing_in_its_place():
    BankAccountFactory(number="111122223333", confirmed_at=timezone.now() - dt.timedelta(days=90))
    active = BankAccountFactory()
    operations.refuse_account(account_id=active.pk, reason="The bank closed it.", by=Actor(user=UserFactory()))
    assert paid_to() is None
    assert state_of(active) == "stopped"
    assert paid_to(active.effective_at + HOUR) == active


@pytest.mark.django_db
def test_a_payee_may_withdraw_its_proposal_and_nothing_else():
    theirs = Actor(payee=PAYEE, key_id="019ca600-0000-7000-8000-000000000000")
    account = propose(by=theirs)
    confirm(account)
    with pytest.raises(operations.AccountDecided):
        operations.withdraw_account(account_id=account.pk, reason="A mistake", by=theirs)


@pytest.mark.django_db
def test_the_accounts_of_many_payees_are_one_query(django_assert_num_queries):
    for number in range(20):
        BankAccountFactory(payee_id=f"partner-{number}")
        BankAccountFactory(payee_id=f"partner-{number}", payee_type="broker", number="77771111")
    payees = [("partner", f"partner-{number}") for number in range(19)]
    with django_assert_num_queries(1):
        found = operations.account_for(payees=payees, currency="USD", method="ach", at=timezone.now())
    assert set(found) == set(payees)
    assert {account.mask for account in found.values()} == {"•••• 6789"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change", [{"holder": "Mallory"}, {"sealed": "x"}, {"routing": "011401533"}, {"mask": "•••• 1"}]
)
def test_the_database_lets_nobody_change_an_account(change):
    account = BankAccountFactory()
    with pytest.raises(IntegrityError, match="another is proposed"), transaction.atomic():
        BankAccount.objects.filter(pk=account.pk).update(**change)


@pytest.mark.django_db
def test_the_database_lets_nobody_skip_a_step_or_delete_a_row():
    account, waiting = BankAccountFactory(), BankAccountFactory(payee_id="partner-2", proposed=True)
    for pk, status in ((account.pk, "proposed"), (waiting.pk, "stopped")):
        with pytest.raises(IntegrityError), transaction.atomic():
            BankAccount.objects.filter(pk=pk).update(status=status, reason="x", closed_at=timezone.now())
    with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
        BankAccount.objects.filter(pk=account.pk).delete()


@pytest.mark.django_db
def test_a_number_that_was_put_in_the_place_of_another_is_not_paid_to():
    account = BankAccountFactory()
    account.sealed = BankAccountFactory.build(number="666600006666").sealed
    with pytest.raises(CannotExport):
        keeping.instruction(account, end_to_end_id="PO-1", payee="Acme", amount=1, text="")


@pytest.mark.django_db
def test_the_same_account_is_found_at_another_payee_also_after_the_keys_were_changed(settings):
    old = BankAccountFactory()
    settings.FIELD_ENCRYPTION_KEYS = ["another-key-of-thirty-two-characters", *settings.FIELD_ENCRYPTION_KEYS]
    new = BankAccountFactory(payee_id="partner-2")
    assert new.fingerprint != old.fingerprint
    same = BankAccount.objects.filter(fingerprint__in=keeping.fingerprints_of(new))
    assert set(same) == {old, new}


@pytest.mark.django_db
def test_the_payee_is_told_of_each_step_and_of_no_number(mailoutbox):
    account = confirm(propose())
    operations.refuse_account(account_id=account.pk, reason="They called.", by=Actor(user=UserFactory()))
    for event in ("proposed", "confirmed", "refused"):
        assert mailing.mail_of_account(account_id=account.pk, event=event)
    assert [mail.to for mail in mailoutbox] == [["pay@acme.example"]] * 3
    told = " ".join(mail.subject + mail.body for mail in mailoutbox)
    assert "•••• 6789" in told
    assert "They called." in told
    assert NUMBER not in told


@pytest.mark.django_db
def test_the_number_is_in_the_clear_nowhere():
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    try:
        account = confirm(propose())
    finally:
        logging.getLogger().removeHandler(handler)
    order = keeping.instruction(account, end_to_end_id="PO-1", payee="Acme", amount=1, text="")
    assert order.account == NUMBER
    assert NUMBER not in f"{details()!r}{details()}{order!r}{account!r}{vars(account)}{log.getvalue()}"
    with connection.cursor() as cursor:
        for table in ("payouts_bankaccount", "payouts_bankaccountevent"):
            cursor.execute(f"SELECT string_agg(t::text, '') FROM {table} t")
            [text] = cursor.fetchone()
            assert "•••• 6789" in text
            assert NUMBER not in text


@pytest.mark.django_db
def test_the_audit_log_tells_each_step_by_mask_and_fingerprint_without_the_sealed_number():
    account = confirm(propose())
    events = list(account.audit_events.order_by("pgh_id").values("pgh_label", "status", "mask", "fingerprint"))
    assert [(each["pgh_label"], each["status"]) for each in events] == [("insert", "proposed"), ("update", "confirmed")]
    assert {each["fingerprint"] for each in events} == {account.fingerprint}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'payouts_bankaccountevent'"
        )
        assert "sealed" not in {name for [name] in cursor.fetchall()}


@pytest.mark.django_db
@pytest.mark.parametrize("payee", [("partner", "nobody"), ("house", "house")])
def test_nobody_has_an_account_who_is_no_payee(payee):
    with pytest.raises(ValidationError):
        operations.propose_account(payee=payee, details=details(), by=Actor(user=UserFactory()))


def at_once(*acts):
    """What became of each: the outcome, or the refusal."""
    gate, outcomes = threading.Barrier(len(acts)), []

    def work(act):
        gate.wait()
        try:
            outcomes.append(act().status)
        except DomainError as refusal:
            outcomes.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


@pytest.mark.django_db(transaction=True)
def test_of_two_proposals_at_once_one_waits():
    PartnerFactory(pk="partner-abc")
    by = [Actor(user=UserFactory()) for _ in range(2)]
    acts = [
        partial(operations.propose_account, payee=PAYEE, details=details(number=f"5555000{n}"), by=by[n])
        for n in (0, 1)
    ]
    assert at_once(*acts) == ["AccountWaits", "proposed"]


@pytest.mark.django_db(transaction=True)
def test_of_confirming_and_withdrawing_at_once_one_happens():
    for number in range(5):
        account = BankAccountFactory(payee_id=f"partner-{number}", proposed=True)
        outcomes = at_once(
            partial(operations.confirm_account, account_id=account.pk, by=UserFactory()),
            partial(operations.withdraw_account, account_id=account.pk, reason="x", by=Actor(user=UserFactory())),
        )
        assert outcomes in (["AccountDecided", "confirmed"], ["AccountDecided", "refused"])
