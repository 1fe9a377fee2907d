"""`/api/schema` and `/api/docs`: for everybody, and from this server alone."""

import json
import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from attribution_site.api.schema.auto import AutoSchema, NotDocumented
from tests.test_permissions import routes


@pytest.fixture
def stranger():
    return Client()


def test_the_schema_is_openapi_3_1_for_everybody(stranger):
    response = stranger.get("/api/schema")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    told = response.json()
    assert told["openapi"] == "3.1.0"
    assert told["servers"] == [{"url": "/api/v1/attribution"}]


def test_the_schema_has_every_route(stranger):
    paths = stranger.get("/api/schema").json()["paths"]
    told = {(method.upper(), re.sub(r"{\w+}", "{}", path)[1:]) for path, methods in paths.items() for method in methods}
    assert told == set(routes())


def test_a_route_that_nobody_tells_of_stops_the_schema():
    schema = AutoSchema()
    schema.method, schema.path = "GET", "/api/v1/attribution/secrets"
    with pytest.raises(NotDocumented, match=r"GET secrets is in no app's OPERATIONS\."):
        schema.get_operation_id()


def test_operation_ids_are_verbs_and_there_is_one_of_each(stranger):
    operations = [each for methods in stranger.get("/api/schema").json()["paths"].values() for each in methods.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)] == []
    assert [each["operationId"] for each in operations if not each.get("summary") or len(each["tags"]) != 1] == []


def test_every_reference_in_the_schema_leads_somewhere(stranger):
    text = stranger.get("/api/schema").content.decode()
    components = json.loads(text)["components"]
    for kind, name in set(re.findall(r'"\$ref": "#/components/(\w+)/(\w+)"', text)):
        assert name in components[kind], f"{kind}/{name}"


def test_who_has_the_schema_is_told_that_it_did_not_change(stranger):
    first = stranger.get("/api/schema")
    again = stranger.get("/api/schema", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nobody_writes_the_schema(stranger):
    assert stranger.post("/api/schema").status_code == 405
    assert stranger.get("/api/schema/").json()["errors"][0]["code"] == "not_found"


def test_the_page_takes_nothing_from_elsewhere(stranger):
    response = stranger.get("/api/docs")
    assert response.status_code == 200
    page = response.content.decode()
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    files = re.findall(r"(?:src|href)=\"/static/([^\"]+)\"", page)
    assert len(files) == 4
    assert all(finders.find(file) for file in files)
