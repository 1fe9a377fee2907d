"""What every operation shares: the one shape of refusals, its statuses, headers and the idempotency key."""

from http import HTTPStatus

from attribution_site.api.lengths import LENGTH_REQUIRED
from attribution_site.api.schema.shapes import COUNT, TEXT, each, ref, shape

SCHEMAS = {
    "Refusal": {
        "type": "object",
        "description": "Why a request was refused. The same shape for every status.",
        "properties": {
            "type": {"type": "string", "enum": ["validation_error", "client_error", "server_error"]},
            "errors": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/RefusalReason"}},
        },
        "required": ["type", "errors"],
    },
    "RefusalReason": {
        "type": "object",
        "properties": {
            "code": {"type": "string", "description": "For programs: does not change.", "examples": ["required"]},
            "detail": {"type": "string", "description": "For people.", "examples": ["This field is required."]},
            "attr": {
                "type": ["string", "null"],
                "description": "The field, in camelCase. null: the request as a whole.",
                "examples": ["leadId"],
            },
        },
        "required": ["code", "detail", "attr"],
    },
    "BulkAnswer": shape(
        "What became of each item of an array. Good ones are stored, whatever the others are.",
        accepted=COUNT,
        rejected=COUNT,
        duplicates=COUNT,
        items=each(ref("BulkItem")),
    ),
    "BulkItem": shape(
        "`id` of what is stored, or `errors`.",
        sometimes=("id", "errors"),
        index=COUNT | {"description": "Of the array that was sent, from 0."},
        id=TEXT,
        errors=each(ref("RefusalReason")),
    ),
}

_RETRY_AFTER = {
    "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
}

HEADERS = {
    "RetryAfter": {"description": "After so many seconds it is worth trying again.", "schema": {"type": "integer"}},
    "IdempotencyReplayed": {
        "description": "`true`: the first answer to this idempotency key, given again. Nothing was done.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}

PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Makes it safe to send a write again: the same key with the same request gets the first answer, "
        "and with another request a 422. Kept for 24 hours. Take a UUID.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$", "minLength": 1, "maxLength": 255},
    },
}


def _refusal(description, code, detail, *, attr=None, kind="client_error", headers=None):
    example = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": attr}]}
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}, "example": example}}
    return {"description": description, "content": content} | ({"headers": headers} if headers else {})


RESPONSES = {
    400: _refusal(
        "Bad input; `attr` names it.", "required", "This field is required.", attr="leadId", kind="validation_error"
    ),
    401: _refusal(
        "No key, or one that is not valid.",
        "authentication_failed",
        "There is no such key, or it has expired or was revoked.",
    ),
    403: _refusal(
        "The key or the person may not do this.",
        "permission_denied",
        "You do not have permission to perform this action.",
    ),
    404: _refusal("Not there, or not yours.", "not_found", "Not found."),
    406: _refusal(
        "What the Accept header asks for is not to be had.",
        "not_acceptable",
        "Could not satisfy the request Accept header.",
    ),
    409: _refusal("The state of things forbids it.", "conflict", "The state of the stored data forbids this."),
    411: _refusal("The body comes without its length.", "length_required", LENGTH_REQUIRED),
    413: _refusal("The body is too large.", "too_large", "The body is larger than 16 MiB."),
    415: _refusal("The body is not JSON.", "unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    422: _refusal(
        "The idempotency key was used for another request.",
        "key_reused",
        "This key was used for another request. Take a new one.",
        attr="Idempotency-Key",
    ),
    429: _refusal(
        "Too many requests.",
        "throttled",
        "Request was throttled. Expected available in 1 second.",
        headers=_RETRY_AFTER,
    ),
    503: _refusal(
        "More than can be taken now (`overloaded`: nothing was stored), or no database (`database_away`).",
        "overloaded",
        "More comes in than can be stored. Try again.",
        kind="server_error",
        headers=_RETRY_AFTER,
    ),
}


def response_name(status):
    return HTTPStatus(status).phrase.title().replace(" ", "").replace("-", "")


COMPONENTS = {
    "schemas": SCHEMAS,
    "headers": HEADERS,
    "parameters": PARAMETERS,
    "responses": {response_name(status): response for status, response in RESPONSES.items()},
}
