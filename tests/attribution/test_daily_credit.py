"""Sums by day are those of the records, whoever writes them and by whatever statement, or the day is said to have
changed."""

import datetime as dt
import importlib
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from attribution.models import AttributionRecord, ChangedDay, DailyCredit
from attribution.models.daily import KEY, SUMS
from attribution.operations.daily_credit import (
    RECORDS,
    Difference,
    daily_credit_differences,
    mark_changed,
    refresh_daily_credit,
)
from tests.factories import AttributionRecordFactory, PartnerFactory

pytestmark = pytest.mark.django_db(transaction=True)

JANUARY = dt.date(2026, 1, 1)
NEW_YEAR = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def make(**given):
    return AttributionRecordFactory(**({"occurred_at": NEW_YEAR} | given))


def run(sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def total():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'coalesce(sum({name}), 0)' for name in SUMS)} FROM attribution_dailycredit")
        return tuple(cursor.fetchone())


def rows():
    return list(DailyCredit.objects.order_by("day", *KEY, "id").values_list("day", *KEY, *SUMS))


def changed():
    return set(ChangedDay.objects.values_list("model", "day"))


def in_thread(work):
    """Started at once; what it raised, if anything, is in `.errors` when it is over."""

    def guarded():
        try:
            work()
        except Exception as error:
            thread.errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=guarded)
    thread.errors = []
    thread.start()
    return thread


@pytest.fixture
def january():
    """Records of two models, three days, with and without names, some of them paid to the house; summed up."""
    for number in range(12):
        make(
            model=("linear", "position_based")[number % 2],
            payable=number % 2 == 1,
            credit=Decimal(1) / 3,
            source=(None, "google")[number % 3 == 0],
            payee_type=("partner", "house")[number % 4 == 1],
            payee_id=("partner-abc", "")[number % 4 == 1],
            occurred_at=NEW_YEAR + 5 * number * HOUR,
        )
    refresh_daily_credit()


def test_a_record_is_in_the_sums_of_its_day_of_utc():
    make(occurred_at=dt.datetime.fromisoformat("2026-01-01T00:30:00+01:00"), commission_amount=Decimal("7.10"))
    assert refresh_daily_credit() == 1
    row = DailyCredit.objects.get()
    assert (row.day, row.records, row.credit, row.revenue) == (dt.date(2025, 12, 31), 1, 1, Decimal("1500.00"))
    assert (row.commission, row.payable_commission) == (Decimal("7.10"), Decimal("7.10"))


@pytest.mark.parametrize("of_record", [{"payee_type": "house", "payee_id": ""}, {"payable": False}])
def test_commission_that_nobody_is_paid_is_not_payable(of_record):
    make(**of_record)
    refresh_daily_credit()
    assert (DailyCredit.objects.get().commission, DailyCredit.objects.get().payable_commission) == (150, 0)


def test_records_of_one_key_and_day_are_one_row():
    for hours in range(5):
        make(occurred_at=NEW_YEAR + hours * HOUR)
    assert refresh_daily_credit() == 1
    assert DailyCredit.objects.values_list("records", "revenue").get() == (5, 7500)
    assert refresh_daily_credit() == 0


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {RECORDS} SET revenue_attributed = revenue_attributed * 2 WHERE model = 'linear'",
        f"UPDATE {RECORDS} SET occurred_at = occurred_at + interval '40 days'",
        f"UPDATE {RECORDS} SET campaign_id = 'autumn', channel = 'email', config_id = 77 WHERE source IS NULL",
        f"UPDATE {RECORDS} SET source = NULL, partner_id = NULL, broker_id = 'broker-9'",
        f"UPDATE {RECORDS} SET payee_type = 'house', payee_id = '' WHERE payable",
        f"DELETE FROM {RECORDS} WHERE model = 'linear'",
        f"DELETE FROM {RECORDS}",
        f"TRUNCATE {RECORDS}",
        f"""INSERT INTO {RECORDS} SELECT * FROM {RECORDS} LIMIT 1 ON CONFLICT (id) DO UPDATE SET credit = 0.5""",
        f"""MERGE INTO {RECORDS} r USING {RECORDS} same ON r.id = same.id
            WHEN MATCHED AND r.model = 'linear' THEN DELETE WHEN MATCHED THEN UPDATE SET currency = 'EUR'""",
    ],
)
def test_whatever_statement_changes_records_says_which_days_changed(january, statement):
    before = rows()
    assert (before != [], changed(), daily_credit_differences()) == (True, set(), [])
    run(statement)
    # Of what is not said to have changed, the sums are still true.
    assert (changed() != set(), daily_credit_differences()) == (True, [])
    refresh_daily_credit()
    assert (changed(), daily_credit_differences()) == (set(), [])
    assert rows() != before


def test_only_days_that_records_were_written_of_have_changed(january):
    run(f"DELETE FROM {RECORDS} WHERE model = 'linear' AND occurred_at < '2026-01-02Z'")
    make(occurred_at=NEW_YEAR + 400 * HOUR)
    assert changed() == {("linear", JANUARY), ("position_based", dt.date(2026, 1, 17))}


def test_copied_records_change_their_days(january):
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY {RECORDS} TO STDOUT") as out:
            copied = b"".join(bytes(part) for part in out)
        before = rows()
        cursor.execute(f"DELETE FROM {RECORDS}")
        refresh_daily_credit()
        assert rows() == []
        with cursor.copy(f"COPY {RECORDS} FROM STDIN") as into:
            into.write(copied)
    refresh_daily_credit()
    assert (rows(), daily_credit_differences()) == (before, [])


def test_what_is_rolled_back_changes_no_day(january):
    with transaction.atomic():
        make()
        transaction.set_rollback(True)
    assert changed() == set()


def test_a_change_that_moves_no_sum_changes_no_day(january):
    AttributionRecord.objects.filter(payable=True).update(status="approved")
    AttributionRecord.objects.filter(payable=False).update(payee_id=PartnerFactory().pk, payee_type="partner")
    assert changed() == set()


def test_two_updates_that_undo_each_other_within_a_sum_are_noticed_as_sets_would_not():
    """Of three records of one key, 10, 10 and 20 become 10, 20 and 20: as sets the two are equal."""
    tens = [make(revenue_attributed=amount) for amount in (10, 10, 20)]
    refresh_daily_credit()
    run(f"UPDATE {RECORDS} SET revenue_attributed = 20 WHERE id = %s", [tens[0].pk])
    refresh_daily_credit()
    run(
        f"UPDATE {RECORDS} SET revenue_attributed = CASE WHEN id = %s THEN 20 ELSE revenue_attributed END", [tens[1].pk]
    )
    assert changed() != set()


def test_what_is_written_while_sums_are_made_stays_changed():
    """A writer whose transaction is open when the sums are made, and ends after it."""
    make()
    inside, go_on = threading.Event(), threading.Event()

    def write():
        with transaction.atomic():
            make(occurred_at=NEW_YEAR + HOUR)
            inside.set()
            go_on.wait(10)

    writer = in_thread(write)
    assert inside.wait(10)
    refresh_daily_credit()
    assert (total()[0], changed()) == (1, set())
    go_on.set()
    writer.join()
    assert (writer.errors, changed()) == ([], {("position_based", JANUARY)})
    refresh_daily_credit()
    assert (total()[0], changed()) == (2, set())


def test_no_reader_ever_meets_wrong_sums_while_others_write_and_refresh():
    over = threading.Event()

    def write():
        while not over.is_set():
            record = make(occurred_at=NEW_YEAR + HOUR)
            make(model="linear", payable=False)
            record.delete()

    def refresh():
        while not over.is_set():
            refresh_daily_credit()

    threads = [in_thread(work) for work in (write, write, refresh, refresh)]
    try:
        for _ in range(150):
            assert daily_credit_differences() == []
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert [thread.errors for thread in threads] == [[]] * 4
    refresh_daily_credit()
    assert (changed(), daily_credit_differences()) == (set(), [])
    assert total()[0] == AttributionRecord.objects.count() > 0


def test_one_refresh_waits_for_another_and_no_writer_waits_for_either():
    make()
    with transaction.atomic():
        run("LOCK TABLE attribution_dailycredit IN SHARE UPDATE EXCLUSIVE MODE")
        other, writer = in_thread(refresh_daily_credit), in_thread(make)
        writer.join(5)
        other.join(0.3)
        assert (writer.is_alive(), other.is_alive()) == (False, True)
    other.join()
    assert (other.errors, writer.errors) == ([], [])
    assert total()[0] == 2


def damage():
    """Sums that are wrong, missing and too many."""
    DailyCredit.objects.filter(model="linear").delete()
    DailyCredit.objects.filter(model="position_based", day=JANUARY).update(revenue=0)
    DailyCredit.objects.create(
        **dict.fromkeys(KEY, "other") | {"config_id": 1, "currency": "USD", "model": "linear", "day": "2025-06-05"},
        **dict.fromkeys(SUMS, 5),
    )


def test_differences_name_the_model_and_the_day_and_how_far_the_sums_are_off(january):
    damage()
    found = daily_credit_differences()
    assert found[0] == Difference("linear", dt.date(2025, 6, 5), 1, 5, Decimal(5), Decimal(5))
    assert {each.model for each in found[1:-1]} == {"linear"}
    assert sum(each.records for each in found[1:-1]) == -6
    assert found[-1][:2] + found[-1][3:] == ("position_based", JANUARY, 0, found[-1].revenue, Decimal(0))
    assert [each.day for each in daily_credit_differences(since=JANUARY)] == [each.day for each in found[1:]]


def test_marking_days_mends_sums_that_were_damaged(january):
    whole = rows()
    damage()
    mark_changed(model_names=["position_based"])
    refresh_daily_credit()
    assert {each.model for each in daily_credit_differences()} == {"linear"}
    mark_changed()
    refresh_daily_credit()
    assert (daily_credit_differences(), rows()) == ([], whole)


def test_the_migration_marks_what_was_stored_before(january):
    DailyCredit.objects.all().delete()
    run(importlib.import_module("attribution.migrations.0007_mark_days").MARK)
    refresh_daily_credit()
    assert (daily_credit_differences(), total()[0]) == ([], 12)
