from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class SigningIn(AppConfig):
    name = "attribution_site.signing_in"
    label = "signing_in"
    verbose_name = "Signing in"

    def ready(self):
        from attribution_site.signing_in import gate

        user_logged_in.connect(gate.begin, dispatch_uid="sessions begin")
