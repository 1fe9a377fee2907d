"""The pages of signing in, up to the moment when the request is somebody's."""

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_otp import login as remember_device

from attribution_site.errors import DomainError
from attribution_site.signing_in import gate, lockout, operations
from attribution_site.signing_in.forms import CodeForm
from attribution_site.signing_in.models import Authenticator


def page(request, name, **context):
    context = {**admin.site.each_context(request), "next": target(request), **context}
    return TemplateResponse(request, f"admin/signing_in/{name}.html", context)


def target(request):
    """Where to go afterwards: where one was, if that is one of our own pages."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else reverse("admin:index")


def go(request, name):
    return redirect(f"{reverse(name)}?{urlencode({'next': target(request)})}")


def has_device(user):
    return Authenticator.objects.filter(user_id=user.pk, confirmed=True).exists()


@sensitive_post_parameters("password")
def login(request):
    """The admin's own, for whoever has not given a password yet."""
    if request.method == "GET" and gate.is_waiting(request):
        return go(request, "sign-in-code" if has_device(request.password_user) else "sign-in-set-up")
    ended = settings.SESSION_COOKIE_NAME in request.COOKIES and not request.password_user.is_authenticated
    return admin.site.login(request, {"session_has_ended": ended and request.method == "GET"})


@never_cache
@sensitive_post_parameters("code")
def code(request):
    user = request.password_user
    if not gate.is_waiting(request):
        return redirect(target(request)) if user.is_authenticated else go(request, "admin:login")
    if not has_device(user):
        return go(request, "sign-in-set-up")
    recovery = "recovery" in request.GET
    form = CodeForm(request.POST or None, recovery=recovery)
    if form.is_valid():
        if lockout.is_locked(request, user):
            return HttpResponse(status=429)
        if device := code_checked(request, user, form):
            finish(request, user, device)
            if recovery:
                tell_codes_left(request, user)
            return redirect(target(request))
    return page(request, "code", form=form, recovery=recovery, who=user.get_username(), title="Second factor")


def code_checked(request, user, form):
    """The device whose code this is; else the form says what to do, and guesses are counted."""
    try:
        return operations.check_code(user_id=user.pk, code=form.cleaned_data["code"])
    except operations.WrongCode as error:
        lockout.count_wrong_code(request, user)
        form.add_error("code", str(error))
    except DomainError as error:
        form.add_error("code", str(error))
    return None


def finish(request, user, device):
    """From here on the session is this person's, whole."""
    request.session.cycle_key()
    request.user = user
    remember_device(request, device)
    request.session[gate.HAS_DEVICE] = True
    gate.note_proof(request)
    lockout.note_code(request, user)


def tell_codes_left(request, user):
    left = operations.recovery_codes_left(user_id=user.pk)
    told = (
        f"That recovery code is used up; {left} are left. If your phone is lost, set up another app under your sign-in."
    )
    messages.warning(request, told)


@require_POST
def cancel(request):
    """Signing in as somebody else, from half the way."""
    logout(request)
    return redirect("admin:login")
