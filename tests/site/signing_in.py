"""Signing in as a person does it: the form, the app that makes codes."""

import time

from django.test import Client
from django_otp.oath import TOTP

from attribution_site.signing_in import operations
from attribution_site.signing_in.models import Authenticator
from tests.factories import UserFactory

PASSWORD = "four words make sense"
LOGIN = "/admin/login/"
CODE = "/admin/sign-in/code/"
SET_UP = "/admin/sign-in/set-up/"
# Steps of 30 seconds from now: each right code of a test is of its own step, as each is taken once.
EARLIER, NOW, LATER = -1, 0, 1


def person(role=None, password=PASSWORD, **fields):
    user = UserFactory(role=role, **fields)
    user.set_password(password)
    user.save(update_fields=["password"])
    return user


def code_of(device, step=NOW):
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + step * device.step
    return f"{totp.token():06}"


def wrong_code_of(device):
    right = {code_of(device, step) for step in range(-2, 4)}
    return next(code for code in map("{:06}".format, range(10)) if code not in right)


def give_device(user):
    """The device and the recovery codes of somebody who set it up a step ago."""
    seed = Authenticator.new_seed()
    code = code_of(Authenticator(user=user, key=seed), EARLIER)
    return operations.set_up_device(user_id=user.pk, seed=seed, code=code, keep_session=None)


def by_password(user, *, password=PASSWORD, client=None, next_page="/admin/", **meta):
    client = client or Client()
    data = {"username": user if isinstance(user, str) else user.username, "password": password, "next": next_page}
    return client, client.post(LOGIN, data, **meta)


def signed_in(user):
    client, answer = by_password(user)
    assert answer.status_code == 302
    return client


def is_in(client):
    return client.get("/admin/").status_code == 200
