"""What the tests by schemathesis have in common: who asks, and how one request is asked and looked at."""

import functools
import json
import os

import jsonschema_rs
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, settings, strategies
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from attribution_site.api.schema import pages
from attribution_site.wsgi import application
from partners.models import Scope
from partners.operations import create_key
from tests.clients.refusals import beyond_the_schema
from tests.factories import UserFactory

# More, and others, for a night:
# SCHEMATHESIS_EXAMPLES=1000 SCHEMATHESIS_SEED=7 pytest tests/clients/test_schemathesis.py
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
SEED = os.environ.get("SCHEMATHESIS_SEED")
HOUSE = [scope for scope in Scope.values if scope != Scope.PARTNER]
KEYS = {
    "a program of the house": {"scopes": HOUSE},
    "an ingest key": {"scopes": ["ingest"]},
    "a partner": {"scopes": ["partner"], "payee": ("partner", "partner-abc")},
    "a broker": {"scopes": ["partner"], "payee": ("broker", "broker-xyz")},
}
CSRF = "c" * 32


def load(*accepted, **config):
    """The schema, for who is answered so when asking rightly, where the table of refusals says nothing else."""
    of_right = {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", *accepted]}}
    # Whom a request is from is said by who asks, not by the machine.
    config = {"checks": of_right, "generation": {"with-security-parameters": False}, **config} | (
        {"seed": int(SEED)} if SEED else {}
    )
    return schemathesis.openapi.from_wsgi("/api/schema", application, config=SchemathesisConfig.from_dict(config))


@schemathesis.hook
def flatmap_path_parameters(context, path_parameters):
    """Half of what is asked for is there."""
    known = {each.name: each.definition["examples"] for each in context.operation.path_parameters}
    there = [{name: told[what]["value"] for name, told in known.items()} for what in next(iter(known.values()), ())]
    return strategies.sampled_from([*there, *[path_parameters] * max(len(there), 1)])


def examples(most, **more):
    return settings(
        max_examples=most,
        derandomize=SEED is None,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


def key_of(asker):
    """By what a request says that it is from this program."""
    return {"headers": {"Authorization": f"Api-Key {create_key(name=asker, **KEYS[asker])[1]}"}}


def session_of_administrator():
    client = Client()
    client.force_login(UserFactory(is_superuser=True))
    session = client.cookies["sessionid"].value
    return {"headers": {"X-CSRFToken": CSRF}, "cookies": {"sessionid": session, "csrftoken": CSRF}}


class RefusedThoughRight(Failure):
    pass


class TakenThoughWrong(Failure):
    pass


# Where a request without a key, and one with a wrong one, was seen to be refused: once is enough.
refuses_strangers: set[str] = set()


def ask(case, identity):
    identity = identity | {"headers": identity["headers"] | {"Accept-Encoding": "identity"}}
    # Each request meets the same world: nothing that one did is there for the next.
    before = transaction.savepoint()
    try:
        response = case.call(**identity)
        check(case, response, identity)
        return response
    finally:
        transaction.savepoint_rollback(before)
        transaction.set_rollback(False)


def check(case, response, identity):
    case.validate_response(
        response,
        headers=identity["headers"] | {"Cookie": identity.get("cookies", {})},
        transport_kwargs=identity,
        excluded_checks=[*_seen(case), *_for_reasons(case, response), *_told_by_item(case, response)],
    )
    if response.status_code < 300:
        refuses_strangers.add(case.operation.label)


def _seen(case):
    return [checks.ignored_auth] if case.operation.label in refuses_strangers else []


def _for_reasons(case, response):
    """A request of the right form may be refused for what no schema can tell. The lines of CSV are not the schema's."""
    if not is_right(case) or response.status_code not in {400, 409, 413, 415, 422}:
        return []
    told = case.media_type == "text/csv" or beyond_the_schema(case.operation.label, response.json()["errors"])
    return [checks.positive_data_acceptance] if told else []


def is_right(case):
    return case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE


def _told_by_item(case, response):
    """An array is answered by 200, and what of it is bad is refused item by item: then each bad one must be."""
    if not isinstance(case.body, list) or response.status_code != 200:
        return []
    valid, bad = _validator(case.operation), False
    for item, answer in zip(case.body, response.json()["items"], strict=True):
        errors = answer.get("errors", [])
        is_bad = not valid.is_valid(item)
        bad = bad or is_bad
        if is_bad and not errors:
            raise TakenThoughWrong(operation=case.operation.label, title="Taken though wrong", message=f"{item}")
        if not is_bad and not beyond_the_schema(case.operation.label, errors):
            told = f"{item} {errors}"
            raise RefusedThoughRight(operation=case.operation.label, title="Refused though right", message=told)
    return [checks.negative_data_rejection] if bad else []


@functools.cache
def _document():
    return json.loads(pages.document())


@functools.cache
def _validator_of(path, method):
    schema = _document()["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
    array = next(each for each in schema.get("oneOf", [schema]) if each.get("type") == "array")
    whole = array["items"] | {"components": _document()["components"]}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def _validator(operation):
    return _validator_of(operation.path, operation.method.lower())
