"""From a view to its operation in the schema, by what the app tells of it (`operation.Operation`)."""

from http import HTTPStatus

from django.utils.module_loading import import_string
from drf_spectacular.openapi import AutoSchema as LibraryAutoSchema
from drf_spectacular.plumbing import ResolvedComponent, force_instance

from attribution_site.api.fields import StrictSerializer
from attribution_site.api.schema import examples, forms
from attribution_site.api.schema.components import response_name
from attribution_site.api.schema.configuration import BASE, TAG_OF
from attribution_site.api.schema.operation import ListOf, OneOf, Operation, PageOf
from attribution_site.api.schema.shapes import TEXT
from attribution_site.api.wire import camel

JSON = "application/json"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
OF_ALL = {400, 401, 403, 406, 429, 503}
# The state of things; the idempotency key.
OF_WRITES = {409, 422}
OF_BODIES = {411, 413, 415}


def table(name):
    """Found late: the apps' tables name views and serializers, and REST framework's views name this module."""
    return import_string(f"attribution_site.api.schema.table.{name}")


class NotDocumented(Exception):
    """A route that no app's `OPERATIONS` tells of."""


class AutoSchema(LibraryAutoSchema):
    @property
    def told(self) -> Operation:
        key = self.method, self.path.removeprefix(f"{BASE}/")
        operations = table("OPERATIONS")
        if key not in operations:
            raise NotDocumented(f"{' '.join(key)} is in no app's OPERATIONS.")
        return operations[key]

    def get_operation(self, path, path_regex, path_prefix, method, registry):
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation and method in WRITES:
            operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
        return operation

    def get_operation_id(self):
        return self.told.id

    def get_summary(self):
        return self.told.summary

    def get_description(self):  # type: ignore[override]
        return self.told.description

    def get_tags(self):
        first, second, *_ = [*self.path.removeprefix(f"{BASE}/").split("/"), ""]
        return [TAG_OF.get(f"{first}/{second}") or TAG_OF.get(first, first)]

    def get_override_parameters(self):
        return list(self.told.parameters)

    def _resolve_path_parameters(self, variables):
        """Where the route takes any text up to the next slash, it is the id of a partner or broker."""
        parameters = super()._resolve_path_parameters(variables)
        for parameter in parameters:
            if parameter["schema"].get("pattern") == "^[^/]+$":
                parameter["schema"]["pattern"] = r"^[^/\u0000-\u001f\u007f]{1,64}$"
        return parameters

    def get_response_serializers(self):
        return self.told.answers

    def _is_list_view(self, serializer=None):
        return any(isinstance(answer, PageOf) for answer in self.told.answers.values())

    def get_filter_backends(self):
        page = self.told.answers.get(200)
        return super().get_filter_backends() if isinstance(page, PageOf) and page.filtered else []

    def _schema_of(self, told, direction):
        match told:
            case OneOf(choices):
                return {"oneOf": [self._schema_of(each, direction) for each in choices]}
            case ListOf(of, most):
                return {"type": "array", "items": self._schema_of(of, direction)} | ({"maxItems": most} if most else {})
            case PageOf(of, name):
                return self._page(self._schema_of(of, direction), name or self._get_serializer_name(of(), direction))
            case dict():
                return told
        serializer = force_instance(told)
        serializer.partial = direction == "request" and self.method == "PATCH"
        return self.resolve_serializer(serializer, direction).ref

    def _page(self, of, name):
        schema = self._get_paginator().get_paginated_response_schema({"type": "array", "items": of})
        page = ResolvedComponent(f"{name}Page", ResolvedComponent.SCHEMA, schema, object=f"{name}Page")
        self.registry.register_on_missing(page)
        return page.ref

    def _get_request_body(self, direction="request"):
        if self.told.takes is None:
            return None
        own, schema = examples.requests(self.told.id), self._schema_of(self.told.takes, "request")
        content = {JSON: {"schema": schema} | ({"examples": own} if own else {})} | _forms(self.told.takes_also)
        return {"content": content, "required": self._needs_body()}

    def _needs_body(self):
        """No body is an empty object, which will do where nothing is required."""
        takes = self.told.takes
        fields = [] if isinstance(takes, tuple | dict) else force_instance(takes).fields.values()
        return isinstance(takes, tuple | dict) or any(self.method != "PATCH" and field.required for field in fields)

    def _get_response_for_code(self, serializer, status_code, media_types=None, direction="response"):
        response = {"description": HTTPStatus(int(status_code)).phrase}
        if serializer is not None:
            own = examples.answers(self.told.id, int(status_code))
            content = {JSON: {"schema": self._schema_of(serializer, "response")} | ({"examples": own} if own else {})}
            response["content"] = content | _forms(self.told.answers_also)
        headers = {name: {"description": text, "schema": TEXT} for name, text in self.told.headers.items()}
        if self.method in WRITES:
            headers["Idempotency-Replayed"] = {"$ref": "#/components/headers/IdempotencyReplayed"}
        return response | ({"headers": headers} if headers else {})

    def _get_response_bodies(self, direction="response"):
        statuses = OF_ALL | set(self.told.refusals)
        if "{" in self.path or any(parameter["name"] == "page" for parameter in self._get_pagination_parameters()):
            statuses.add(404)
        if self.method in WRITES:
            statuses |= OF_WRITES
        if self.told.takes is not None:
            statuses |= OF_BODIES
        refusals = {str(each): {"$ref": f"#/components/responses/{response_name(each)}"} for each in sorted(statuses)}
        return super()._get_response_bodies(direction) | refusals

    def get_serializer_name(self, serializer, direction):
        name = table("NAMES").get(type(serializer), type(serializer).__name__)
        # The library itself says of requests that they are some.
        return name.removesuffix("Serializer").removesuffix("Request")

    def _map_serializer_field(self, field, direction, bypass_extensions=False):
        told = self._told_of(field) if direction == "response" or field.read_only else None
        if told is None:
            return super()._map_serializer_field(field, direction, bypass_extensions)
        return told | ({"readOnly": True} if field.read_only else {})

    def _told_of(self, field):
        fields = (table("FIELDS").get(cls, {}).get(field.field_name) for cls in type(field.parent).__mro__)
        return next((told for told in fields if told is not None), None)

    def _map_basic_serializer(self, serializer, direction):
        """In camelCase. Answers have all their fields, and are told of without the bounds that requests have."""
        schema = super()._map_basic_serializer(serializer, direction)
        properties, required = schema.get("properties", {}), schema.pop("required", [])
        if direction == "response":
            schema["properties"] = {camel(name): forms.answered(each) for name, each in properties.items()}
            return schema | {"required": list(schema["properties"])}
        if isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        schema["properties"] = {camel(name): each for name, each in properties.items()}
        return schema | ({"required": [camel(name) for name in required]} if required else {})

    def _insert_field_validators(self, field, schema):
        super()._insert_field_validators(field, schema)
        forms.fitted(field, schema)


def _forms(told):
    return {media_type: {"schema": schema} for media_type, schema in told.items()}
