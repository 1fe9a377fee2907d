"""Guessing ends in a wait, whatever is guessed, and says nothing about who exists."""

import datetime as dt
import io

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.core.management import call_command
from django.test import Client, RequestFactory

from attribution_site.signing_in.addresses import address_of, trusted
from tests.factories import UserFactory
from tests.site import signing_in as sign_in

pytestmark = pytest.mark.django_db
HERE, THERE = {"REMOTE_ADDR": "198.51.100.7"}, {"REMOTE_ADDR": "203.0.113.9"}


def guess(user, times, **meta):
    return [sign_in.by_password(user, password="no", **meta)[1].status_code for _ in range(times)]


def test_the_fifth_wrong_password_locks_out_and_says_for_how_long():
    user = sign_in.person("Analyst")
    assert guess(user, 5, **HERE) == [200] * 4 + [429]
    client, answer = sign_in.by_password(user, **HERE)
    assert answer.status_code == 429
    assert 840 < int(answer["Retry-After"]) <= 900
    assert "15 minutes" in answer.content.decode()
    assert not sign_in.is_in(client)
    assert sign_in.by_password(user, **THERE)[1].status_code == 302
    assert sign_in.by_password(sign_in.person("Analyst"), **HERE)[1].status_code == 302


def test_guesses_from_many_addresses_lock_the_name():
    user = sign_in.person("Analyst")
    answers = [guess(user, 1, REMOTE_ADDR=f"198.51.100.{n}")[0] for n in range(20)]
    assert answers == [200] * 19 + [429]
    assert sign_in.by_password(user, **THERE)[1].status_code == 429


def test_one_password_tried_on_many_names_locks_the_address():
    answers = [guess(f"name-{n}", 1, **HERE)[0] for n in range(100)]
    assert answers == [200] * 99 + [429]
    assert sign_in.by_password(sign_in.person("Analyst"), **HERE)[1].status_code == 429


def test_the_lock_ends_and_tries_in_between_do_not_prolong_it():
    user = sign_in.person("Analyst")
    guess(user, 8, **HERE)
    assert AccessAttempt.objects.get().failures_since_start == 5
    AccessAttempt.objects.update(attempt_time=AccessAttempt.objects.get().attempt_time - dt.timedelta(minutes=15))
    assert sign_in.by_password(user, **HERE)[1].status_code == 302


def test_a_name_that_does_not_exist_and_a_password_that_is_wrong_are_answered_alike():
    known = sign_in.person("Analyst")
    outsider = sign_in.person(is_staff=False)
    gone = sign_in.person("Analyst", is_active=False)

    def errors(name, password="no"):
        _client, answer = sign_in.by_password(name, password=password)
        return answer.context["form"].errors.as_json()

    told = errors("nobody-of-this-name")
    assert errors(known) == told
    assert errors(gone, sign_in.PASSWORD) == told
    assert errors(outsider, sign_in.PASSWORD) == told
    assert guess("nobody-of-this-name", 4)[-1] == guess(known, 4)[-1] == 429


def test_wrong_codes_count_and_knowing_the_password_buys_no_more_of_them():
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    answers = []
    for _ in range(5):
        client, answer = sign_in.by_password(user, **HERE)
        assert answer.status_code == 302
        type(device).objects.update(throttling_failure_timestamp=None)
        code = sign_in.wrong_code_of(device)
        answers.append(client.post(sign_in.CODE, {"code": code}, **HERE).status_code)
    assert answers == [200] * 4 + [429]
    type(device).objects.update(throttling_failure_timestamp=None)
    assert client.post(sign_in.CODE, {"code": sign_in.code_of(device)}, **HERE).status_code == 429
    assert not sign_in.is_in(client)
    assert code not in "".join(AccessAttempt.objects.values_list("post_data", flat=True))


def test_signing_in_forgives_what_was_wrong_from_here_and_not_what_others_tried():
    user = sign_in.person("Analyst")
    guess(user, 4, **THERE)
    guess(user, 4, **HERE)
    assert sign_in.by_password(user, **HERE)[1].status_code == 302
    assert [attempt.ip_address for attempt in AccessAttempt.objects.all()] == [THERE["REMOTE_ADDR"]]
    assert guess(user, 1, **THERE) == [429]


def test_an_administrator_unlocks_in_the_back_office(admin_client):
    user = sign_in.person("Analyst")
    guess(user, 5, **HERE)
    page = "/admin/axes/accessattempt/"
    assert user.username in admin_client.get(page).content.decode()
    admin_client.post(page, {"action": "unlock", "_selected_action": [AccessAttempt.objects.get().pk]})
    assert sign_in.by_password(user, **HERE)[1].status_code == 302


def test_an_administrator_unlocks_by_command():
    user = sign_in.person("Analyst")
    guess(user, 5, **HERE)
    call_command("axes_reset_username", user.username, stdout=io.StringIO())
    assert sign_in.by_password(user, **HERE)[1].status_code == 302


def test_an_auditor_reads_who_signed_in_and_who_failed_and_changes_nothing():
    user = sign_in.person("Analyst")
    guess(user, 5, **HERE)
    sign_in.by_password(user, **THERE)
    auditor, analyst = Client(), Client()
    auditor.force_login(UserFactory(role="Auditor"))
    analyst.force_login(UserFactory(role="Analyst"))
    for table, row in [
        ("accesslog", AccessLog.objects.get(username=user.username)),
        ("accessfailurelog", AccessFailureLog.objects.get(locked_out=True)),
        ("accessattempt", AccessAttempt.objects.get()),
    ]:
        page = f"/admin/axes/{table}/"
        listed = auditor.get(page).content.decode()
        assert user.username in listed
        assert "Unlock" not in listed
        assert auditor.get(f"{page}{row.pk}/change/").status_code == 200
        assert auditor.post(f"{page}{row.pk}/change/", {"username": "x"}).status_code == 403
        assert auditor.post(f"{page}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert analyst.get(page).status_code == 403


def test_a_flood_does_not_wash_away_what_an_auditor_reads(settings):
    settings.AXES_ACCESS_FAILURE_LOG_PER_USER_LIMIT = 2
    guess("somebody", 4)
    assert AccessFailureLog.objects.count() == 4


PROXIED = "203.0.113.9, 198.51.100.7"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ("", PROXIED, "10.0.0.2"),
        ("1", PROXIED, "198.51.100.7"),
        ("2", PROXIED, "203.0.113.9"),
        ("3", PROXIED, "10.0.0.2"),
        ("1", "6.6.6.6, no address", "10.0.0.2"),
        ("1", "[2001:db8::1]:4711", "2001:db8::1"),
        ("1", "::ffff:203.0.113.9", "203.0.113.9"),
        ("10.0.0.0/8", PROXIED, "198.51.100.7"),
        ("10.0.0.0/8,198.51.100.0/24", PROXIED, "203.0.113.9"),
        ("172.16.0.0/12", PROXIED, "10.0.0.2"),
        ("10.0.0.0/8", "", "10.0.0.2"),
    ],
)
def test_headers_are_believed_as_far_as_trusted_proxies_reach(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = trusted(proxies)
    request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_FOR=forwarded)
    assert address_of(request) == address


def test_a_made_up_header_does_not_get_around_the_lock():
    user = sign_in.person("Analyst")
    for n in range(5):
        guess(user, 1, **HERE, HTTP_X_FORWARDED_FOR=f"192.0.2.{n}")
    assert sign_in.by_password(user, **HERE)[1].status_code == 429
