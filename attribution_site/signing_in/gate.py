"""Who asks is nobody until a second factor that is owed was given.

All doors (the back office, the API, the metrics) look at `request.user`, so that each refuses by itself, those too that
are yet to be built. The pages that sign in look at `request.password_user`: who has given a password, at least.
"""

import time

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django_otp import DEVICE_ID_SESSION_KEY

from attribution_site import roles
from attribution_site.signing_in import lockout, sessions
from attribution_site.signing_in.models import Authenticator

HAS_DEVICE = "has_device"
# When a password, and the code of who has a device, was last given: what is asked again before a device is changed.
PROVED_AT = "proved_at"
PROVED_FOR = 300  # seconds


class SecondFactor:
    """Middleware behind django-otp's."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        user = request.password_user = request.user
        request.user = SimpleLazyObject(lambda: _let_through(request, user))
        return self.get_response(request)


def _let_through(request, user):
    if not user.is_authenticated or owes_code(request, user):
        return AnonymousUser()
    sessions.slide(request, user)
    return user


def owes_code(request, user):
    if user.is_verified():
        return False
    return request.session.get(HAS_DEVICE, False) or must_have_device(user)


def must_have_device(user):
    return settings.TWO_FACTOR and roles.moves_money(user)


def is_waiting(request):
    """Whether somebody has given a password and owes the rest."""
    user = getattr(request, "password_user", None)
    return user is not None and user.is_authenticated and not request.user.is_authenticated


def begin(sender, request, user, **_):
    """After each password: Django's `user_logged_in`."""
    session = request.session
    session.pop(DEVICE_ID_SESSION_KEY, None)
    session[sessions.SIGNED_IN_AT] = timezone.now().timestamp()
    session[sessions.IDLE] = sessions.idle_minutes(user)
    session[HAS_DEVICE] = Authenticator.objects.filter(user=user, confirmed=True).exists()
    if not session[HAS_DEVICE]:
        note_proof(request)
        if not must_have_device(user):
            lockout.forgive(request, user)


def note_proof(request):
    request.session[PROVED_AT] = time.time()


def has_proved(request):
    return time.time() - request.session.get(PROVED_AT, 0) < PROVED_FOR
