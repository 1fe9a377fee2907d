"""Sessions end: by idleness, by age, and at once when their user's password or rights go."""

import datetime as dt

import pytest
from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from attribution_site.signing_in.models import Session
from attribution_site.signing_in.tasks import drop_old_sign_ins
from tests.site import signing_in as sign_in

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


def minutes_left():
    return (Session.objects.get().expire_date - timezone.now()) / MINUTE


def let_pass(client, **time):
    """As if all that happened in the session had been so much earlier."""
    passed = dt.timedelta(**time)
    session = client.session
    rows = Session.objects.filter(pk=session.session_key)
    ends_at = rows.get().expire_date
    session["signed_in_at"] -= passed.total_seconds()
    session.save()
    rows.update(expire_date=ends_at - passed)


@pytest.mark.parametrize(("role", "minutes"), [("Finance", 30), ("Analyst", 480)])
def test_idle_sessions_end_sooner_for_who_moves_money(role, minutes):
    client = sign_in.signed_in(sign_in.person(role))
    assert minutes - 1 < minutes_left() <= minutes
    let_pass(client, minutes=min(minutes - 1, 200))
    assert sign_in.is_in(client)
    assert minutes - 1 < minutes_left() <= minutes
    Session.objects.update(expire_date=timezone.now())
    assert not sign_in.is_in(client)


def test_no_session_lasts_longer_than_half_a_day():
    client = sign_in.signed_in(sign_in.person("Analyst"))
    let_pass(client, hours=7)
    assert sign_in.is_in(client)
    assert 299 < minutes_left() <= 300
    let_pass(client, hours=4, minutes=50)
    assert sign_in.is_in(client)
    assert 9 < minutes_left() <= 10


def test_signing_in_by_code_does_not_begin_the_half_day_anew():
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    client = sign_in.signed_in(user)
    began = client.session["signed_in_at"]
    client.post(sign_in.CODE, {"code": sign_in.code_of(device)})
    assert client.session["signed_in_at"] == began


def test_a_request_writes_nothing_within_a_minute():
    client = sign_in.signed_in(sign_in.person("Analyst"))
    client.get("/admin/password_change/")
    with connection.execute_wrapper(no_writes):
        assert client.get("/admin/password_change/").status_code == 200


def no_writes(execute, sql, params, many, context):
    assert sql.split()[0] not in {"INSERT", "UPDATE", "DELETE"}, sql
    return execute(sql, params, many, context)


def test_what_an_open_page_asks_by_itself_does_not_prolong():
    client = sign_in.signed_in(sign_in.person("Analyst"))
    let_pass(client, minutes=10)
    client.get("/admin/attribution/run/00000000-0000-7000-8000-000000000000/progress/")
    assert minutes_left() < 471


def test_who_comes_to_move_money_has_the_shorter_time_from_then_on():
    user = sign_in.person("Analyst")
    client = sign_in.signed_in(user)
    user.groups.add(Group.objects.get(name="Finance"))
    let_pass(client, minutes=10)
    assert sign_in.is_in(client)
    assert 29 < minutes_left() <= 30


def deactivate(user):
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)


def deactivate_and_back(user):
    deactivate(user)
    get_user_model().objects.filter(pk=user.pk).update(is_active=True)


def new_password(user):
    user.set_password("another four words then")
    user.save(update_fields=["password"])


def out_of_group(user):
    user.groups.clear()


def role_loses_permission(user):
    group = user.groups.get()
    group.permissions.remove(Permission.objects.get(codename="view_spend"))


def own_permission_goes(user):
    user.user_permissions.clear()


def by_sql(user):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM auth_user_groups WHERE user_id = %s", [user.pk])


@pytest.mark.parametrize(
    "what",
    [
        deactivate,
        deactivate_and_back,
        new_password,
        out_of_group,
        role_loses_permission,
        own_permission_goes,
        by_sql,
    ],
)
def test_all_sessions_of_a_user_end_at_once(what):
    user, other = sign_in.person("Analyst"), sign_in.person("Operations")
    user.user_permissions.add(Permission.objects.get(codename="add_run"))
    first, second, others = sign_in.signed_in(user), sign_in.signed_in(user), sign_in.signed_in(other)
    assert sign_in.is_in(first)
    assert sign_in.is_in(second)
    what(user)
    assert not Session.objects.filter(user=user).exists()
    assert not sign_in.is_in(first)
    assert not sign_in.is_in(second)
    assert sign_in.is_in(others)


def test_changing_ones_own_password_keeps_the_session_where_it_was_done():
    user = sign_in.person("Analyst")
    here, there = sign_in.signed_in(user), sign_in.signed_in(user)
    new = "another four words then"
    passwords = {"old_password": sign_in.PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/admin/password_change/", passwords).status_code == 302
    assert sign_in.is_in(here)
    assert not sign_in.is_in(there)


def test_what_is_not_a_right_ends_no_session():
    user = sign_in.person("Analyst")
    client = sign_in.signed_in(user)
    user.email = "ana@example.com"
    user.save()
    user.groups.add(Group.objects.get(name="Auditor"))
    assert sign_in.is_in(client)


def test_signing_out_everywhere():
    user = sign_in.person("Analyst")
    here, there = sign_in.signed_in(user), sign_in.signed_in(user)
    answer = here.post("/admin/sign-in/sign-out-everywhere/", follow=True)
    assert "You are signed out everywhere" in answer.content.decode()
    assert not sign_in.is_in(here)
    assert not sign_in.is_in(there)


def test_an_ended_session_leads_back_to_the_page_one_was_on():
    user = sign_in.person("Analyst")
    client = sign_in.signed_in(user)
    Session.objects.all().delete()
    page = "/admin/attribution/attributionrecord/?status__exact=calculated"
    asked = client.get(page, follow=True)
    assert asked.request["PATH_INFO"] == sign_in.LOGIN
    assert "Your session has ended" in asked.content.decode()
    _, answer = sign_in.by_password(user, client=client, next_page=asked.context["next"])
    assert answer["Location"] == page
    assert "Your session has ended" not in Client().get(sign_in.LOGIN).content.decode()


def test_the_cookie_is_for_the_server_alone_and_ends_with_the_browser():
    _client, answer = sign_in.by_password(sign_in.person("Analyst"))
    cookie = answer.cookies[site.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", "")


def test_ended_sessions_are_swept_up():
    for _ in range(2):
        sign_in.signed_in(sign_in.person("Analyst"))
    Session.objects.filter(pk=Session.objects.first().pk).update(expire_date=timezone.now() - MINUTE)
    drop_old_sign_ins()
    assert Session.objects.count() == 1
