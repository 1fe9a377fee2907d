"""What a conversion's row must be, and what follows for its commission."""

import pyarrow as pa
import pyarrow.compute as pc
from django.core.exceptions import ValidationError

from conversions import currencies
from conversions.models import Conversion, default_currency
from touchpoints.importing import checks
from touchpoints.importing.batch import as_bools
from touchpoints.importing.kinds import Kind

TEXTS = {"external_id": 64, "lead_id": 64, "policy_id": 64, "policy_number": 64}
WHOLE_ONLY = pa.array([code for code, decimals in currencies.EXPONENTS.items() if decimals == 0])
USABLE = pa.array([code for code, decimals in currencies.EXPONENTS.items() if decimals <= currencies.MOST_DECIMALS])


def make_check(local_zone):
    house_currency = default_currency()

    def check(batch):
        for name in CONVERSIONS.required:
            checks.required(batch, name)
        for name, longest in TEXTS.items():
            checks.text(batch, name, longest)
        checks.choice(batch, "type", Conversion.Type.values)
        checks.time(batch, "occurred_at", local_zone)
        check_currency(batch, house_currency)
        checks.money(batch, "value")
        checks.money(batch, "commission_amount")
        checks.share(batch, "commission_rate")
        for name in ("value", "commission_amount"):
            check_decimals(batch, name)
        batch["commission_amount"] = commission(batch)
        if "id" in batch.fields:
            checks.uuids(batch, "id")

    return check


def check_currency(batch, house_currency):
    batch["currency"] = pc.fill_null(batch["currency"], house_currency)
    usable = pc.is_in(batch["currency"], USABLE)
    batch.reject("currency", pc.invert(usable), wrong_with_currency)
    batch.keep("currency", usable)


def wrong_with_currency(code):
    try:
        currencies.known(code)
    except ValidationError as error:
        # Told without the value, so that the summary counts one reason once.
        return "not a currency code of ISO 4217" if error.code == "unknown_currency" else error.message
    return None


def check_decimals(batch, name):
    """Amounts of a currency without decimals, such as JPY, are whole."""
    whole = pc.is_in(batch["currency"], WHOLE_ONLY)
    if pc.any(whole).as_py():
        amount = batch[name].cast(pa.decimal128(38, 2))  # with room to round the largest up
        fraction = pc.not_equal(pc.round(amount, 0), amount)
        too_fine = as_bools(whole) & as_bools(fraction)
        batch.reject(name, too_fine, "more decimals than its currency has")
        batch.keep(name, ~too_fine)


def commission(batch):
    """What is given, else value × rate in exact decimals, half-even to the currency's smallest unit."""
    product = pc.multiply(batch["value"], batch["commission_rate"])
    to_cents = pc.round(product, 2, "half_to_even")
    to_units = pc.round(product, 0, "half_to_even")
    whole = pc.fill_null(pc.is_in(batch["currency"], WHOLE_ONLY), False)
    made = pc.if_else(whole, to_units, to_cents).cast(pa.decimal128(14, 2))
    return pc.coalesce(batch["commission_amount"], made)


CONVERSIONS = Kind(
    noun="conversions",
    table="conversions_conversion",
    # The order is part of every id ever made here: append, never insert.
    fields=(
        "id",
        "external_id",
        "lead_id",
        "type",
        "value",
        "currency",
        "policy_id",
        "policy_number",
        "commission_rate",
        "commission_amount",
        "occurred_at",
    ),
    required=("lead_id", "type", "value", "occurred_at"),
    time="occurred_at",
    own_keys=("id", "external_id"),
    make_check=make_check,
    stamps=("created_at", "updated_at"),
)
