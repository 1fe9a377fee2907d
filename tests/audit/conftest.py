import pytest
from django.test import Client

from tests.factories import UserFactory


@pytest.fixture
def auditor(db):
    client = Client()
    client.force_login(UserFactory(username="olga", role="Auditor"))
    return client
