"""What has not changed is not sent again: `ETag` and `If-None-Match`, by one middleware for every GET."""

import datetime as dt

import pytest

from attribution.models import AttributionRecord
from conversions.models import Conversion
from disputes.models import Dispute
from partners.models import Partner
from tests.api import BASE
from tests.factories import (
    AttributionRecordFactory,
    ConversionFactory,
    DisputeFactory,
    PartnerFactory,
    TouchpointFactory,
)
from touchpoints.models import Touchpoint

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def again(client, path, etag):
    return client.get(path, headers={"If-None-Match": etag})


@pytest.mark.parametrize(
    ("path", "factory", "model", "change"),
    [
        ("attributions", AttributionRecordFactory, AttributionRecord, {"status": "approved"}),
        ("conversions", ConversionFactory, Conversion, {"value": 7}),
        ("disputes", DisputeFactory, Dispute, {"due_at": NOW}),
        ("partners", PartnerFactory, Partner, {"name": "Another"}),
        ("touchpoints", TouchpointFactory, Touchpoint, {"source": "another"}),
    ],
)
def test_a_poller_is_answered_304_until_the_row_or_list_changes(client_of, path, factory, model, change):
    client, row = client_of("read"), factory()
    for asked in (f"{BASE}/{path}/{row.pk}", f"{BASE}/{path}"):
        first = client.get(asked)
        unchanged = again(client, asked, first["ETag"])
        assert (first.status_code, unchanged.status_code, unchanged.content) == (200, 304, b"")
    before = {asked: client.get(asked)["ETag"] for asked in (f"{BASE}/{path}/{row.pk}", f"{BASE}/{path}")}
    model.objects.filter(pk=row.pk).update(**change)
    for asked, etag in before.items():
        changed = again(client, asked, etag)
        assert changed.status_code == 200
        assert changed["ETag"] != etag


def test_a_kept_report_is_sent_once(client_of):
    client = client_of("read")
    made = client.get(f"{BASE}/reports/attribution?startDate=2026-01-01&endDate=2026-01-31&model=linear")
    kept = f"{BASE}/reports/attribution/{made.json()['reportId']}"
    assert again(client, kept, client.get(kept)["ETag"]).status_code == 304


def test_a_new_configuration_is_seen(client_of):
    client, path = client_of("read", "configurations:write"), f"{BASE}/attribution/models/time_decay/config"
    etag = client.get(path)["ETag"]
    assert again(client, path, etag).status_code == 304
    body = {"model": "time_decay", "parameters": {"halfLifeDays": 3}}
    assert client.post(f"{BASE}/attribution/models/config", body).status_code == 201
    assert again(client, path, etag).status_code == 200


@pytest.mark.parametrize("path", ["attributions", "touchpoints", "partners"])
def test_one_askers_etag_is_not_anothers_who_sees_something_else(client_of, path):
    for partner in ("partner-abc", "partner-other"):
        PartnerFactory(id=partner)
        TouchpointFactory(partner_id=partner)
        AttributionRecordFactory(payee_id=partner, partner_id=partner)
    askers = [
        client_of("read"),
        *(client_of("partner", payee=("partner", each)) for each in ("partner-abc", "partner-other")),
    ]
    etags = [asker.get(f"{BASE}/{path}")["ETag"] for asker in askers]
    for asker, own in zip(askers, etags, strict=True):
        assert [again(asker, f"{BASE}/{path}", etag).status_code for etag in etags] == [
            304 if etag == own else 200 for etag in etags
        ]
    assert len(set(etags)) == len(askers)


def test_the_etag_holds_where_the_answer_is_compressed(client_of):
    PartnerFactory.create_batch(20)
    client, asked = client_of("read"), f"{BASE}/partners"
    first = client.get(asked, headers={"Accept-Encoding": "gzip"})
    assert first["Content-Encoding"] == "gzip"
    assert again(client, asked, first["ETag"]).status_code == 304
