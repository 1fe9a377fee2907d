"""A reversal beside whatever else writes at the same moment: whoever comes first, no cent is lost."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from attribution import operations, shards, store
from attribution.models import Adjustment, AttributionRecord
from conversions.models import Conversion
from conversions.operations import MoreThanIsLeft, change_conversion
from tests.attribution.test_reversals import approve, records, reverse, sold
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works):
    """Each in a thread of its own, begun together; what they raised."""
    gate, errors = threading.Barrier(len(works)), []

    def run(work):
        try:
            gate.wait()
            work()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return errors


def check_sums(conversion):
    conversion.refresh_from_db()
    for model in ("position_based", "linear"):
        ids = [record.pk for record in records(model)]
        booked = Adjustment.objects.filter(record_id__in=ids)
        revenue = sum(r.revenue_attributed for r in records(model)) + sum(a.revenue_amount for a in booked)
        commission = sum(r.commission_amount for r in records(model)) + sum(a.commission_amount for a in booked)
        assert (revenue, commission) == (conversion.remaining_value, conversion.remaining_commission), model
    assert operations.verify_records().differences == []


@pytest.mark.parametrize("_", range(3))
def test_of_two_reversals_at_once_that_are_too_much_together_one_is_refused(_):
    conversion = sold()
    errors = at_once(*[lambda: reverse(conversion, "60.00")] * 2)
    assert [type(error) for error in errors] == [MoreThanIsLeft]
    assert conversion.reversals.count() == 1
    check_sums(conversion)


def test_many_small_reversals_at_once_all_count():
    conversion = sold()
    approve(2)
    assert at_once(*[lambda: reverse(conversion, "7.77")] * 6) == []
    conversion.refresh_from_db()
    assert conversion.reversed_amount == Decimal("46.62")
    check_sums(conversion)


@pytest.mark.parametrize("_", range(3))
def test_an_approval_at_the_same_moment_is_adjusted_or_approves_what_is_left(_):
    conversion, finance = sold(), UserFactory()

    def approving(record):
        return lambda: operations.change_record(record_id=record.pk, status="approved", reason="checked", by=finance)

    assert at_once(lambda: reverse(conversion, "50.00"), *map(approving, records())) == []
    assert AttributionRecord.objects.frozen().count() == 3
    check_sums(conversion)


@pytest.mark.parametrize("_", range(3))
def test_a_run_at_the_same_moment_leaves_no_record_of_the_whole_value(_):
    conversion = sold()
    approve(1)
    AttributionRecord.objects.filter(model="linear").delete()
    run = operations.start_run(model_names=["position_based", "linear"], queue=False)
    [shard] = run.shards.all()
    assert at_once(lambda: reverse(conversion, "50.00"), lambda: operations.calculate_shard(shard.pk)) == []
    check_sums(conversion)


def test_a_reversal_waits_for_whoever_calculates_its_lead():
    """Without this the calculation, which has read the whole value, would write its records over those of the rest."""
    conversion = sold()
    [bucket] = Conversion.objects.with_bucket().values_list("bucket", flat=True)
    reversing = threading.Thread(target=lambda: at_once(lambda: reverse(conversion, "50.00")))
    with transaction.atomic():
        shards.lock_buckets(store.DjangoStore(), bucket, bucket)
        reversing.start()
        reversing.join(timeout=1)
        assert not conversion.reversals.exists()
    reversing.join(timeout=30)
    assert conversion.reversals.count() == 1
    check_sums(conversion)


def test_a_reversal_that_waited_reads_the_records_as_they_are_by_then():
    """Approved while it waited: the record is decided, and must not be rewritten."""
    conversion = sold()
    record = records()[0]
    reversing = threading.Thread(target=lambda: at_once(lambda: reverse(conversion, "50.00")))
    with transaction.atomic():
        AttributionRecord.objects.select_for_update().get(pk=record.pk)
        reversing.start()
        reversing.join(timeout=1)
        AttributionRecord.objects.filter(pk=record.pk).update(status="approved")
    reversing.join(timeout=30)
    assert Adjustment.objects.get().record_id == record.pk
    check_sums(conversion)


def test_a_conversion_that_goes_to_another_lead_while_its_reversal_waits_is_left_alone():
    conversion, outcome = sold(), []
    [bucket] = Conversion.objects.with_bucket().values_list("bucket", flat=True)
    reversing = threading.Thread(target=lambda: outcome.extend(at_once(lambda: reverse(conversion))))
    with transaction.atomic():
        shards.lock_buckets(store.DjangoStore(), bucket, bucket)
        reversing.start()
        reversing.join(timeout=1)
        change_conversion(conversion_id=conversion.pk, changes={"lead_id": "lead-2"})
    reversing.join(timeout=30)
    assert [type(error) for error in outcome] == [operations.ConversionMoved]
    assert not conversion.reversals.exists()
