"""The house's own bank details, from the settings."""

import re

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from payouts.banking import numbers
from payouts.exports.orders import Originator

ACH = ("PAYER_ACH_ROUTING", "PAYER_ACH_BANK", "PAYER_ACH_ORIGIN", "PAYER_ACH_COMPANY")


def read(given: dict[str, str]) -> Originator:
    """Checked when the site starts. Empty: the house does not pay that way. Raises ImproperlyConfigured."""
    iban, bic, routing = given["PAYER_IBAN"], given["PAYER_BIC"], given["PAYER_ACH_ROUTING"]
    try:
        iban = numbers.iban(iban) if iban else ""
        bic = numbers.bic(bic, country=iban[:2]) if iban else ""
        routing = numbers.routing(routing) if routing else ""
    except numbers.Wrong as wrong:
        raise ImproperlyConfigured(f"PAYER_IBAN, PAYER_BIC or PAYER_ACH_ROUTING: {wrong}") from None
    if any(given[name] for name in ACH) and not all(given[name] for name in ACH):
        raise ImproperlyConfigured(f"Set all of {', '.join(ACH)}, or none of them.")
    for name in ("PAYER_ACH_ORIGIN", "PAYER_ACH_COMPANY"):
        if given[name] and not re.fullmatch(r"[0-9A-Z]{9,10}", given[name]):
            raise ImproperlyConfigured(f"{name} has 9 or 10 digits and capitals.")
    if (iban or routing) and not given["PAYER_NAME"]:
        raise ImproperlyConfigured("PAYER_NAME is not set: banks want to know who pays.")
    return Originator(
        name=given["PAYER_NAME"],
        iban=iban,
        bic=bic,
        ach_routing=routing,
        ach_bank=given["PAYER_ACH_BANK"],
        ach_origin=given["PAYER_ACH_ORIGIN"],
        ach_company=given["PAYER_ACH_COMPANY"],
        ach_description=given["PAYER_ACH_DESCRIPTION"],
    )


def originator() -> Originator:
    return read(settings.PAYER)
