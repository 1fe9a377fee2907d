"""Each operation has an example in the schema, and each example is sent here, as it is told.

`RECORD_EXAMPLES=1` writes down the answers that the tests get; see `attribution_site/api/schema/examples.py`.
"""

import json
import os

import pytest
from rest_framework.test import APIClient

from attribution_site.api.schema import examples
from attribution_site.api.schema.configuration import BASE
from tests.clients.conformity import assert_conforms
from tests.clients.world import make_world
from tests.factories import UserFactory

TOLD = [(operation, what) for operation, told in examples.of_operations().items() for what in told]


def operations_of(schema):
    return {
        told["operationId"]: (path, method.upper(), told)
        for path, methods in schema["paths"].items()
        for method, told in methods.items()
    }


def test_every_operation_has_an_example(schema):
    assert set(operations_of(schema)) == set(examples.of_operations())


def test_the_schema_shows_the_examples(schema):
    lacking = []
    for name, (_path, _method, told) in operations_of(schema).items():
        for what, example in examples.of_operations()[name].items():
            answers = told["responses"][str(example["status"])].get("content", {})
            if example["answer"] is not None and what not in answers["application/json"]["examples"]:
                lacking.append(f"{name}: the answer of {what}")
            body = example["request"].get("body")
            if body is not None and what not in told["requestBody"]["content"]["application/json"]["examples"]:
                lacking.append(f"{name}: the body of {what}")
    assert lacking == []


@pytest.fixture
def client(db):
    admin = UserFactory(username="admin", is_superuser=True)
    make_world(person=admin)
    client = APIClient()
    client.force_login(admin)
    return client


@pytest.mark.parametrize(("operation", "what"), TOLD, ids=["-".join(each) for each in TOLD])
def test_an_example_is_answered_as_it_tells(client, schema, operation, what):
    example = examples.of_operations()[operation][what]
    request = example["request"]
    path, method, told = operations_of(schema)[operation]
    url = f"{BASE}{path.format(**request.get('path', {}))}"
    response = client.generic(
        method,
        url,
        json.dumps(request["body"]) if "body" in request else "",
        content_type="application/json",
        QUERY_STRING="&".join(f"{name}={value}" for name, value in request.get("query", {}).items()),
    )
    answer = response.json() if response.content else None
    if os.environ.get("RECORD_EXAMPLES"):
        record(operation, what, {"request": request, "status": response.status_code, "answer": answer})
    assert response.status_code == example.get("status", response.status_code), answer
    assert 200 <= response.status_code < 300, answer
    assert_conforms(schema, told, response.status_code, answer)
    if answer is not None:
        assert_conforms(schema, told, response.status_code, example.get("answer", answer))


def record(operation, what, example):
    name = operation if what == "example" else f"{operation}-{what}"
    text = json.dumps(example, indent=2, ensure_ascii=False) + "\n"
    (examples.FOLDER / f"{name}.json").write_text(text)
