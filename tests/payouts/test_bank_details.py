"""What is taken as a bank account, and what is told of one that is not."""

import pytest
from django.core.exceptions import ValidationError

from payouts.banking.details import Details, checked

IBAN, US_ACCOUNT = "DE89 3704 0044 0532 0130 00", "000123456789"


def sepa(**values):
    return Details(**({"method": "sepa", "currency": "EUR", "holder": "Łukasz Müller", "number": IBAN} | values))


def ach(**values):
    given = {"method": "ach", "currency": "USD", "holder": "Acme Leads", "number": US_ACCOUNT}
    return Details(**(given | {"routing": "091000019", "account_type": "checking"} | values))


def refusals(details):
    with pytest.raises(ValidationError) as caught:
        checked(details)
    return {name: " ".join(texts) for name, texts in caught.value.message_dict.items()}


def test_an_iban_is_kept_without_its_spaces_and_names_its_country():
    kept = checked(sepa(number="gb29 nwbk 6016 1331 9268 19", bic="nwbkgb2l"))
    assert (kept.number, kept.bic, kept.country) == ("GB29NWBK60161331926819", "NWBKGB2L", "GB")


def test_a_us_account_keeps_its_leading_zeros():
    kept = checked(ach(number="000 123 456 789", holder="  Acme   Leads "))
    assert (kept.number, kept.holder, kept.country) == ("000123456789", "Acme Leads", "US")


@pytest.mark.parametrize(
    ("details", "field", "words"),
    [
        (sepa(number="DE88370400440532013000"), "number", "check digits"),
        (sepa(number="DE8937040044053201300"), "number", "check digits"),
        (sepa(number="DE5137040044053201300"), "number", "no IBAN"),
        (sepa(number=""), "number", "no IBAN"),
        (sepa(number="BR1800360305000010009795493C1"), "number", "BR is not in the SEPA"),
        (sepa(number="CH9300762011623852957"), "bic", "CH is outside the EEA"),
        (sepa(bic="NWBKGB2L"), "bic", "a bank in GB"),
        (sepa(bic="COBADE"), "bic", "no BIC"),
        (sepa(currency="USD"), "currency", "only EUR"),
        (sepa(routing="091000019"), "routing", "has none"),
        (sepa(holder="A <b>@home"), "holder", "<, >, @"),
        (sepa(holder="Smile \U0001f600"), "holder", "\U0001f600"),
        (sepa(holder="Tab\x00ular"), "holder", "U+0000"),
        (sepa(holder=" "), "holder", "name that the bank knows"),
        (sepa(holder="x" * 71), "holder", "70 characters"),
        (sepa(method="cheque"), "method", "sepa or ach"),
        (ach(routing="091000018"), "routing", "check digit"),
        (ach(routing="09100001"), "routing", "nine digits"),
        (ach(routing="000000000"), "routing", "begins like this"),
        (ach(number="12345678901234567890"), "number", "4 to 17"),
        (ach(number="12_456"), "number", "4 to 17"),
        (ach(number="ABCDEF"), "number", "4 to 17"),
        (ach(currency="EUR"), "currency", "only USD"),
        (ach(account_type="loan"), "account_type", "checking or savings"),
        (ach(bic="COBADEFF"), "bic", "has none"),
    ],
)
def test_a_wrong_field_is_named_and_the_others_are_not(details, field, words):
    told = refusals(details)
    assert list(told) == [field]
    assert words in told[field]


def test_all_that_is_wrong_is_told_at_once():
    assert set(refusals(ach(currency="EUR", holder="@", routing="1", number="1", account_type=""))) == {
        *("currency", "holder", "routing", "number", "account_type"),
    }


def test_no_refusal_repeats_the_number():
    for details in (sepa(number="DE88370400440532013000"), ach(number="9876543210987654321", routing="091000018")):
        assert "370400440532" not in str(refusals(details))
        assert "98765432" not in str(refusals(details))


def test_names_that_banks_write_otherwise_are_taken():
    for holder in ("José O’Neil & Söhne", "Дмитрий Иванов", "Société Générale – Paris"):
        assert checked(sepa(holder=holder)).holder == holder
