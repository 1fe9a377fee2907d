import importlib
import signal
import uuid

import pytest
import redis
from django.apps import apps
from django.conf import settings
from django.contrib.auth.hashers import get_hashers, get_hashers_by_algorithm
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models.signals import post_migrate
from rest_framework.test import APIClient

import partners.tasks
from attribution import store, tasks
from tests import tools
from tests.factories import UserFactory

# Whoever starts the tests in the background may have Ctrl-C ignored, and every process that they start with them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    tools.check(item)


@pytest.fixture(scope="session", autouse=True)
def connections_end_before_their_database(django_db_setup):
    yield
    store.close_idle_connections()


@pytest.fixture(scope="session", autouse=True)
def queue():
    """A queue that no other worker listens to: the Redis may be shared with a running product."""
    name = f"tests-{uuid.uuid4().hex[:8]}"
    of_partners = (partners.tasks.send_webhooks, partners.tasks.mail_that_webhook_is_disabled)
    for task in (tasks.calculate_shard, tasks.train, tasks.compare, tasks.refresh_daily_credit, *of_partners):
        task.queue = name
    yield name
    redis.from_url(settings.REDIS_URL).delete(name)


@pytest.fixture(scope="session", autouse=True)
def nobody_is_throttled():
    """Tests ask faster than people, and all processes' users count in one Redis."""
    settings.THROTTLES |= dict.fromkeys(settings.THROTTLES, "1000000000/s")


@pytest.fixture(scope="session", autouse=True)
def passwords_are_hashed_fast():
    """What makes guessing slow for others makes tests slow for us."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    get_hashers.cache_clear()
    get_hashers_by_algorithm.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def audit_tables_are_emptied_too():
    """A test with transactions of its own ends by emptying all tables, which those of the audit log refuse."""

    def flush(self, sql_list):
        return emptied(self, ["SET LOCAL session_replication_role = replica", *sql_list])

    emptied = DatabaseOperations.execute_sql_flush
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
        yield


@pytest.fixture
def operations_user(db):
    return UserFactory(role="Operations")


@pytest.fixture
def api(operations_user):
    """An API client with the session of somebody from operations."""
    client = APIClient()
    client.force_login(operations_user)
    return client


def restore_first_configurations(app_config, **_):
    """A test with transactions of its own ends by emptying all tables: bring back what migrations had put there."""
    if app_config.label == "attribution" and not apps.get_model("attribution", "ModelConfig").objects.exists():
        for name in ("0002_first_configurations", "0006_data_driven"):
            importlib.import_module(f"attribution.migrations.{name}").create(apps, None)


post_migrate.connect(restore_first_configurations, dispatch_uid="first configurations")
