"""What our own fields, filters and pages take and answer, in the schema's words."""

from decimal import Decimal

from django_filters import CharFilter, NumberFilter, OrderingFilter
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.contrib.django_filters import DjangoFilterExtension
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from rest_framework import serializers

from attribution_site.api.fields import Text
from attribution_site.api.lists import BoundaryFilter, YesNoFilter
from attribution_site.api.wire import camel

NO_NUL = r"^[^\u0000]*$"
# Not blank, not even when trimmed.
SAYS_SOMETHING = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
BOUNDARY = {
    "type": "string",
    "anyOf": [{"format": "date"}, {"format": "date-time"}],
    "examples": ["2026-01-31", "2026-01-31T09:30:00Z"],
}
# What the library adds for texts that may be blank.
BLANK = {"type": "string", "maxLength": 0}
STARTS = "Of times from here on. A date is its first moment in UTC."
ENDS = "Of times before this one. A date is in, to its last moment in UTC."


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "attribution_site.api.access.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema):
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "A program's key, as `Api-Key atk_…`: the word, a space, the key.",
        }


class PersonScheme(SessionScheme):
    target_class = "attribution_site.api.access.SessionAuthentication"
    name = "session"
    priority = 1


class BoundaryForm(OpenApiSerializerFieldExtension):
    target_class = "attribution_site.api.fields.PeriodBoundary"

    def map_serializer_field(self, auto_schema, direction):
        return dict(BOUNDARY)


class ClickIdsForm(OpenApiSerializerFieldExtension):
    target_class = "touchpoints.api.ClickIdsField"

    def map_serializer_field(self, auto_schema, direction):
        return {
            "type": "object",
            "maxProperties": 20,
            "propertyNames": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": NO_NUL},
            "additionalProperties": {"type": "string", "maxLength": 512, "pattern": NO_NUL},
            "examples": [{"gclid": "Cj0KCQ"}],
        }


def fitted(field, schema):
    """The bounds that a field of ours has beside those that the library finds."""
    if isinstance(field, serializers.DecimalField):
        schema.pop("format", None)
        schema["multipleOf"] = float(Decimal(1).scaleb(-(field.decimal_places or 0)))
    elif isinstance(field, serializers.ListField) and not field.allow_empty:
        schema["minItems"] = 1
    elif isinstance(field, Text):
        _fit_text(field, schema)


def _fit_text(field, schema):
    if "oneOf" in schema:
        schema |= schema.pop("oneOf")[0]
    schema.setdefault("pattern", NO_NUL)
    if field.allow_null or field.allow_blank:
        schema.pop("minLength", None)
        schema["pattern"] = schema["pattern"].replace("{1,", "{0,")


# What is said of requests only.
BOUNDS = ("pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "readOnly")


def answered(schema):
    """What is answered, without the bounds of what is taken: they are no promise about rows of long ago."""
    if schema.get("oneOf", [{}])[-1] == BLANK:
        schema |= schema.pop("oneOf")[0]
    if len(schema.get("allOf", [])) == 1:
        schema |= schema.pop("allOf")[0]
    return {name: told for name, told in schema.items() if name not in BOUNDS}


class StrictFilters(DjangoFilterExtension):
    target_class = "attribution_site.api.lists.StrictFilterBackend"
    priority = 1

    def resolve_filter_field(self, auto_schema, model, filterset_class, field_name, filter_field):
        own = _of_filter(filter_field)
        if own is not None:
            parameter = {"in": "query", "name": field_name, "schema": own}
            if filter_field.extra.get("help_text"):
                parameter["description"] = filter_field.extra["help_text"]
            parameters = [parameter]
        else:
            parameters = super().resolve_filter_field(auto_schema, model, filterset_class, field_name, filter_field)
        return [parameter | {"name": camel(parameter["name"])} for parameter in parameters]


def _of_filter(each):
    match each:
        case BoundaryFilter():
            return BOUNDARY | {"description": ENDS if each.lookup_expr == "lt" else STARTS}
        case YesNoFilter():
            return {"type": "boolean"}
        case OrderingFilter():
            names = [name for name, _label in each.extra["choices"]]
            return {"type": "string", "enum": names}
        case NumberFilter():
            return {"type": "number"}
        case CharFilter():
            return {"type": "string", "minLength": 1, "pattern": SAYS_SOMETHING}
    return None
