"""The short way in takes nothing that the long way would refuse, and makes of it the same."""

import json

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution_site.api.wire import StrictJSONParser
from conversions.api import TouchpointSerializer
from tests.api import BASE, refused, send_raw
from tests.factories import ConversionFactory
from touchpoints import operations
from touchpoints.api import _touch
from touchpoints.ingestion.parser import certain
from touchpoints.models import Channel, Touchpoint

URL = f"{BASE}/touchpoints"
FULL = {
    "id": "01950000-0000-7000-8000-000000000001",
    "leadId": "lead-123",
    "sessionId": "sess-456",
    "channel": "paid_search",
    "source": "google",
    "medium": "cpc",
    "campaign": "Wohngebäude – Q4",
    "content": "",
    "term": None,
    "referralCode": "PARTNER001",
    "partnerId": None,
    "brokerId": "",
    "clickIds": {"gclid": "Cj0", "li_fat_id": ""},
    "timestamp": "2026-03-01T12:00:00.123456+02:00",
}
text = (
    st.text(max_size=70)
    | st.text("ab \t\n\x7f\u00e4\ud83d", max_size=3)
    | st.sampled_from(["x" * 64, "x" * 65, "x" * 256])
)
moment = st.datetimes(timezones=st.timezones() | st.none(), allow_imaginary=False).map(
    lambda each: each.isoformat()
) | st.sampled_from(
    [
        "2026-03-01T12:00:00Z",
        "1999-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "2026-03-01T12:00:00",
        "2026-03-01 12:00:00.1234567+00:00",
        "20260301T120000Z",
        "2026-W09-7",
        "24:00",
    ]
)
odd = st.none() | st.booleans() | st.integers() | st.floats() | st.lists(text, max_size=2)
FIELDS = {
    **dict.fromkeys(FULL, text | odd),
    "id": st.uuids().map(str) | st.uuids().map(lambda each: each.hex) | text | odd,
    "channel": st.sampled_from(Channel.values) | text | odd,
    "clickIds": st.dictionaries(text, text | odd, max_size=22) | odd,
    "timestamp": moment | text | odd,
    "receivedAt": moment,
    "converted": st.booleans(),
}


@st.composite
def sent(draw):
    """A good touch of which some fields are anything."""
    names = draw(st.lists(st.sampled_from(list(FIELDS)), max_size=4))
    whole = draw(st.booleans())
    body = (FULL if whole else {"leadId": "lead-1", "channel": "email"}) | {name: draw(FIELDS[name]) for name in names}
    return json.dumps(
        body, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    )


def the_long_way(body):
    class Stream:
        def read(self, most):
            return body

    return _touch(TouchpointSerializer().run_validation(StrictJSONParser().parse(Stream())))


@given(sent())
@settings(max_examples=600, deadline=None)
def test_what_is_certain_is_the_same_by_the_long_way(body):
    body = body.encode("utf-8", "surrogatepass")
    if (touch := certain(body)) is None:
        return
    expected = the_long_way(body)
    if '"timestamp"' not in body.decode():
        assert abs((expected.timestamp - touch.timestamp).total_seconds()) < 5
        touch.timestamp = expected.timestamp
    assert touch == expected


@pytest.mark.parametrize("left_out", [(), ("id",), ("id", "timestamp"), ("clickIds",), ("content", "term", "brokerId")])
def test_what_programs_send_takes_the_short_way(left_out):
    body = {name: value for name, value in FULL.items() if name not in left_out}
    assert certain(json.dumps(body, ensure_ascii=False).replace('": ', '":').encode()) is not None
    assert None not in certain(json.dumps([body] * 3, ensure_ascii=False, separators=(",", ":")).encode())


BAD = {
    "no JSON": (b"lead-123", None, "parse_error"),
    "half of it": (b'{"leadId":"lead-123","channel":', None, "parse_error"),
    "no UTF-8": (b'{"leadId":"lead-\xff","channel":"email"}', None, "parse_error"),
    "NaN": (b'{"leadId":NaN,"channel":"email"}', None, "parse_error"),
    "nested deeply": (b'{"leadId":' + b"[" * 10_000 + b"]" * 10_000 + b"}", None, "parse_error"),
    "a name twice": (b'{"leadId":"lead-1","channel":"email","leadId":"lead-2"}', None, "parse_error"),
    "a name twice, apart": (b'{"leadId" :"lead-1","channel":"email","leadId":"lead-2"}', None, "parse_error"),
    "a click id twice": (
        b'{"leadId":"lead-1","channel":"email","clickIds":{"gclid":"a","gclid":"b"}}',
        None,
        "parse_error",
    ),
    "a name twice, one escaped": (b'{"leadId":"a","channel":"email","\\u006ceadId":"lead-2"}', None, "parse_error"),
    "NUL": (b'{"leadId":"lead\\u0000","channel":"email"}', "leadId", "null_characters_not_allowed"),
    "NUL as it is": (b'{"leadId":"lead\x00","channel":"email"}', None, "parse_error"),
    "DEL": (b'{"leadId":"lead\x7f","channel":"email"}', "leadId", "invalid"),
    "a half": (b'{"source":"\\ud800","leadId":"a","channel":"chat"}', "source", "surrogate_characters_not_allowed"),
    "a number": (b'{"leadId":123,"channel":"email"}', "leadId", "invalid"),
    "an unknown field": (b'{"leadId":"lead-1","channel":"email","utmSource":"x"}', "utmSource", "unknown_field"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "attr", "code"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("way", ["alone", "PUT", "PATCH", "in an array"])
@pytest.mark.django_db
def test_what_is_bad_is_refused_alike_by_every_way_in(api, way, body, attr, code):
    stored = operations.create_touchpoint(values={"lead_id": "a", "channel": "email", "timestamp": timezone.now()})[0]
    method, path = {"PUT": ("PUT", f"/{stored.id}"), "PATCH": ("PATCH", f"/{stored.id}")}.get(way, ("POST", ""))
    if way == "in an array":
        body = b'[{"leadId":"good","channel":"email"},' + body + b"]"
    response = send_raw(api, f"touchpoints{path}", body, method)
    if way == "in an array" and attr is not None:
        answer = response.json()
        assert (response.status_code, answer["accepted"], answer["rejected"]) == (200, 1, 1)
        assert (attr, code) in {(error["attr"], error["code"]) for error in answer["items"][1]["errors"]}
        return
    assert response.status_code == 400
    assert (attr, code) in refused(response)
    assert Touchpoint.objects.count() == 1


def test_a_body_too_large_is_refused_before_it_is_read_to_its_end(api):
    response = send_raw(api, "touchpoints", b"[" + b" " * (16 * 1024 * 1024) + b"]")
    assert (response.status_code, refused(response)) == (413, {(None, "too_large")})


def test_both_ways_answer_with_the_same_object(api):
    lean = json.dumps(FULL, ensure_ascii=False, separators=(",", ":"))
    answers = []
    for body in (lean, lean.replace("google", "\\u0067oogle")):
        own = body.replace("000000000001", f"{len(answers):012}")
        answers.append(send_raw(api, "touchpoints", own))
    assert [answer.status_code for answer in answers] == [201, 201]
    first, second = (answer.json() for answer in answers)
    assert first | {"id": second["id"]} == second
    assert api.get(f"{URL}/{first['id']}").json() == first


def test_a_new_touch_before_a_conversion_of_its_lead_is_answered_as_converted(api):
    ConversionFactory(lead_id="lead-123", occurred_at=timezone.now())
    body = {
        "leadId": "lead-123",
        "channel": "email",
        "timestamp": (timezone.now() - timezone.timedelta(days=3)).isoformat(),
    }
    answer = api.post(URL, body).json()
    assert answer["converted"] is True
    assert api.get(f"{URL}/{answer['id']}").json() == answer
    assert api.post(URL, body | {"leadId": "lead-124"}).json()["converted"] is False


def test_a_touch_takes_no_query_but_its_insert_and_a_look_for_conversions(api, django_assert_max_num_queries):
    # Which go past Django's cursor. What is counted is who asks: a session, a person, permissions.
    with django_assert_max_num_queries(4):
        api.post(URL, {"leadId": "lead-123", "channel": "email"})
