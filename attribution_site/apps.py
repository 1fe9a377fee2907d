from django.apps import AppConfig
from django.db.models.signals import post_migrate

# Imported for its effect: makes the Celery app the one that shared tasks bind to.
from attribution_site import celery  # noqa: F401


class AttributionSite(AppConfig):
    name = "attribution_site"
    verbose_name = "Attribution"

    def ready(self):
        from attribution_site import roles

        post_migrate.connect(roles.sync_roles, dispatch_uid="roles")
