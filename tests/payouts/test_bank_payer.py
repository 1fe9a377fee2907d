"""The house's own bank details: wrong ones stop the site at its start, not a payment in the middle."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from payouts.banking import payer

NONE = {f"PAYER_{name}": "" for name in ("NAME", "IBAN", "BIC")}
NONE |= {f"PAYER_ACH_{name}": "" for name in ("ROUTING", "BANK", "ORIGIN", "COMPANY")}
NONE |= {"PAYER_ACH_DESCRIPTION": "COMMISSION"}
SEPA = {"PAYER_NAME": "Acme", "PAYER_IBAN": "DE89 3704 0044 0532 0130 00"}
ACH = {
    "PAYER_NAME": "Acme",
    "PAYER_ACH_ROUTING": "091000019",
    "PAYER_ACH_BANK": "First Bank",
    "PAYER_ACH_ORIGIN": "1234567890",
    "PAYER_ACH_COMPANY": "1234567890",
}


def test_a_house_that_pays_by_neither_sets_nothing():
    assert payer.read(NONE).iban == ""


def test_what_is_set_is_what_files_name():
    house = payer.read(NONE | SEPA | ACH)
    assert (house.name, house.iban, house.ach_routing) == ("Acme", "DE89370400440532013000", "091000019")


@pytest.mark.parametrize(
    "wrong",
    [
        SEPA | {"PAYER_IBAN": "DE88370400440532013000"},
        SEPA | {"PAYER_BIC": "NWBKGB2L"},
        SEPA | {"PAYER_NAME": ""},
        ACH | {"PAYER_ACH_ROUTING": "091000018"},
        ACH | {"PAYER_ACH_BANK": ""},
        ACH | {"PAYER_ACH_COMPANY": "12"},
    ],
)
def test_wrong_details_stop_the_start_without_telling_the_number(wrong):
    with pytest.raises(ImproperlyConfigured) as caught:
        payer.read(NONE | wrong)
    assert "370400440532" not in str(caught.value)
