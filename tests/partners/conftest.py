import pytest
from rest_framework.test import APIClient

from attribution_site.api import keys
from tests.factories import UserFactory
from tests.partners.receivers import receiving


@pytest.fixture(autouse=True)
def nothing_known_of_keys():
    keys.known.forget()


@pytest.fixture
def administrator(db):
    client = APIClient()
    client.force_login(UserFactory(is_superuser=True))
    return client


@pytest.fixture
def loopback_allowed(settings):
    """Only for tests: webhooks may go to this machine, without TLS."""
    settings.WEBHOOK_PLAIN_HTTP = True
    settings.WEBHOOK_INNER_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def receiver(loopback_allowed):
    with receiving() as started:
        yield started
