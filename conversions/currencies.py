"""ISO 4217: which codes exist, and how many decimals their amounts have."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from iso4217 import Currency

EXPONENTS: dict[str, int] = {c.code: c.exponent for c in Currency if c.exponent is not None}
MOST_DECIMALS = 2  # what the columns and the contract hold


def known(code: str) -> None:
    if code not in EXPONENTS:
        # As a parameter: the text is what somebody sent, and may have percent signs in it.
        raise ValidationError(
            "%(named)s is not a currency of ISO 4217.", code="unknown_currency", params={"named": code}
        )
    if EXPONENTS[code] > MOST_DECIMALS:
        raise ValidationError(
            f"{code} has {EXPONENTS[code]} decimals; amounts here have at most {MOST_DECIMALS}.",
            code="unsupported_currency",
        )


def smallest_unit(code: str) -> Decimal:
    """The smallest amount of the currency that can be kept: 0.01 for USD, 1 for JPY, and 0.01 for KWD."""
    return Decimal(1).scaleb(-min(EXPONENTS[code], MOST_DECIMALS))


def fits(amount: Decimal, code: str) -> bool:
    return amount == amount.quantize(smallest_unit(code))
