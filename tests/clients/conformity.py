"""Whether an answer is what the schema says, no more and no less."""

import copy

import jsonschema_rs


def assert_conforms(schema, operation, status, answer):
    """As schemathesis checks it, and beyond that: every field of the answer is in the schema."""
    told = operation["responses"][str(status)]
    if "content" not in told:
        assert answer is None
        return
    wanted = told["content"]["application/json"]["schema"]
    document = closed({**wanted, "components": schema["components"]})
    found = [
        f"{'/'.join(map(str, error.instance_path))}: {error.message}"
        for error in jsonschema_rs.Draft202012Validator(document, validate_formats=True).iter_errors(answer)
    ]
    assert not found, "\n".join(found)


def closed(document):
    """The schema with every object that names its fields closed against others."""
    document = copy.deepcopy(document)
    nodes = [document]
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes.extend(node)
        elif isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and "object" in node.get("type", []):
                node.setdefault("additionalProperties", False)
            nodes.extend(value for key, value in node.items() if key not in ("examples", "example"))
    return document
