"""What is done to the schema when it is whole."""

import re

from django.utils.module_loading import import_string

from attribution_site.api.schema import examples
from attribution_site.api.schema.components import COMPONENTS
from attribution_site.api.wire import camel

TABLE = "attribution_site.api.schema.table"


def add_components(result, generator, request, public):
    """What all operations share, and the answers that no serializer makes."""
    components = result["components"]
    for kind, told in COMPONENTS.items():
        components[kind] = components.get(kind, {}) | told
    components["schemas"] |= import_string(f"{TABLE}.SHAPES")
    return result


def name_enums(result, generator, request, public):
    """Sets of values that have a name get it everywhere: one type in every client, in bodies and in queries."""
    enums = import_string(f"{TABLE}.ENUMS")
    names = {frozenset(values): name for name, values in enums.items()}
    result = _renamed(result, names)
    schemas = result["components"]["schemas"]
    for name, values in enums.items():
        schemas[name] = {"type": "string", "enum": list(values)}
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def _renamed(node, names):
    if isinstance(node, list):
        return [_renamed(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("enum"), list):
        return _as_reference(node, names)
    return {key: _renamed(value, names) for key, value in node.items() if key != "x-spec-enum-id"}


def _as_reference(node, names):
    """The schema of an enumeration, by its name if it has one. An empty text among the values is one of none."""
    values = [value for value in node["enum"] if value is not None]
    rest = {key: value for key, value in node.items() if key not in ("type", "enum", "x-spec-enum-id")}
    nullable = None in node["enum"] or "null" in node.get("type", [])
    name = names.get(frozenset(values) - {""})
    if name is None:
        own = {"type": ["string", "null"] if nullable else node.get("type", "string")}
        return rest | own | {"enum": values + [None] * nullable}
    choices = [{"$ref": f"#/components/schemas/{name}"}]
    choices += [{"type": "string", "const": ""}] if "" in values else []
    choices += [{"type": "null"}] if nullable else []
    if len(choices) > 1:
        return rest | {"oneOf": choices}
    # An annotation may stand beside a reference in 3.1, but many a client's generator loses the one or the other.
    return rest | choices[0]


def name_path_parameters(result, generator, request, public):
    """{lead_id} → {leadId}, as all names that clients write, with the values that the examples have."""
    paths = {}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter.get("in") == "path":
                    parameter["name"] = camel(parameter["name"])
                    parameter["examples"] = examples.values_in_path(operation["operationId"], parameter["name"])
        paths[re.sub(r"{(\w+)}", lambda found: f"{{{camel(found[1])}}}", path)] = operations
    result["paths"] = paths
    return result
