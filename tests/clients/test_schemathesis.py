"""What a machine tries that reads the schema and nothing else: every operation, in every way that it can be asked
rightly or wrongly, as several askers. It finds answers that the schema does not tell of, what is taken though the
schema forbids it, what is refused though it allows it, and every 500."""

import functools
import os

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from attribution_site.wsgi import application
from partners.models import Scope
from partners.operations import create_key
from partners.webhooks.events import FOR_PAYEES
from tests.clients.world import make_world

# More of them: SCHEMATHESIS_EXAMPLES=1000 pytest tests/clients/test_schemathesis.py
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
HOUSE = [scope for scope in Scope.values if scope != Scope.PARTNER]
ASKERS = {
    "a program of the house": {"scopes": HOUSE},
    "a partner": {"scopes": ["partner"], "payee": ("partner", "partner-abc")},
    "an ingest key": {"scopes": ["ingest"]},
}
# What no schema can say, so that a request of the right form is refused: codes of refusals, and where a code says too
# little, what `detail` begins with.
BEYOND_THE_SCHEMA = {
    # It names what is not there, or not the asker's.
    *("unknown", "does_not_exist", "unknown_currency", "unsupported_currency", "unknown_model", "unknown_version"),
    *("unknown_conversion", "no_conversions"),
    # The time of it.
    *("too_early", "in_the_future", "in_the_past", "before_configuration", "before_conversion", "taken", "too_old"),
    *("end_before_start", "period_too_long", "The end is before the start."),
    # What belongs together, or excludes one another.
    *("fixed", "one_payee", "not_for_payees", "payee_missing", "more_than_yours", "not_csv", "repeated", "reserved"),
    "Give a status or a payeeType: there is nothing else to change.",
    *("Which partner?", "Which broker?", "Only with the payeeType partner or broker."),
    *("Give a version or parameters, not both.", "min_value"),
    *("Of which model?", "Only for a hypothetical conversion: give conversionValue, no conversionId."),
    *("A new one needs a name.", "nothing_changes", "reprices_approved", "a_visitor"),
    "Required with an id of your own, as the two together name the touch.",
    # What the currency has decimals for, and PostgreSQL digits.
    *("too_precise", "out_of_range"),
    # Addresses that a webhook may go to, and what makes one.
    "not_allowed",
    # Of what happens a partner is told its part.
    f"Give some of {', '.join(FOR_PAYEES)}.",
    # Cursors are signed.
    "Give a cursor as a `next` or `previous` of this list had it.",
    # Of disputes: what there must be something of, and what goes together.
    *("Say what is wrong, and how it should be.", "Say what is wrong with the decision.", "Say something."),
    *("Say why: the payees are told.", "Choose the reason.", "Only with the status rejected."),
    *("Of which conversion is the touch missing?", "Which record is disputed?", "A rejection moves no money."),
    "Give attributionId, or for a missing touch conversionId; not both.",
    *("Give claimantType and claimantId, or none of them.", "For which partner or broker is it filed?"),
    *("A key claims for its own partner or broker alone.", "Give the id or the number of the dispute."),
    *("An internal note is to nobody.", "only_for_payees", "not_yours"),
    # What a decision may do with the shares.
    *("unknown_touchpoint", "inactive_payee", "exceeds_conversion", "unbalanced", "after_conversion"),
    *("Who shall get it?", "Which touch, and whose?", "Name at least one touch and its share."),
    "One touch and payee is named twice.",
    "How much of the touch goes to the payee: more than 0 and less than 100 percent.",
    # What evidence may be.
    *("not_text", "too_deep", "too_large", "type_mismatch", "unsupported_type", "damaged", "bad_name"),
    "This is no file. Send it with a file name.",
    # Whose statement, and of when.
    *("two_payees", "two_periods", "no_period", "no_pages", "Give a period, or its first and its last day."),
    "Whose statement is it? Give partnerId or brokerId.",
    # An idempotency key that was there before, which the machine likes to send twice.
    "key_reused",
}

# Replaced by `refused_only_by_rules`, which looks at the reasons.
CHECKS = {"positive_data_acceptance": {"enabled": False}}


def load(**config):
    config = SchemathesisConfig.from_dict({"checks": CHECKS, **config})
    return schemathesis.openapi.from_wsgi("/api/schema", application, config=config)


everything = load()
# Most of what the others ask is refused whatever it is: without each bound of each parameter.
at_random = load(phases={"coverage": {"enabled": False}})


class RefusedThoughRight(Failure):
    pass


@schemathesis.check
def refused_only_by_rules(ctx, response, case):
    """A request of the right form is only refused for reasons that no schema can tell."""
    is_right = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if not is_right or response.status_code not in {400, 413, 415, 422}:
        return
    if case.media_type == "text/csv":
        return  # its lines are not the schema's
    unknown = [
        error for error in response.json()["errors"] if BEYOND_THE_SCHEMA.isdisjoint((error["code"], error["detail"]))
    ]
    if unknown:
        raise RefusedThoughRight(
            operation=case.operation.label, title="Refused though right", message=f"{response.status_code} {unknown}"
        )


@pytest.fixture
def one_connection(db):
    """Requests leave open the connection, and the transaction, that they were met with."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def key_of(one_connection, settings):
    """The key of an asker in the world of the examples, made once for all that it is asked with."""
    settings.THROTTLES = dict.fromkeys(settings.THROTTLES, "1000000/s")
    make_world()
    return functools.cache(lambda asker: create_key(name=asker, **ASKERS[asker])[1])


def told_by_item(response):
    """An array with bad items is answered by 200, and names each: that is how those are refused."""
    answer = response.json() if response.headers.get("content-type") == ["application/json"] else None
    return [negative_data_rejection] if isinstance(answer, dict) and answer.get("rejected") else []


def ask(case, key):
    headers = {"Authorization": f"Api-Key {key}", "Accept-Encoding": "identity"}
    # Each request meets the same world: nothing that one did is there for the next.
    before = transaction.savepoint()
    try:
        response = case.call(headers=headers)
        case.validate_response(response, headers=headers, excluded_checks=told_by_item(response))
    finally:
        transaction.savepoint_rollback(before)
        transaction.set_rollback(False)


machine = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@everything.parametrize()
@machine
def test_every_operation_keeps_its_word_to_a_program_of_the_house(case, key_of):
    ask(case, key_of("a program of the house"))


@pytest.mark.parametrize("asker", [asker for asker in ASKERS if asker != "a program of the house"])
@at_random.parametrize()
@machine
def test_every_operation_keeps_its_word_to(case, key_of, asker):
    ask(case, key_of(asker))
