"""Sessions that know whose they are, and the apps that make codes."""

import hashlib
import hmac
import secrets
from functools import cached_property

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django_otp.plugins.otp_totp.models import TOTPDevice

from attribution_site.audit.tracking import audited


class Session(AbstractBaseSession):
    """The row is the session: it ends everywhere when the row goes, by whoever's hand. Triggers of the database delete
    a user's rows with a new password, deactivation and each right that is taken away."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True)

    @classmethod
    def get_session_store_class(cls):
        from attribution_site.signing_in.sessions import SessionStore

        return SessionStore


def name_of(server_key):
    return hashlib.sha256(b"name:" + server_key.encode()).hexdigest()[:8]


@audited(fields=["id", "user", "name"], told=["recovery_code_used", "recovery_codes_renewed"])
class Authenticator(TOTPDevice):
    """An app that makes codes of six digits.

    What is stored is not the secret of the codes but a seed: the secret is derived from it with one of
    FIELD_ENCRYPTION_KEYS, whose name stands before the seed. The database alone makes no codes.
    """

    class Meta:
        proxy = True
        default_permissions = ()

    @staticmethod
    def new_seed():
        return name_of(settings.FIELD_ENCRYPTION_KEYS[0]) + secrets.token_hex(20)

    @cached_property
    def bin_key(self):
        name, seed = self.key[:8], self.key[8:]
        server_key = next((key for key in settings.FIELD_ENCRYPTION_KEYS if name_of(key) == name), None)
        if server_key is None:
            raise LookupError("The key that this device was set up under is no longer among FIELD_ENCRYPTION_KEYS.")
        return hmac.digest(server_key.encode(), b"authenticator:" + bytes.fromhex(seed), "sha1")
