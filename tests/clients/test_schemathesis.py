"""What a machine tries that reads the schema and nothing else: every operation, in every way that it can be asked
rightly or wrongly, as several askers. It finds answers that the schema does not tell of, what is taken though the
schema forbids it, what is refused though it allows it, and every 500."""

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import override_settings

from tests.clients import machine
from tests.clients.machine import EXAMPLES, examples, load
from tests.clients.world import make_world

everything = load()
# Most of what the others ask is refused whatever it is: without each bound of each parameter.
at_random = load("403", phases={"coverage": {"enabled": False}})

# Without it no database is made for the tests.
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """The world of the examples, made once: what a request does in it is undone."""
    # Requests leave open the connection, and the transaction, that they were met with.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    unthrottled = override_settings(THROTTLES=dict.fromkeys(settings.THROTTLES, "1000000/s"))
    with django_db_blocker.unblock(), unthrottled, transaction.atomic():
        make_world()
        yield
        transaction.set_rollback(True)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(scope="module")
def keys(world):
    return {asker: machine.key_of(asker) for asker in machine.KEYS}


@pytest.fixture(scope="module")
def administrator(world):
    return machine.session_of_administrator()


@everything.parametrize()
@examples(EXAMPLES)
def test_every_operation_keeps_its_word_to_an_administrator(case, administrator):
    machine.ask(case, administrator)


@pytest.mark.parametrize("asker", machine.KEYS)
@at_random.parametrize()
@examples(max(EXAMPLES // 2, 2))
def test_every_operation_keeps_its_word_to(case, keys, asker):
    machine.ask(case, keys[asker])
