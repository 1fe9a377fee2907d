"""Words for the shapes of answers that no serializer makes: `SHAPES` of the apps, by the name of their component."""

import dataclasses
import datetime as dt
import types
import typing
from decimal import Decimal
from uuid import UUID

from attribution_site.api.wire import camel

TEXT = {"type": "string"}
MOMENT = {"type": "string", "format": "date-time"}
DAY = {"type": "string", "format": "date"}
ID = {"type": "string", "format": "uuid"}
YES_NO = {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
MONEY = {"type": "number", "multipleOf": 0.01}
ANYTHING: dict = {}
FREE = {"type": "object", "additionalProperties": True}

OF_TYPES = {str: TEXT, bool: YES_NO, int: WHOLE, float: NUMBER, Decimal: NUMBER, UUID: ID, dt.datetime: MOMENT}


def ref(name):
    return {"$ref": f"#/components/schemas/{name}"}


def each(of, most=None):
    return {"type": "array", "items": of} | ({} if most is None else {"maxItems": most})


def or_null(of):
    if isinstance(of.get("type"), str) and "enum" not in of:
        return of | {"type": [of["type"], "null"]}
    return {"oneOf": [of, {"type": "null"}]}


def one_of(*values):
    return {"type": "string", "enum": list(values)}


def shape(_told="", /, *, sometimes=(), **fields):
    """An object with these fields, all of them always there but for `sometimes`."""
    required = [camel(name) for name in fields if name not in sometimes]
    properties = {camel(name): of for name, of in fields.items()}
    told = {"description": _told} if _told else {}
    return {"type": "object", **told, "properties": properties, "required": required}


def of_dataclass(cls, **others):
    """The shape of what a dataclass holds; `others` has the fields that its annotations tell too little of, or none."""
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    return shape(**{name: _of_type(hints[name]) for name in names if name not in others} | others)


def _of_type(hint):
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        [some] = [one for one in typing.get_args(hint) if one is not type(None)]
        return or_null(_of_type(some))
    if typing.get_origin(hint) is list:
        return each(_of_type(typing.get_args(hint)[0]))
    return OF_TYPES[hint]
