"""Who is asking, and whether they may. What they may see of a table is its queryset's `visible_to`."""

import time

import pghistory
from rest_framework import authentication, permissions
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled

from attribution_site.api import keys
from attribution_site.api.throttles import Rate, leases
from attribution_site.signing_in import gate
from attribution_site.signing_in.addresses import address_of

# From one address; good keys from there are not held up.
BAD_KEYS = Rate(300, 60)


def person_of(user):
    """The person among the two kinds of askers; a program's key is none."""
    return None if isinstance(user, keys.KeyHolder) else user


class KeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request):
        if not request.META.get("HTTP_AUTHORIZATION"):
            return None
        if keys.key_in(request) is None:
            raise AuthenticationFailed(f"Authorize by a header `Authorization: {keys.SCHEME} <key>`.")
        holder = keys.holder_asking(request)
        if holder is None:
            self._count_bad_key(address_of(request))
            raise AuthenticationFailed("There is no such key, or it has expired or was revoked.")
        # What a write leaves in the audit log then says which key it was.
        pghistory.context(key=str(holder.key_id))
        return holder, holder.key_id

    def _count_bad_key(self, address):
        if not leases.take(f"bad key:{address}", BAD_KEYS, time.time()):
            raise Throttled(BAD_KEYS.seconds, "Too many wrong keys.")

    def authenticate_header(self, request):
        return keys.SCHEME


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate(self, request):
        if gate.is_waiting(request._request):
            told = "Finish signing in first: open the back office and give the code of your app, or set one up."
            raise PermissionDenied(told, code="second_factor_needed")
        return super().authenticate(request)

    def authenticate_header(self, request):
        # Without a header to answer with, REST framework turns "who are you?" (401) into "no" (403).
        return "Session"


class ModelPermissions(permissions.DjangoModelPermissions):
    """Django's model permissions, reading included. An action that is no plain reading or writing of the
    view's own table names what it needs in the view's `permissions_by_action`."""

    perms_map = permissions.DjangoModelPermissions.perms_map | {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }

    def has_permission(self, request, view):
        if view.action is None:
            # A method that the path does not have: nobody's permission would change that answer, a 405.
            return bool(request.user and request.user.is_authenticated)
        needed = getattr(view, "permissions_by_action", {}).get(view.action)
        if needed is None:
            return super().has_permission(request, view)
        return bool(request.user and request.user.is_authenticated and request.user.has_perms(needed))

    def _queryset(self, view):
        return view.queryset if view.queryset is not None else super()._queryset(view)
