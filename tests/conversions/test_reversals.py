"""What is reversed of a conversion is the sum of its reversals, and the database itself sees to it."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from conversions.models import Conversion, Reversal
from conversions.operations import store_reversal
from tests.factories import ConversionFactory, UserFactory

pytestmark = pytest.mark.django_db

SOLD_AT = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def conversion():
    return ConversionFactory(
        value=Decimal("100.00"), commission_rate=None, commission_amount=Decimal("10.01"), occurred_at=SOLD_AT
    )


def reverse(conversion, amount=None):
    values = {"reason": "refund", "amount": amount and Decimal(amount)}
    return store_reversal(conversion_id=conversion.pk, values=values, by=None)


def insert(conversion, **given):
    """As SQL would, past every check in Python."""
    values = {"reason": "refund", "amount": 10, "commission_amount": 1, "occurred_at": SOLD_AT}
    return Reversal.objects.create(conversion=conversion, **values | given)


def run(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.parametrize("parts", [["100.00"], ["33.33", "33.33", None], ["0.01", "0.01", "99.97", "0.01"]])
def test_however_it_is_cut_the_parts_of_the_commission_are_all_of_it(conversion, parts):
    taken = [reverse(conversion, part).commission_amount for part in parts]
    assert sum(taken) == Decimal("10.01")
    conversion.refresh_from_db()
    assert (conversion.remaining_value, conversion.remaining_commission) == (0, 0)


def test_a_part_of_the_commission_is_rounded_half_even_over_all_reversals_together():
    conversion = ConversionFactory(value=10, commission_rate=None, commission_amount=Decimal("0.05"))
    assert [reverse(conversion, "1.00").commission_amount for _ in range(5)] == [
        Decimal(each) for each in ("0.00", "0.01", "0.01", "0.00", "0.00")
    ]


@pytest.mark.parametrize(
    "given",
    [
        {"amount": Decimal("100.01")},
        {"commission_amount": Decimal("10.02")},
        {"amount": -1},
        {"amount": 0, "commission_amount": 0},
        {"reason": "boredom"},
    ],
)
def test_sql_cannot_reverse_more_than_there_is_or_less_than_nothing(conversion, given):
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(conversion, **given)


def test_sql_cannot_reverse_what_has_not_occurred_yet(conversion):
    with pytest.raises(IntegrityError, match="did not occur before"), transaction.atomic():
        insert(conversion, occurred_at=SOLD_AT - dt.timedelta(microseconds=1))


@pytest.mark.parametrize("column", ["reversed_amount", "reversed_commission"])
@pytest.mark.parametrize("change", ["5", "0"])
def test_sql_cannot_say_otherwise_what_is_reversed(conversion, column, change):
    insert(conversion)
    with pytest.raises(IntegrityError, match="by a row of its own"):
        run(f"UPDATE conversions_conversion SET {column} = {change} WHERE id = %s", conversion.pk)


@pytest.mark.parametrize(
    "change",
    ["value = 200", "currency = 'EUR'", "commission_amount = 20", "commission_rate = 0.5", "occurred_at = now()"],
)
def test_sql_cannot_change_what_reversals_took_their_part_of(conversion, change):
    run(f"UPDATE conversions_conversion SET {change} WHERE id = %s", conversion.pk)
    other = ConversionFactory(value=100, commission_amount=10, occurred_at=SOLD_AT)
    insert(other)
    with pytest.raises(IntegrityError, match="is reversed"):
        run(f"UPDATE conversions_conversion SET {change} WHERE id = %s", other.pk)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM conversions_reversal", "UPDATE conversions_reversal SET amount = 1"]
)
def test_a_reversal_is_never_changed(conversion, statement):
    insert(conversion)
    with pytest.raises(DatabaseError, match="Cannot update or delete"):
        run(statement)


def test_who_reversed_stays_with_it(conversion):
    by = UserFactory()
    reversal = store_reversal(conversion_id=conversion.pk, values={"reason": "lapse"}, by=by)
    reversal.refresh_from_db()
    assert (reversal.created_by, reversal.amount, reversal.occurred_at > SOLD_AT) == (by, 100, True)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_imported_again_leaves_what_was_reversed(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(
        "external_id,lead_id,type,value,occurred_at\n"
        "crm-1,lead-1,sale,100.00,2026-03-01T12:00:00Z\ncrm-2,lead-2,sale,50.00,2026-03-01T12:00:00Z\n"
    )
    call_command("import_conversions", str(path))
    reverse(Conversion.objects.get(external_id="crm-1"), "40.00")
    call_command("import_conversions", str(path))
    left = Conversion.objects.order_by("external_id").values_list("value", "reversed_amount")
    assert list(left) == [(100, 40), (50, 0)]
