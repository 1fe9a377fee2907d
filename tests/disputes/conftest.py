"""Somebody from operations, and the pages as they have them."""

import pytest

from tests.factories import UserFactory


@pytest.fixture
def ana():
    return UserFactory(username="ana", role="Operations")


@pytest.fixture
def page(client, ana):
    client.force_login(ana)
    return client
