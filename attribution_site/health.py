"""`/healthz`: this process is alive. `/readyz`: what it needs is there too."""

import logging

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from attribution_site.celery import app

logger = logging.getLogger(__name__)
PATIENCE = 0.5  # seconds that a worker has to say that it is there


@never_cache
@require_safe
def healthz(request):
    return HttpResponse("ok", content_type="text/plain")


@never_cache
@require_safe
def readyz(request):
    """Each part with "ok" or what is wrong with it; 503 where one is not there."""
    parts = {name: _tried(check) for name, check in CHECKS.items()}
    return JsonResponse(parts, status=200 if set(parts.values()) == {"ok"} else 503)


def _tried(check):
    try:
        return check() or "ok"
    except Exception as error:  # whatever is wrong with it, the others are still told
        logger.warning("Not ready: %s", error)
        return f"down ({type(error).__name__})"


def _database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _broker():
    with app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)


def _worker():
    return None if app.control.ping(timeout=PATIENCE, limit=1) else "no worker answers"


def _migrations():
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return f"{missing} to apply" if missing else None


CHECKS = {"database": _database, "broker": _broker, "worker": _worker, "migrations": _migrations}
