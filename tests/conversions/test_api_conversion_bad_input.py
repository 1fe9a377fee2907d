"""What a conversion may not be: each bad value is answered with its field's name."""

import pytest

from conversions.models import Conversion
from tests.api import refused, send_raw
from tests.factories import ConversionFactory

GOOD = {"leadId": '"lead-123"', "type": '"sale"', "value": "1500.00"}
LONG = f'"{"x" * 65}"'

BAD = [
    ("leadId", '""', "blank"),
    ("leadId", LONG, "max_length"),
    ("leadId", "123", "invalid"),
    ("type", '"gift"', "invalid_choice"),
    ("type", "null", "null"),
    ("value", "-0.01", "min_value"),
    ("value", "1500.001", "max_decimal_places"),
    ("value", "1500.000", "max_decimal_places"),
    ("value", "1e-3", "max_decimal_places"),
    ("value", "1000000000000.00", "max_digits"),
    ("value", "1e12", "max_whole_digits"),
    ("value", "1e999999999", "max_digits"),
    ("value", "1" + "0" * 1200, "max_string_length"),
    ("value", '"1500.00"', "invalid"),
    ("value", "true", "invalid"),
    ("value", "null", "null"),
    ("value", "[1]", "invalid"),
    ("currency", '"usd"', "invalid"),
    ("currency", '"XYZ"', "unknown_currency"),
    ("currency", '"KWD"', "unsupported_currency"),
    ("currency", '"US"', "invalid"),
    ("currency", "840", "invalid"),
    ("policyId", LONG, "max_length"),
    ("policyNumber", LONG, "max_length"),
    ("externalId", LONG, "max_length"),
    ("externalId", '"a\\u0001b"', "invalid"),
    ("commissionRate", "1.000001", "max_value"),
    ("commissionRate", "-0.1", "min_value"),
    ("commissionRate", "0.1234567", "max_decimal_places"),
    ("commissionRate", '"0.1"', "invalid"),
    ("commissionAmount", "-1", "min_value"),
    ("commissionAmount", "0.001", "max_decimal_places"),
    ("occurredAt", '"2026-03-01T12:00:00"', "naive"),
    ("occurredAt", '"1970-01-01T00:00:00Z"', "too_early"),
    ("occurredAt", '"2100-01-01T00:00:00Z"', "in_the_future"),
    ("occurredAt", "null", "null"),
    ("lead_id", '"lead-123"', "unknown_field"),
    ("cancelled", "true", "unknown_field"),
]


def written(values):
    return "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"


@pytest.mark.parametrize(("name", "value", "code"), BAD, ids=[f"{n}={v[:20]}" for n, v, _ in BAD])
def test_a_bad_value_is_refused_by_name(api, name, value, code):
    response = send_raw(api, "conversions", written(GOOD | {name: value}))
    assert response.status_code == 400
    assert (name, code) in refused(response)
    assert {attr for attr, _ in refused(response)} == {name}
    assert not Conversion.objects.exists()


@pytest.mark.parametrize("name", ["value", "commissionAmount"])
def test_decimals_that_the_currency_does_not_have_are_refused(api, name):
    amounts = {"value": "1500", "commissionAmount": "150"} | {name: "99.50"}
    response = send_raw(api, "conversions", written(GOOD | amounts | {"currency": '"JPY"'}))
    assert response.status_code == 400
    assert refused(response) == {(name, "too_precise")}


def test_a_currency_that_the_stored_value_does_not_fit_is_refused(api):
    stored = ConversionFactory(value="10.50", commission_rate=None, commission_amount=None)
    response = send_raw(api, f"conversions/{stored.id}", '{"currency": "JPY"}', "PATCH")
    assert refused(response) == {("value", "too_precise")}


def test_required_fields_are_named_together(api):
    assert refused(send_raw(api, "conversions", "{}")) == {
        ("leadId", "required"),
        ("type", "required"),
        ("value", "required"),
    }
