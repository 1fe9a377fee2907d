import pytest
from rest_framework.test import APIClient

from attribution_site.api import keys
from partners.operations import create_key


@pytest.fixture(autouse=True)
def nothing_known_of_keys():
    keys.known.forget()


def client_with(key):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {key}")
    return client


@pytest.fixture
def client_of(db):
    """client_of("read") asks with a new key of the scope; with a payee, as that."""

    def make(*scopes, payee=None):
        return client_with(create_key(name="test", scopes=scopes, payee=payee)[1])

    return make
