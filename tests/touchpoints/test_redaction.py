"""What looks personal is not kept; what only has digits is."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.api import BASE
from tests.factories import TouchpointFactory
from touchpoints.importing.running import import_file
from touchpoints.importing.touchpoints import TOUCHPOINTS
from touchpoints.models import Touchpoint
from touchpoints.redaction import REDACTED, _luhn, redacted

URL = f"{BASE}/touchpoints"
GOOD = {"leadId": "lead-123", "channel": "email"}

PERSONAL = {
    "john.doe@example.com": "[email]",
    "john.doe%40example.co.uk": "[email]",
    "jörg+news@müller.de": "[email]",
    "to=john@example.com&x=1": "to=[email]&x=1",
    "123-45-6789": "[ssn]",
    "ssn 123 45 6789 end": "ssn [ssn] end",
    "123%2045%206789": "[ssn]",
    "4111111111111111": "[card]",
    "4111 1111 1111 1111": "[card]",
    "card 5500-0055-5555-5559.": "card [card].",
    "378282246310005": "[card]",
    "(555) 010-1234": "[phone]",
    "555-010-1234": "[phone]",
    "555.010.1234": "[phone]",
    "1-555-010-1234": "[phone]",
    "call 555 010 1234 now": "call [phone] now",
    "+15550101234": "[phone]",
    "%2B15550101234": "[phone]",
    "+49 171 1234567": "[phone]",
    "+44 (0)20 7946 0958": "[phone]",
    "a@b.co or +1 555 010 1234": "[email] or [phone]",
}
KEPT = [
    "google",
    "home-insurance-q4",
    "2026-11-23",
    "2026-11-23T12:00:00",
    "20261123",
    "120210123456789012",  # an ad of Facebook's
    "23851234567890123",
    "1789012345678901",
    "15550101234",
    "5550101234",
    "123456789",
    "4111111111111112",  # not what a card's last digit would be
    "ad+120210123456789",
    "@insurer",
    "half price @ home",
    "728x90_v2",
    "GA1.2.1234567890.1699999999",
    "01950000-0000-7000-8000-000000000001",
    "192.168.100.200",
    "1-2-3-4-5-6-7-8-9-10",
    "zip 90210-1234",
]


@pytest.mark.parametrize(("text", "clean"), PERSONAL.items(), ids=PERSONAL)
def test_what_looks_personal_goes(text, clean):
    assert redacted(text) == clean
    assert redacted(clean) == clean


@pytest.mark.parametrize("text", KEPT)
def test_what_does_not_stays(text):
    assert redacted(text) == text


@settings(deadline=None)
@given(st.from_regex(r"[1-9][0-9]{9,17}", fullmatch=True), st.sampled_from(["", "ad", "cmp_", "cmp-", "v1."]))
def test_numbers_of_campaigns_and_ads_stay(number, before):
    if not _luhn(number):
        assert redacted(before + number) == before + number


@settings(deadline=None)
@given(
    st.sampled_from(["4", "51", "55", "2221", "34", "37", "6011", "3530"]),
    st.text("0123456789", min_size=15, max_size=15),
    st.sampled_from(["", " ", "-"]),
)
def test_every_number_that_a_card_can_have_goes(prefix, digits, gap):
    length = 15 if prefix in ("34", "37") else 16
    number = next(n for last in "0123456789" if _luhn(n := (prefix + digits)[: length - 1] + last))
    spelt = gap.join(number[at : at + 4] for at in range(0, length, 4))
    assert redacted(f"a {spelt} b") == "a [card] b"


@settings(deadline=None)
@given(st.emails(domains=st.sampled_from(["example.com", "mail.example.org"])))
def test_no_address_survives(address):
    assert "@example" not in redacted(f"to {address} now")


@settings(deadline=None)
@given(st.from_regex(r"[2-9][0-9]{2}[-. ][0-9]{3}[-. ][0-9]{4}", fullmatch=True))
def test_no_phone_number_as_written_in_north_america_survives(number):
    assert redacted(f"call {number}") == "call [phone]"


@settings(deadline=None)
@given(st.text(max_size=300))
def test_redacting_again_changes_nothing(text):
    once = redacted(text)
    assert redacted(once) == once


SENT = {"campaign": "for john@example.com", "term": "call 555-010-1234", "referralCode": "a@b.co", "source": "google"}
KEPT_OF_IT = {"campaign": "for [email]", "term": "call [phone]", "referralCode": "[email]", "source": "google"}


def check(answer):
    assert {name: answer[name] for name in KEPT_OF_IT} == KEPT_OF_IT
    assert answer["redacted"] == ["campaign", "referralCode", "term"]
    stored = Touchpoint.objects.get(pk=answer["id"])
    assert (stored.campaign, stored.redacted) == ("for [email]", ["campaign", "referral_code", "term"])


def test_a_touch_is_redacted_by_every_way_in_and_says_so(api):
    before = REDACTED.labels("email")._value.get()
    check(api.post(URL, GOOD | SENT).json())
    listed = api.post(URL, [GOOD | SENT]).json()["items"][0]["id"]
    check(api.get(f"{URL}/{listed}").json())
    stored = TouchpointFactory()
    check(api.put(f"{URL}/{stored.id}", GOOD | SENT).json())
    other = TouchpointFactory()
    check(api.patch(f"{URL}/{other.id}", SENT).json())
    assert REDACTED.labels("email")._value.get() == before + 8


def test_what_was_redacted_stays_noted_until_the_text_is_another(api):
    answer = api.post(URL, GOOD | SENT).json()
    path = f"{URL}/{answer['id']}"
    assert api.put(path, answer).json() == answer
    assert api.patch(path, {"campaign": "q4"}).json()["redacted"] == ["referralCode", "term"]
    assert api.put(path, GOOD).json()["redacted"] is None


def test_a_text_that_grows_by_it_still_fits(api):
    text = ("a@b.co " * 37)[:255]
    answer = api.post(URL, GOOD | {"campaign": text}).json()
    assert len(answer["campaign"]) == 255
    assert "@" not in answer["campaign"]


def test_a_file_is_redacted_as_it_is_imported(db, tmp_path):
    path = tmp_path / "touches.csv"
    rows = [
        ["lead_id", "channel", "timestamp", "campaign", "term", "referral_code", "redacted"],
        ["lead-1", "email", "2026-03-01T12:00:00Z", "for john@example.com", "call 555-010-1234", "X1", "mine"],
        ["lead-2", "email", "2026-03-01T12:00:00Z", "120210123456789012", "", "", ""],
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    for stored in (2, 0):
        assert import_file(path=str(path), kind=TOUCHPOINTS).stored == stored
    first, second = Touchpoint.objects.order_by("lead_id")
    assert (first.campaign, first.term, first.referral_code) == ("for [email]", "call [phone]", "X1")
    assert first.redacted == ["campaign", "term"]
    assert (second.campaign, second.redacted) == ("120210123456789012", None)
