"""Every refusal in one shape: `type`, and `errors` of `code`, `detail`, `attr`."""

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    BadRequest,
    ObjectDoesNotExist,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DataError, IntegrityError, InternalError, OperationalError
from django.http import JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors import handler
from drf_standardized_errors.formatter import ExceptionFormatter as StandardFormatter
from drf_standardized_errors.types import Error
from rest_framework import exceptions, status
from rest_framework.settings import api_settings

from attribution_site.api.wire import BodyTooLarge, camel
from attribution_site.errors import DomainError

# Errors about a name that we do not know repeat it as it was sent.
UNKNOWN_NAME = "unknown_field"
WHOLE_BODY = {NON_FIELD_ERRORS, api_settings.NON_FIELD_ERRORS_KEY}


class Conflict(exceptions.APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "The state of the stored data forbids this."


class Unavailable(exceptions.APIException):
    """The database has no connection left for us, or ended ours, which may have been while it committed."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_away"
    default_detail = (
        "The database is away. Whether this was stored is not known: ask, or send its Idempotency-Key again."
    )
    wait = 1  # seconds, told as Retry-After


def unknown_field(name):
    return {name: [exceptions.ErrorDetail("There is no such field.", code=UNKNOWN_NAME)]}


def as_api_error(error):
    """The API's own exception for one that an operation, the ORM or the database raised; others unchanged."""
    match error:
        case DomainError():
            return Conflict(str(error), code=error.code)
        case ValidationError():
            return exceptions.ValidationError(_django_detail(error))
        case ObjectDoesNotExist():
            return exceptions.NotFound()
        case RequestDataTooBig():
            return BodyTooLarge()
        case SuspiciousOperation() | BadRequest():
            return exceptions.ParseError()
        case OperationalError():
            return Unavailable()
        case DataError() | IntegrityError() | InternalError():
            return _database_refusal(error)
        case _:
            return error


def _django_detail(error):
    by_field = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
    return {
        name: [
            exceptions.ErrorDetail(message, code=item.code or "invalid") for item in items for message in item.messages
        ]
        for name, items in by_field.items()
    }


def _database_refusal(error):
    """Our triggers refuse in sentences for users; whatever else reaches the database's own checks is a value
    that no field's check caught, or a race that a unique constraint settled."""
    diagnosis = getattr(error.__cause__, "diag", None)
    state = (diagnosis and diagnosis.sqlstate) or ""
    if diagnosis and state == "23514" and diagnosis.source_function == "exec_stmt_raise":
        return Conflict(f"{diagnosis.message_primary}.")
    if state == "P0001" or (state.startswith("23") and state != "23514"):
        return Conflict()
    if state == "23514" or isinstance(error, DataError):
        return exceptions.ValidationError("A value is outside of what can be stored.", code="out_of_range")
    return error


class ExceptionHandler(handler.ExceptionHandler):
    def convert_known_exceptions(self, exc):
        return as_api_error(super().convert_known_exceptions(exc))


class ExceptionFormatter(StandardFormatter):
    def get_errors(self):
        return [_named_for_clients(error) for error in super().get_errors()]


def _named_for_clients(error):
    if error.attr is None or error.code == UNKNOWN_NAME:
        return error
    if error.attr in WHOLE_BODY:
        return Error(error.code, error.detail, None)
    return Error(error.code, error.detail, ".".join(camel(part) for part in error.attr.split(".")))


def described(error):
    """The `errors` list for one item of many, as the whole answer would have had it."""
    error = as_api_error(error)
    # An item has no request of its own, and the formatter, typed for whole answers, reads nothing of it.
    formatted = ExceptionFormatter(error, {}, error)  # type: ignore[typeddict-item]
    return [{"code": e.code, "detail": e.detail, "attr": e.attr} for e in formatted.get_errors()]


# What Django answers by itself, before or outside of REST framework, for paths of the API and for others.


def answer_of(http_status, code, detail, *, attr=None):
    """A refusal in the one shape, for where REST framework is not."""
    kind = "server_error" if http_status >= 500 else "validation_error" if attr else "client_error"
    return JsonResponse({"type": kind, "errors": [{"code": code, "detail": detail, "attr": attr}]}, status=http_status)


def _answer(request, fallback, code, detail, http_status):
    if not f"{request.path}/".startswith("/api/"):
        return fallback()
    return answer_of(http_status, code, detail)


def bad_request(request, exception=None):
    def fallback():
        return defaults.bad_request(request, exception)

    return _answer(request, fallback, "bad_request", "The request cannot be read.", 400)


def permission_denied(request, exception=None):
    def fallback():
        return defaults.permission_denied(request, exception)

    return _answer(request, fallback, "permission_denied", "This is not allowed.", 403)


@csrf_exempt
def not_found(request, exception=None):
    def fallback():
        return defaults.page_not_found(request, exception)

    return _answer(request, fallback, "not_found", "Not found.", 404)


def server_error(request):
    def fallback():
        return defaults.server_error(request)

    return _answer(request, fallback, "error", "Server Error (500)", 500)
