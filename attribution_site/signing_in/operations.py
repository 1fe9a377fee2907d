"""What changes a person's second factor and sessions."""

import base64
import datetime as dt
import hmac
import math
import re
import secrets
import time

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from attribution_site.audit.context import because
from attribution_site.audit.tracking import tell
from attribution_site.errors import DomainError
from attribution_site.signing_in.models import Authenticator, Session

RECOVERY_CODES = 10
CODE = re.compile(r"[0-9]{6}")


class WrongCode(DomainError):
    pass


class TooManyCodes(DomainError):
    pass


class NoDevice(DomainError):
    pass


@transaction.atomic
def set_up_device(*, user_id: int, seed: str, code: str, keep_session: str) -> tuple[Authenticator, list[str]]:
    """The app that made this code from the seed is the person's device from now on, and the only one. With it come
    recovery codes, told this once; the person's other sessions end."""
    get_user_model().objects.select_for_update().get(pk=user_id)
    device = Authenticator(user_id=user_id, name="Authenticator app", key=seed)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time()
    if not (CODE.fullmatch(code) and totp.verify(int(code), device.tolerance)):
        raise WrongCode("This is not the code of the app at this moment. Take the one that it shows now.")
    # The same code does not sign in a moment later.
    device.last_t, device.drift = totp.t(), totp.drift
    with because(user=user_id):
        Authenticator.objects.filter(user_id=user_id).delete()
        device.save()
    codes = _new_codes(user_id)
    end_sessions(user_id=user_id, but=keep_session)
    return device, codes


def check_code(*, user_id: int, code: str) -> Authenticator:
    """The device of this person, if the code is right. A code is taken once, and after wrong ones there is a wait that
    doubles: both hold for all processes together, as the device's row is locked."""
    with transaction.atomic():
        device = _device_of(user_id)
        allowed, why = device.verify_is_allowed()
        right = allowed and (device.verify_token(code) if CODE.fullmatch(code) else _take_recovery_code(device, code))
    # Outside: an error inside would undo the counting.
    if not allowed:
        raise TooManyCodes(_wait(why["locked_until"]))
    if not right:
        raise WrongCode("This code is not right, or it was used already. Wait for the app's next one.")
    return device


def _wait(until: dt.datetime) -> str:
    seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))
    return f"After a wrong code there is a wait. Try again in {seconds} second{'' if seconds == 1 else 's'}."


@transaction.atomic
def renew_recovery_codes(*, user_id: int) -> list[str]:
    device = _device_of(user_id)
    with because(user=user_id):
        tell(device, "recovery_codes_renewed")
    return _new_codes(user_id)


@transaction.atomic
def remove_device(*, user_id: int, by_id: int, but: str | None = None) -> None:
    """Without it the next sign-in takes the password alone, or leads to setting up a new one. Sessions end."""
    with because(user=by_id):
        _device_of(user_id).delete()
    StaticDevice.objects.filter(user_id=user_id).delete()
    end_sessions(user_id=user_id, but=but)


def end_sessions(*, user_id: int, but: str | None = None) -> int:
    """All of this person's sessions, or all but the one of this key."""
    ended, _ = Session.objects.filter(user_id=user_id).exclude(pk=but).delete()
    return ended


def recovery_codes_left(*, user_id: int) -> int:
    left: int = StaticToken.objects.filter(device__user_id=user_id).count()
    return left


def _device_of(user_id: int) -> Authenticator:
    mine = Authenticator.objects.select_for_update().filter(user_id=user_id, confirmed=True)
    device: Authenticator | None = mine.first()
    if device is None:
        raise NoDevice("There is no second factor to sign in with.")
    return device


def _new_codes(user_id: int) -> list[str]:
    StaticDevice.objects.filter(user_id=user_id).delete()
    kept = StaticDevice.objects.create(user_id=user_id, name="Recovery codes")
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    digests = [_digest(settings.FIELD_ENCRYPTION_KEYS[0], user_id, code) for code in codes]
    StaticToken.objects.bulk_create(StaticToken(device=kept, token=digest) for digest in digests)
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


def _take_recovery_code(device: Authenticator, code: str) -> bool:
    """Once: the caller holds the lock of the device."""
    plain = re.sub(r"[\s-]", "", code).lower()
    digests = [_digest(key, device.user_id, plain) for key in settings.FIELD_ENCRYPTION_KEYS]
    taken, _ = StaticToken.objects.filter(device__user_id=device.user_id, token__in=digests).delete()
    if not taken:
        device.throttle_increment()
        return False
    device.throttle_reset()
    with because(user=device.user_id):
        tell(device, "recovery_code_used")
    return True


def _digest(server_key: str, user_id: int, code: str) -> str:
    """What is kept of a recovery code; the column takes 16 characters, which are 80 bits."""
    mac = hmac.digest(server_key.encode(), f"recovery:{user_id}:{code}".encode(), "sha256")
    return base64.b32encode(mac).decode()[:16].lower()
