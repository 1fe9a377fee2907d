"""One conversion read for a request, beside the same one read for a batch."""

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pytest

from attribution import one_conversion, operations, reading, store
from attribution.api.calculation import _json
from attribution.models import ModelConfig
from attribution_site.api.wire import JSONRenderer
from tests.attribution.worlds import NOW
from tests.factories import ConversionFactory, TouchpointFactory


@pytest.fixture
def sale(db):
    """Touches up to both ends of the lookback, some of one moment, and one before the sale before."""
    for days in (91, 90, 60, 5, 5, 0):
        TouchpointFactory(lead_id="lead-1", timestamp=NOW - dt.timedelta(days=days), broker_id="broker-1")
    TouchpointFactory(lead_id="lead-1", timestamp=NOW + dt.timedelta(seconds=1))
    TouchpointFactory(lead_id="lead-2", timestamp=NOW)
    ConversionFactory(lead_id="lead-1", occurred_at=NOW - dt.timedelta(days=30))
    return ConversionFactory(lead_id="lead-1", occurred_at=NOW, value=Decimal("100.01"), commission_amount=None)


@pytest.mark.parametrize("with_previous", [True, False])
@pytest.mark.parametrize("lookback_days", [90, 30, 1])
def test_it_is_what_a_batch_reads(sale, lookback_days, with_previous):
    how = {"lookback_days": lookback_days, "with_previous": with_previous}
    [expected] = reading.read(reading.Selection(conversion_ids=[sale.pk]), within=store.DjangoStore(), **how)
    for source, values in (
        (one_conversion.LATEST, {"lead_id": "lead-1"}),
        (one_conversion.NAMED, {"lead_id": "lead-1", "id": sale.pk}),
    ):
        found = one_conversion.read(source, values, beside="SELECT 1 AS one, 'x' AS text", **how)
        assert found.beside == (1, "x")
        assert found.batch.conversions.equals(expected.conversions)
        assert found.batch.touches.equals(expected.touches)
        assert [touch.id.bytes for touch in found.touches] == expected.touches["id"].to_pylist()
        for name in ("offsets", "ages", "channels"):
            np.testing.assert_array_equal(getattr(found.batch.journeys, name), getattr(expected.journeys, name))
        np.testing.assert_array_equal(found.batch.occurred_at, expected.occurred_at)
        np.testing.assert_array_equal(found.batch.since_previous, expected.since_previous)


def test_of_another_lead_it_is_not_found(sale):
    source, values = one_conversion.NAMED, {"lead_id": "lead-2", "id": sale.pk}
    assert one_conversion.read(source, values, beside="SELECT 1", lookback_days=9, with_previous=False) is None


def test_a_configuration_that_is_stored_meanwhile_counts_at_once(sale):
    """Also one that looks further back than what was known before."""
    counts = [len(operations.calculate(lead_id="lead-1", model="linear").attributions)]
    for version, days in ((101, 6), (102, 365)):
        ModelConfig.objects.create(
            model="linear",
            version=version,
            effective_from=NOW - dt.timedelta(days=200 - version),
            parameters={"lookback_days": days},
        )
        counts.append(len(operations.calculate(lead_id="lead-1", model="linear").attributions))
    assert counts == [5, 3, 6]


def test_the_answer_is_what_the_renderer_would_write(sale):
    calculation = operations.calculate(lead_id="lead-1", model="linear")
    shares = [vars(share) for share in calculation.attributions]
    rendered = JSONRenderer().render(vars(calculation) | {"attributions": shares, "fallback": None})
    as_sent = {"parse_float": str, "parse_int": str}
    assert json.loads(_json(calculation), **as_sent) == json.loads(rendered, **as_sent)
