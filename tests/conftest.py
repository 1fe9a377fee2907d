import importlib

import pytest
from django.apps import apps
from django.db.models.signals import post_migrate
from rest_framework.test import APIClient

from tests.factories import UserFactory


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
        importlib.import_module("attribution.migrations.0002_first_configurations").create(apps, None)


post_migrate.connect(restore_first_configurations, dispatch_uid="first configurations")
