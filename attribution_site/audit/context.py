"""Who changes, from where and why: what the audit rows of a request, a task or a command have beside the change."""

import getpass
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pghistory
from celery.signals import task_postrun, task_prerun
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from pghistory import runtime
from pghistory.middleware import HistoryMiddleware

REQUEST_HEADER = "X-Request-Id"
FORWARDED_KEPT = 200  # characters


@contextmanager
def because(**told: Any) -> Iterator[None]:
    """What is changed inside is told to be so (`reason="…"`); what comes after it in the same request no more."""
    with pghistory.context() as current:
        before = dict(current.metadata)
        current.metadata.update(_known(told))
        try:
            yield
        finally:
            current.metadata.clear()
            current.metadata.update(before)


def as_text() -> str:
    """What the audit rows of a connection that is not Django's are told, as JSON; nothing outside of a context."""
    current = getattr(runtime._tracker, "value", None)
    return json.dumps(current.metadata, cls=DjangoJSONEncoder) if current else ""


def _as_they_are(execute: Any, statement: Any, parameters: Any, many: bool, about: Any) -> Any:
    """pghistory puts its parameters before every statement, also one without any, whose percent signs then count."""
    if parameters is None and isinstance(statement, str):
        statement, parameters = statement.replace("%", "%%"), ()
    return execute(statement, parameters, many, about)


@contextmanager
def _within(**told: Any) -> Iterator[None]:
    with connection.execute_wrapper(_as_they_are), pghistory.context(**told):
        yield


def _known(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


class Audited(HistoryMiddleware):
    """Names the request, which its answer names too, so that a person who has the answer finds the rows."""

    def __call__(self, request):
        request.audit_id = str(uuid.uuid4())
        with connection.execute_wrapper(_as_they_are):
            response = super().__call__(request)
        response[REQUEST_HEADER] = request.audit_id
        return response

    def get_context(self, request):
        told = {
            "user": super().get_context(request)["user"],
            "method": request.method,
            "path": request.path,
            "request": request.audit_id,
            "address": request.META.get("REMOTE_ADDR"),
            # What proxies say, and anybody can: an assertion, kept beside what we know.
            "forwarded": request.META.get("HTTP_X_FORWARDED_FOR", "")[:FORWARDED_KEPT] or None,
        }
        return _known(told)


@contextmanager
def command(arguments: list[str]) -> Iterator[None]:
    """Of `manage.py`: which command, as which user of the machine. Not its options, which may hold secrets."""
    name = arguments[1] if len(arguments) > 1 else "help"
    with _within(command=name, os_user=_os_user(), request=str(uuid.uuid4())):
        yield


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


_running: dict[str, ExitStack] = {}


@task_prerun.connect
def _enter(task_id: str, task: Any, **_: Any) -> None:
    _running[task_id] = ExitStack()
    _running[task_id].enter_context(_within(task=task.name, request=task_id))


@task_postrun.connect
def _leave(task_id: str, **_: Any) -> None:
    if opened := _running.pop(task_id, None):
        opened.close()
