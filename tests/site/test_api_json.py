"""What the JSON parser and renderer take and give."""

import pytest

from attribution_site.api.wire import MOST_DEPTH
from tests.api import BASE, refused, send_raw

BAD_BODIES = {
    "not JSON": b"leadId=lead-123",
    "cut off": b'{"leadId": "lead-123"',
    "NaN": b'{"leadId": "lead-123", "type": "sale", "value": NaN}',
    "Infinity": b'{"leadId": "lead-123", "type": "sale", "value": -Infinity}',
    "a name twice": b'{"leadId": "lead-123", "leadId": "lead-124"}',
    "a name twice, further in": b'{"leadId": "lead-123", "clickIds": {"gclid": "a", "gclid": "b"}}',
    "not UTF-8": '{"leadId": "café"}'.encode("latin-1"),
    "UTF-16": '{"leadId": "lead-123"}'.encode("utf-16"),
    "a raw NUL": b'{"leadId": "lead\x00123"}',
    "a depth bomb": b"[" * 100_000,
    "a closed depth bomb": b"[" * 50_000 + b"]" * 50_000,
    "65 lists within each other": b"[" * 65 + b"]" * 65,
    "what Python itself reads just so": b'{"parameters": {"lookbackDays": ' + b"[" * 600 + b"]" * 600 + b"}}",
    "a number of 5,000 digits": b'{"value": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("path", ["touchpoints", "conversions", "attribution/calculate"])
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_not_plain_json_is_a_parse_error(api, path, body):
    response = send_raw(api, path, body)
    assert response.status_code == 400
    assert refused(response) == {(None, "parse_error")}


@pytest.mark.parametrize("path", ["attribution/models/config", "attribution/comparisons", "keys", "attribution/batch"])
@pytest.mark.parametrize("depth", [MOST_DEPTH - 2, MOST_DEPTH - 1, 200, 600, 915, 919, 10_000])
def test_no_depth_is_more_than_a_refusal(admin_client, path, depth):
    """Between what the contract has and what Python itself refuses, whatever reads the values."""
    lists = b"[" * depth + b"]" * depth
    body = b'{"parameters": {"lookbackDays": ' + lists + b'}, "scopes": ' + lists + b', "leadIds": ' + lists + b"}"
    response = send_raw(admin_client, path, body)
    assert response.status_code == 400
    is_read = depth + 2 <= MOST_DEPTH
    assert (refused(response) == {(None, "parse_error")}) is not is_read


def test_a_body_in_chunks_is_refused_and_not_taken_for_none(api):
    for path in ("attribution/batch", "touchpoints", "keys"):
        response = api.generic("POST", f"{BASE}/{path}", b"", headers={"Transfer-Encoding": "chunked"})
        assert (response.status_code, refused(response)) == (411, {(None, "length_required")})


def test_a_name_given_twice_is_told(api):
    response = send_raw(api, "touchpoints", '{"leadId": "a", "leadId": "b"}')
    assert response.json()["errors"][0]["detail"] == '"leadId" is given twice in one object.'


@pytest.mark.parametrize("body", ["[]]", '"lead-123"', "3", "true", "null"])
def test_json_that_is_no_object_is_refused_where_one_is_due(api, body):
    response = send_raw(api, "conversions", body)
    assert response.status_code == 400
    assert [attr for attr, _ in refused(response)] == [None]


def test_an_empty_body_names_what_is_missing(api):
    response = send_raw(api, "touchpoints", b"")
    assert response.status_code == 400
    assert refused(response) == {("leadId", "required"), ("channel", "required")}


@pytest.mark.parametrize("character", ["\\u0000", "\\ud800", "\\udc00"])
@pytest.mark.parametrize("field", ["leadId", "channel", "source", "timestamp", "id"])
def test_nul_and_half_surrogates_are_refused_by_field(api, field, character):
    values = {"leadId": "lead-123", "channel": "email"} | {field: "x"}
    body = ", ".join(f'"{k}": "{v}{character if k == field else ""}"' for k, v in values.items())
    response = send_raw(api, "touchpoints", "{" + body + "}")
    assert response.status_code == 400
    assert field in {attr for attr, _ in refused(response)}


def test_a_half_surrogate_in_a_name_is_refused_and_told(api):
    response = send_raw(api, "touchpoints", '{"leadId": "a", "channel": "email", "\\ud800": 1}')
    assert response.status_code == 400
    assert refused(response) == {("\ud800", "unknown_field")}


def test_a_body_over_the_limit_is_too_large(api):
    response = send_raw(api, "touchpoints", b'["' + b"x" * (16 * 1024 * 1024) + b'"]')
    assert response.status_code == 413
    assert refused(response) == {(None, "too_large")}


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/xml"])
def test_other_media_types_are_unsupported(api, content_type):
    response = api.generic("POST", f"{BASE}/touchpoints", b"leadId=1", content_type=content_type)
    assert response.status_code == 415
    assert refused(response) == {(None, "unsupported_media_type")}


@pytest.mark.parametrize("number", ["1500.00", "1500", "1500.0", "1.5E+3", "0.07", "999999999999.99", "0"])
def test_money_comes_back_as_a_number_with_its_two_decimals(api, number):
    body = f'{{"leadId": "lead-123", "type": "sale", "value": {number}}}'
    response = send_raw(api, "conversions", body)
    assert response.status_code == 201
    expected = {"0.07": "0.07", "999999999999.99": "999999999999.99", "0": "0.00"}.get(number, "1500.00")
    assert f'"value":{expected},'.encode() in response.content


def test_times_are_answered_in_utc_with_z(api):
    body = '{"leadId": "lead-123", "channel": "email", "timestamp": "2026-01-31T09:30:00+02:00"}'
    assert send_raw(api, "touchpoints", body).json()["timestamp"] == "2026-01-31T07:30:00Z"


def test_a_text_that_looks_like_a_marked_number_stays_a_text(api):
    body = '{"leadId": "1500.00", "channel": "email", "source": "00112233445566778899aabbccddeeff1.00"}'
    answer = send_raw(api, "touchpoints", body).json()
    assert (answer["leadId"], answer["source"]) == ("1500.00", "00112233445566778899aabbccddeeff1.00")


def test_the_keys_of_click_ids_stay_as_the_client_wrote_them(api):
    click_ids = {"gclid": "a", "li_fat_id": "b", "someKey": "c", "utm_Id_2": "d"}
    body = {"leadId": "lead-123", "channel": "paid_search", "clickIds": click_ids}
    stored = api.post(f"{BASE}/touchpoints", body)
    assert stored.json()["clickIds"] == click_ids
    assert api.get(f"{BASE}/touchpoints/{stored.json()['id']}").json()["clickIds"] == click_ids
