"""JSON as the contract has it: camelCase names, exact decimals, nothing that can be read in two ways."""

import functools
import json
import re
import secrets
from decimal import Decimal

from djangorestframework_camel_case.util import camelize
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer as PlainJSONRenderer
from rest_framework.utils.encoders import JSONEncoder

MAX_BODY_BYTES = 16 * 1024 * 1024
# Deeper than anything that the contract has, and far from where Python's own recursion ends.
MOST_DEPTH = 64
TOO_DEEP = f"The body is nested too deeply: {MOST_DEPTH} objects and lists within each other are allowed."
# Objects whose keys are the client's words, not ours: they go out as they came in.
FREE_FORM = ("click_ids", "config", "parameters", "detail", "content")
# A Decimal leaves the encoder as a string behind this mark, and then loses mark and quotes: the C encoder can
# write no other number exactly. Nobody outside the process knows the mark, so no client's text can carry it.
MARK = secrets.token_hex(16)
MARKED = re.compile(rf'"{MARK}(-?[0-9]+(?:\.[0-9]+)?)"')


class BodyTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"The body is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB."
    default_code = "too_large"


@functools.lru_cache(maxsize=1024)
def camel(name):
    """lead_id → leadId, by the very rule that the renderer writes names with."""
    return next(iter(camelize({name: None})))


def _without_duplicates(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"{json.dumps(twice)} is given twice in one object.")
    return values


def _not_a_number(literal):
    raise ParseError(f"{literal} is not JSON.")


def _is_deep(value):
    """Level by level, without recursion of its own."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return any(isinstance(each, dict | list) for each in level)


class StrictJSONParser(BaseParser):
    """Numbers with a point become Decimal and names stay as sent; the serializers know which names exist."""

    media_type = "application/json"

    def parse(self, stream, media_type=None, parser_context=None):
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            value = json.loads(
                body.decode("utf-8"),
                parse_float=Decimal,
                parse_constant=_not_a_number,
                object_pairs_hook=_without_duplicates,
            )
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8.") from None
        except RecursionError:
            raise ParseError(TOO_DEEP) from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from None
        if _is_deep(value):
            raise ParseError(TOO_DEEP)
        return value


class _Encoder(JSONEncoder):
    def default(self, obj):
        return f"{MARK}{obj:f}" if isinstance(obj, Decimal) else super().default(obj)


def camelized(data):
    """The answer with our names in camelCase. Each name is worked out once, not once a row."""
    if isinstance(data, dict):
        return {_outside(name): value if name in FREE_FORM else camelized(value) for name, value in data.items()}
    return [camelized(each) for each in data] if isinstance(data, list | tuple) else data


def _outside(name):
    return camel(name) if isinstance(name, str) else name


class JSONRenderer(PlainJSONRenderer):
    encoder_class = _Encoder
    # Half of a surrogate pair can come back in an error about itself. As ASCII it is a valid escape; as UTF-8
    # it would be a crash.
    ensure_ascii = True

    def render(self, data, accepted_media_type=None, renderer_context=None):
        body = super().render(camelized(data), accepted_media_type, renderer_context)
        return MARKED.sub(r"\1", body.decode()).encode()


class Negotiation(DefaultContentNegotiation):
    """JSON is all there is; most say so in one of two ways, or say nothing."""

    def select_renderer(self, request, renderers, format_suffix=None):
        if request.META.get("HTTP_ACCEPT", "*/*") in ("*/*", renderers[0].media_type):
            return renderers[0], renderers[0].media_type
        return super().select_renderer(request, renderers, format_suffix)
