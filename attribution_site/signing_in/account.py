"""What people do to their own sign-in: set up an app, renew recovery codes, end sessions."""

from functools import wraps

import segno
from django.contrib import admin, messages
from django.contrib.auth import authenticate, logout
from django.shortcuts import redirect
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from attribution_site.errors import DomainError
from attribution_site.signing_in import gate, operations
from attribution_site.signing_in.forms import CodeForm, ProofForm
from attribution_site.signing_in.models import Authenticator, Session
from attribution_site.signing_in.views import code_checked, finish, go, has_device, page

SEED = "seed_of_new_device"


def needs_proof(view):
    """For whoever has given the password, and the code if there is a device, within the last minutes."""

    @never_cache
    @wraps(view)
    def wrapper(request):
        user = request.password_user
        if not user.is_authenticated:
            return go(request, "admin:login")
        if gate.is_waiting(request) and has_device(user):
            return go(request, "sign-in-code")
        if not gate.has_proved(request):
            return _prove(request, user)
        return view(request)

    return wrapper


@sensitive_post_parameters("password", "code")
def _prove(request, user):
    """Asks for the password on the address itself of what was asked for, which comes next."""
    with_code = has_device(user)
    form = ProofForm(request.POST if "password" in request.POST else None, with_code=with_code)
    if form.is_valid() and _is_proof(request, user, form):
        gate.note_proof(request)
        return redirect(request.get_full_path())
    return page(request, "prove", form=form, with_code=with_code, title="Confirm that it is you")


def _is_proof(request, user, form):
    # Axes counts a wrong password here as it does at the door.
    if authenticate(request, username=user.get_username(), password=form.cleaned_data["password"]) != user:
        form.add_error("password", "This is not your password. Type it again.")
        return False
    return "code" not in form.fields or code_checked(request, user, form) is not None


@needs_proof
def set_up(request):
    user = request.password_user
    seed = request.session.setdefault(SEED, Authenticator.new_seed())
    form = CodeForm(request.POST if "code" in request.POST else None)
    if form.is_valid():
        try:
            device, codes = operations.set_up_device(
                user_id=user.pk, seed=seed, code=form.cleaned_data["code"], keep_session=request.session.session_key
            )
        except DomainError as error:
            form.add_error("code", str(error))
        else:
            del request.session[SEED]
            finish(request, user, device)
            return page(request, "codes", codes=codes, title="Recovery codes", is_new=True)
    return page(request, "set_up", form=form, title="Set up two-factor sign-in", **_shown(user, seed))


def _shown(user, seed):
    device = Authenticator(user=user, key=seed)
    secret = device.config_url.partition("secret=")[2].partition("&")[0]
    picture = segno.make(device.config_url, error="m").svg_inline(scale=4, border=4, light="#fff", dark="#000")
    return {
        "picture": mark_safe(picture),
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "forced": gate.must_have_device(user),
        "replaces": has_device(user),
    }


def _as_admin_page(view):
    return admin.site.admin_view(view)


@_as_admin_page
def overview(request):
    user = request.user
    device = Authenticator.objects.filter(user=user, confirmed=True).first()
    context = {
        "title": "Your sign-in",
        "device": device,
        "codes_left": operations.recovery_codes_left(user_id=user.pk),
        "forced": gate.must_have_device(user),
        "sessions": Session.objects.filter(user=user).count(),
    }
    return page(request, "overview", **context)


@_as_admin_page
@needs_proof
def renew_codes(request):
    if request.method != "POST":
        return page(request, "renew", title="New recovery codes")
    codes = operations.renew_recovery_codes(user_id=request.user.pk)
    return page(request, "codes", codes=codes, title="Recovery codes", is_new=False)


@_as_admin_page
@needs_proof
def turn_off(request):
    forced = gate.must_have_device(request.user)
    if request.method != "POST" or forced:
        return page(request, "turn_off", title="Turn two-factor sign-in off", forced=forced)
    user = request.user
    operations.remove_device(user_id=user.pk, by_id=user.pk, but=request.session.session_key)
    request.session[gate.HAS_DEVICE] = False
    messages.success(request, "Two-factor sign-in is off. Your other sessions have ended.")
    return redirect("sign-in")


@require_POST
@_as_admin_page
def sign_out_everywhere(request):
    operations.end_sessions(user_id=request.user.pk)
    logout(request)
    messages.success(request, "You are signed out everywhere.")
    return redirect("admin:login")
