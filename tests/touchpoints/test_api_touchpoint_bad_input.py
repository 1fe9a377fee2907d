"""What a touchpoint may not be: each bad value is answered with its field's name."""

import pytest

from tests.api import BASE, refused
from tests.factories import TouchpointFactory
from touchpoints.models import Touchpoint

URL = f"{BASE}/touchpoints"
GOOD = {"leadId": "lead-123", "channel": "email"}
LONG = "x" * 65

BAD = [
    ("leadId", "", "blank"),
    ("leadId", None, "null"),
    ("leadId", LONG, "max_length"),
    ("leadId", 123, "invalid"),
    ("leadId", True, "invalid"),
    ("leadId", ["lead-123"], "invalid"),
    ("leadId", {"a": 1}, "invalid"),
    ("leadId", "lead\n123", "invalid"),
    ("sessionId", LONG, "max_length"),
    ("sessionId", "\t", "invalid"),
    ("channel", "tv", "invalid_choice"),
    ("channel", "EMAIL", "invalid_choice"),
    ("channel", "", "invalid_choice"),
    ("channel", None, "null"),
    ("channel", 1, "invalid_choice"),
    ("channel", ["email"], "invalid_choice"),
    ("source", 5, "invalid"),
    ("source", "x" * 256, "max_length"),
    ("campaign", {}, "invalid"),
    ("referralCode", LONG, "max_length"),
    ("partnerId", "partner-none", "unknown"),
    ("partnerId", LONG, "max_length"),
    ("partnerId", 7, "invalid"),
    ("brokerId", "broker-none", "unknown"),
    ("timestamp", "2026-03-01T12:00:00", "naive"),
    ("timestamp", "2026-03-01", "naive"),
    ("timestamp", "yesterday", "invalid"),
    ("timestamp", 1767225600, "invalid"),
    ("timestamp", None, "null"),
    ("timestamp", "1970-01-01T00:00:00Z", "too_early"),
    ("timestamp", "1999-12-31T23:59:59Z", "too_early"),
    ("timestamp", "2100-01-01T00:00:00Z", "in_the_future"),
    ("timestamp", "9999-12-31T23:59:59-12:00", "overflow"),
    ("timestamp", "2026-02-30T00:00:00Z", "invalid"),
    ("id", "tp-1", "invalid"),
    ("id", 5, "invalid"),
    ("id", None, "null"),
    ("clickIds", "gclid", "invalid"),
    ("clickIds", ["gclid"], "invalid"),
    ("clickIds", {"gclid": 1}, "invalid"),
    ("clickIds", {"gclid": {"a": "b"}}, "invalid"),
    ("clickIds", {"": "a"}, "too_long"),
    ("clickIds", {"gclid": "x" * 513}, "too_long"),
    ("clickIds", {f"k{n}": "v" for n in range(21)}, "too_many"),
    ("clickIds", {"gclid": "a\x00"}, "null_characters_not_allowed"),
    ("lead_id", "lead-123", "unknown_field"),
    ("leadID", "lead-123", "unknown_field"),
    ("utm_source", "google", "unknown_field"),
    ("receivedAt", "2026-03-01T12:00:00Z", "unknown_field"),
]
IDS = [f"{name}={str(value)[:20]}" for name, value, _ in BAD]


@pytest.mark.parametrize(("name", "value", "code"), BAD, ids=IDS)
def test_a_bad_value_is_refused_by_name(api, name, value, code):
    response = api.post(URL, GOOD | {name: value})
    assert response.status_code == 400
    assert (name, code) in refused(response)
    assert {attr for attr, _ in refused(response)} == {name}
    assert not Touchpoint.objects.exists()


@pytest.mark.parametrize(
    ("name", "value", "code"), [bad for bad in BAD if bad[0] != "id"], ids=[i for i in IDS if i[:3] != "id="]
)
def test_put_and_patch_refuse_the_same(api, name, value, code):
    stored = TouchpointFactory()
    before = api.get(f"{URL}/{stored.id}").json()
    for response in (
        api.put(f"{URL}/{stored.id}", GOOD | {name: value}),
        api.patch(f"{URL}/{stored.id}", {name: value}),
    ):
        assert response.status_code == 400
        assert (name, code) in refused(response)
    assert api.get(f"{URL}/{stored.id}").json() == before


def test_all_bad_fields_are_named_at_once(api):
    response = api.post(URL, {"channel": "tv", "timestamp": "never", "nonsense": 1})
    assert refused(response) == {
        ("leadId", "required"),
        ("channel", "invalid_choice"),
        ("timestamp", "invalid"),
        ("nonsense", "unknown_field"),
    }
