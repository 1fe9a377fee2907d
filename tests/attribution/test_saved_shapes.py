"""An answer of very many records takes a shorter way than a list does: both must say the same."""

import pytest
from rest_framework.utils.serializer_helpers import ReturnDict

from attribution.api.records import RecordSerializer, plain
from attribution.models import AttributionRecord, with_net
from attribution_site.api.wire import JSONRenderer
from tests.factories import AttributionRecordFactory

pytestmark = pytest.mark.django_db


def test_the_short_way_gives_what_the_serializer_gives():
    record = with_net(AttributionRecord.objects.select_related("config")).get(pk=AttributionRecordFactory().pk)
    serialized: ReturnDict = RecordSerializer(record).data
    assert list(plain(record)) != []
    assert JSONRenderer().render(dict(sorted(plain(record).items()))) == JSONRenderer().render(
        dict(sorted(serialized.items()))
    )
