"""Whatever is sold, shared, decided and taken back in whatever parts: records and adjustments are what is left."""

import itertools
from decimal import Decimal

import numpy as np
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from attribution import operations
from attribution.engine import cents
from attribution.models import Adjustment, AttributionRecord
from tests.factories import AttributionRecordFactory, ConversionFactory

CENT = Decimal("0.01")
STATUSES = ["pending", "calculated", "approved", "disputed", "paid"]


@st.composite
def sales(draw):
    """Value and commission in cents, the weights of the touches, and of each reversal: the status that each record gets
    before it, and how many tenths of what is left it takes."""
    touches = draw(st.integers(1, 6))
    statuses = st.lists(st.sampled_from(STATUSES), min_size=touches, max_size=touches)
    return (
        draw(st.integers(0, 40) | st.integers(0, 10**9)),
        draw(st.integers(0, 40) | st.integers(0, 10**8)),
        draw(st.lists(st.integers(1, 9), min_size=touches, max_size=touches)),
        draw(st.lists(st.tuples(statuses, st.integers(0, 10)), min_size=1, max_size=4)),
    )


def shared(total, weights):
    credits = cents.credits(np.array(weights) / sum(weights), np.array([0, len(weights)]))
    return credits, cents.share(np.array([total], dtype=np.int64), credits, np.array([0, len(weights)])).tolist()


def stored_conversion(value, commission, weights):
    conversion = ConversionFactory(
        value=value * CENT, commission_rate=None, commission_amount=commission * CENT, currency="USD"
    )
    credits, values = shared(value, weights)
    _, commissions = shared(commission, weights)
    for model, payable in (("position_based", True), ("linear", False)):
        for position, (credit, revenue, paid) in enumerate(zip(credits, values, commissions, strict=True), 1):
            AttributionRecordFactory(
                conversion_id=conversion.pk,
                model=model,
                payable=payable,
                credit=Decimal(int(credit)).scaleb(-10),
                revenue_attributed=revenue * CENT,
                commission_amount=paid * CENT,
                position=position,
                journey_length=len(weights),
                occurred_at=conversion.occurred_at,
            )
    return conversion


def net(model):
    """Revenue and commission of each record with its adjustments, in order of position."""
    columns: list[list[Decimal]] = [[], []]
    for record in AttributionRecord.objects.filter(model=model).order_by("position"):
        booked = list(Adjustment.objects.filter(record_id=record.pk))
        columns[0].append(record.revenue_attributed + sum(each.revenue_amount for each in booked))
        columns[1].append(record.commission_amount + sum(each.commission_amount for each in booked))
    return columns


def move(statuses):
    """Each record along the allowed edges to the status, where there is such a way."""
    records = AttributionRecord.objects.filter(model="position_based").order_by("position")
    for record, wanted in zip(records, statuses, strict=True):
        for status in STATUSES[1 : STATUSES.index(wanted) + 1]:
            with transaction.atomic():
                if status in operations.record_changes.EDGES[record.status]:
                    record.status = status
                    record.save(update_fields=["status"])


class Reversing(TestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(sales())
    def test_what_payees_have_is_always_what_is_left(self, sale):
        value, commission, weights, steps = sale
        conversion = stored_conversion(value, commission, weights)
        for statuses, tenths in steps:
            move(statuses)
            frozen = dict(AttributionRecord.objects.frozen().values_list("pk", "revenue_attributed"))
            conversion.refresh_from_db()
            amount = (conversion.remaining_value * tenths / 10).quantize(CENT)
            if conversion.remaining_value and not amount:
                continue
            if not (conversion.remaining_value or conversion.remaining_commission):
                break
            asked = None if tenths == 10 or not amount else amount
            operations.reverse_conversion(
                conversion_id=conversion.pk, values={"reason": "refund", "amount": asked}, by=None
            )
            conversion.refresh_from_db()
            self.check(conversion, weights)
            assert frozen.items() <= dict(AttributionRecord.objects.values_list("pk", "revenue_attributed")).items()

    def check(self, conversion, weights):
        left = [int(conversion.remaining_value * 100), int(conversion.remaining_commission * 100)]
        expected = [[each * CENT for each in shared(total, weights)[1]] for total in left]
        assert net("position_based") == net("linear") == expected
        taken = list(conversion.reversals.values_list("amount", "commission_amount"))
        sums = [sum(each) for each in zip(*taken, strict=True)]
        assert sums == [conversion.reversed_amount, conversion.reversed_commission]
        assert all(part >= 0 for part in itertools.chain(*taken))
        if not left[0]:
            assert left[1] == 0
