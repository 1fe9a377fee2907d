"""Who moves money signs in by two factors, and is nobody before."""

import threading
import time

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django_otp.plugins.otp_static.models import StaticToken

from attribution_site import roles
from attribution_site.signing_in import operations
from attribution_site.signing_in.models import Authenticator, AuthenticatorEvent
from tests.site import signing_in as sign_in

pytestmark = pytest.mark.django_db
RECORDS = "/api/v1/attribution/attributions"


@pytest.fixture
def as_in_production(settings):
    settings.TWO_FACTOR = True


def test_what_moves_money_are_permissions_that_exist():
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}
    assert set(roles.MOVES_MONEY) <= known


@pytest.mark.parametrize(
    ("who", "is_led_to_set_up"),
    [({"role": "Finance"}, True), ({"is_superuser": True}, True), ({"role": "Analyst"}, False)],
)
def test_whoever_moves_money_sets_up_a_device_before_anything_else(as_in_production, who, is_led_to_set_up):
    client = sign_in.signed_in(sign_in.person(**who))
    answer = client.get("/admin/attribution/attributionrecord/", follow=True)
    assert (answer.request["PATH_INFO"] == sign_in.SET_UP) == is_led_to_set_up
    assert client.get(RECORDS).status_code == (403 if is_led_to_set_up else 200)


def test_one_right_is_enough_to_be_among_them(as_in_production):
    user = sign_in.person("Analyst")
    client = sign_in.signed_in(user)
    assert sign_in.is_in(client)
    user.user_permissions.add(Permission.objects.get(codename="change_attributionrecord"))
    assert not sign_in.is_in(client)


def test_in_development_nobody_is_forced():
    assert sign_in.is_in(sign_in.signed_in(sign_in.person("Finance")))


def test_setting_up_shows_recovery_codes_once_and_goes_on_to_where_one_was(as_in_production):
    user = sign_in.person("Finance")
    client, answer = sign_in.by_password(user, next_page="/admin/partners/partner/")
    page = client.get(answer["Location"], follow=True)
    assert page.request["PATH_INFO"] == sign_in.SET_UP
    assert "<svg" in page.content.decode()
    device = Authenticator(user=user, key=client.session["seed_of_new_device"])
    shown = client.post(sign_in.SET_UP, {"code": sign_in.code_of(device), "next": page.context["next"]})
    codes = shown.context["codes"]
    assert len(set(codes)) == 10
    assert shown.context["next"] == "/admin/partners/partner/"
    assert "no-store" in shown["Cache-Control"]
    assert sign_in.is_in(client)
    assert not {*codes, *(code.replace("-", "") for code in codes)} & set(
        StaticToken.objects.values_list("token", flat=True)
    )


def test_a_wrong_code_sets_up_nothing(as_in_production):
    user = sign_in.person("Finance")
    client = sign_in.signed_in(user)
    client.get(sign_in.SET_UP)
    device = Authenticator(user=user, key=client.session["seed_of_new_device"])
    answer = client.post(sign_in.SET_UP, {"code": sign_in.wrong_code_of(device)})
    assert "Take the one that it shows now" in answer.content.decode()
    assert not Authenticator.objects.exists()
    assert not sign_in.is_in(client)


def test_with_a_device_the_password_alone_opens_nothing():
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    client = sign_in.signed_in(user)
    assert client.get("/admin/", follow=True).request["PATH_INFO"] == sign_in.CODE
    assert client.get(sign_in.SET_UP, follow=True).request["PATH_INFO"] == sign_in.CODE
    assert client.get("/admin/sign-in/recovery-codes/", follow=True).request["PATH_INFO"] == sign_in.CODE
    refused = client.get(RECORDS)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "second_factor_needed")
    assert client.get("/metrics").status_code == 401

    answer = client.post(sign_in.CODE, {"code": sign_in.code_of(device), "next": "/admin/attribution/run/"})
    assert answer["Location"] == "/admin/attribution/run/"
    assert sign_in.is_in(client)
    assert client.get(RECORDS).status_code == 200


def test_it_leads_to_no_other_site():
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    client = sign_in.signed_in(user)
    answer = client.post(sign_in.CODE, {"code": sign_in.code_of(device), "next": "https://evil.example/"})
    assert answer["Location"] == "/admin/"


def test_a_code_is_taken_once():
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    code = sign_in.code_of(device)
    first, second = sign_in.signed_in(user), sign_in.signed_in(user)
    first.post(sign_in.CODE, {"code": code})
    assert sign_in.is_in(first)
    second.post(sign_in.CODE, {"code": code})
    assert not sign_in.is_in(second)


def test_the_code_of_setting_up_does_not_sign_in():
    user = sign_in.person("Analyst")
    seed = Authenticator.new_seed()
    code = sign_in.code_of(Authenticator(user=user, key=seed))
    operations.set_up_device(user_id=user.pk, seed=seed, code=code, keep_session=None)
    with pytest.raises(operations.WrongCode):
        operations.check_code(user_id=user.pk, code=code)


def test_after_a_wrong_code_the_right_one_has_to_wait():
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    client = sign_in.signed_in(user)
    client.post(sign_in.CODE, {"code": sign_in.wrong_code_of(device)})
    answer = client.post(sign_in.CODE, {"code": sign_in.code_of(device)})
    assert "Try again in 1 second." in answer.content.decode()
    assert not sign_in.is_in(client)


def test_a_recovery_code_signs_in_once_and_tells_how_many_are_left():
    user = sign_in.person("Analyst")
    _, [code, *_] = sign_in.give_device(user)
    first, second = sign_in.signed_in(user), sign_in.signed_in(user)
    answer = first.post(f"{sign_in.CODE}?recovery", {"code": code.upper()}, follow=True)
    assert "9 are left" in answer.content.decode()
    second.post(f"{sign_in.CODE}?recovery", {"code": code})
    assert sign_in.is_in(first)
    assert not sign_in.is_in(second)
    assert list(AuthenticatorEvent.objects.values_list("pgh_label", flat=True)) == ["insert", "recovery_code_used"]


def waiting_for_locks():
    with connection.cursor() as cursor:
        # What a transaction has once read of others' activity it would read again.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["code of the app", "recovery code"])
def test_of_two_who_use_one_code_at_once_one_is_refused(kind):
    user = sign_in.person("Analyst")
    device, [recovery, *_] = sign_in.give_device(user)
    code = recovery if kind == "recovery code" else sign_in.code_of(device)
    refused = []

    def use():
        try:
            operations.check_code(user_id=user.pk, code=code)
        except (operations.WrongCode, operations.TooManyCodes) as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=use) for _ in range(2)]
    with transaction.atomic():
        # Both have come as far as they get before either may write.
        Authenticator.objects.select_for_update().get()
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 20
        while waiting_for_locks() < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert len(refused) == 1


def test_the_database_alone_makes_no_codes(settings):
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    assert device.bin_key.hex() not in device.key
    settings.FIELD_ENCRYPTION_KEYS = ["another key " * 4, *settings.FIELD_ENCRYPTION_KEYS]
    operations.check_code(user_id=user.pk, code=sign_in.code_of(device))
    settings.FIELD_ENCRYPTION_KEYS = ["another key " * 4]
    assert Authenticator.new_seed()[:8] != device.key[:8]
    with pytest.raises(LookupError):
        operations.check_code(user_id=user.pk, code=sign_in.code_of(device, sign_in.LATER))


def later(client, key, seconds):
    session = client.session
    session[key] -= seconds
    session.save()


def test_a_device_is_not_changed_without_password_and_code_again():
    user = sign_in.person("Analyst")
    device, [recovery, *_] = sign_in.give_device(user)
    client = sign_in.signed_in(user)
    client.post(sign_in.CODE, {"code": sign_in.code_of(device)})
    assert "<svg" in client.get(sign_in.SET_UP).content.decode()
    later(client, "proved_at", 301)
    for path in (sign_in.SET_UP, "/admin/sign-in/recovery-codes/", "/admin/sign-in/turn-off/"):
        assert "Confirm that it is you" in client.get(path).content.decode()
        assert "Confirm that it is you" in client.post(path, {"code": "123456"}).content.decode()
    client.post(sign_in.SET_UP, {"password": sign_in.PASSWORD, "code": "000000"})
    assert "<svg" not in client.get(sign_in.SET_UP).content.decode()
    Authenticator.objects.update(throttling_failure_timestamp=None)
    client.post(sign_in.SET_UP, {"password": "not this one", "code": recovery})
    assert "<svg" not in client.get(sign_in.SET_UP).content.decode()
    client.post(sign_in.SET_UP, {"password": sign_in.PASSWORD, "code": recovery})
    assert "<svg" in client.get(sign_in.SET_UP).content.decode()


def test_another_app_takes_the_place_of_the_first_and_ends_other_sessions():
    user = sign_in.person("Analyst")
    old, _ = sign_in.give_device(user)
    here, there = sign_in.signed_in(user), sign_in.signed_in(user)
    here.post(sign_in.CODE, {"code": sign_in.code_of(old)})
    there.post(sign_in.CODE, {"code": sign_in.code_of(old, sign_in.LATER)})
    assert sign_in.is_in(there)
    here.get(sign_in.SET_UP)
    new = Authenticator(user=user, key=here.session["seed_of_new_device"])
    here.post(sign_in.SET_UP, {"code": sign_in.code_of(new)})
    assert [device.key for device in Authenticator.objects.all()] == [new.key]
    assert sign_in.is_in(here)
    assert not sign_in.is_in(there)


def test_an_administrator_takes_a_lost_device_away_and_never_reads_its_secret(admin_client):
    user = sign_in.person("Analyst")
    device, _codes = sign_in.give_device(user)
    page = f"/admin/auth/user/{user.pk}/change/"
    shown = admin_client.get(page).content.decode()
    assert "Remove the second factor" in shown
    assert device.key not in shown
    asked = admin_client.get(f"/admin/auth/user/{user.pk}/second-factor/")
    assert "Make sure that it is really them" in asked.content.decode()
    assert Authenticator.objects.exists()
    admin_client.post(f"/admin/auth/user/{user.pk}/second-factor/")
    assert not Authenticator.objects.exists()
    assert not StaticToken.objects.exists()
    assert sign_in.is_in(sign_in.signed_in(user))
    last = AuthenticatorEvent.objects.latest("pgh_id")
    assert (last.pgh_label, last.user_id) == ("delete", user.pk)
    assert last.pgh_context["user"] != user.pk
    assert not {field.name for field in AuthenticatorEvent._meta.fields} & {"key", "token"}


@pytest.mark.parametrize("table", ["otp_totp/totpdevice", "otp_static/staticdevice"])
def test_no_page_lists_secrets(admin_client, table):
    assert admin_client.get(f"/admin/{table}/").status_code == 404


def test_nobody_but_administrators_takes_devices_away():
    user = sign_in.person("Analyst")
    sign_in.give_device(user)
    other = sign_in.person("Analyst")
    other.user_permissions.add(*Permission.objects.filter(content_type__app_label="auth"))
    client = sign_in.signed_in(other)
    assert client.post(f"/admin/auth/user/{user.pk}/second-factor/").status_code == 403


def test_who_does_not_move_money_turns_it_off_and_others_cannot(settings):
    user = sign_in.person("Analyst")
    device, _ = sign_in.give_device(user)
    client = sign_in.signed_in(user)
    client.post(sign_in.CODE, {"code": sign_in.code_of(device)})
    settings.TWO_FACTOR = True
    user.is_superuser = True
    user.save(update_fields=["is_superuser"])
    client.post("/admin/sign-in/turn-off/")
    assert Authenticator.objects.exists()
    settings.TWO_FACTOR = False
    client.post("/admin/sign-in/turn-off/")
    assert not Authenticator.objects.exists()
    assert sign_in.is_in(client)
