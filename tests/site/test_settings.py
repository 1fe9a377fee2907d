"""A process that names a database is in production until it says otherwise, and then nothing may be missing."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

GIVEN = {
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "s" * 60,
    "ALLOWED_HOSTS": "attribution.example",
    "FIELD_ENCRYPTION_KEYS": "f" * 60,
    "EVIDENCE_FOLDER": "/var/lib/attribution/evidence",
}


def load(show="s.PRODUCTION, s.DEBUG", **environment):
    """Settings in a process of their own; nothing of this one's environment that could speak for them."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        [sys.executable, "-c", f"from attribution_site import settings as s; print({show})"],
        env=kept | environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_with_everything_given_production_starts():
    assert load(**GIVEN).stdout.split() == ["True", "False"]


REQUIRED = ["SECRET_KEY", "REDIS_URL", "ALLOWED_HOSTS", "FIELD_ENCRYPTION_KEYS", "EVIDENCE_FOLDER"]


@pytest.mark.parametrize("missing", REQUIRED)
def test_production_does_not_start_without(missing):
    result = load(**{name: value for name, value in GIVEN.items() if name != missing})
    assert result.returncode != 0
    assert f"{missing} is not set" in result.stderr


def test_production_that_was_asked_for_does_not_fall_back_to_the_embedded_database():
    result = load(ENVIRONMENT="production", SECRET_KEY="s" * 60)
    assert "DATABASE_URL is not set" in result.stderr


def test_development_with_servers_of_ones_own_needs_no_secret():
    urls = {name: GIVEN[name] for name in ("DATABASE_URL", "REDIS_URL")}
    assert load(ENVIRONMENT="development", **urls).stdout.split() == ["False", "False"]


def test_production_does_not_start_without_the_second_factor():
    result = load(**GIVEN, TWO_FACTOR="off")
    assert "TWO_FACTOR cannot be off in production" in result.stderr


@pytest.mark.parametrize(("environment", "said"), [("production", "True"), ("development", "False")])
def test_who_moves_money_has_a_second_factor_in_production(environment, said):
    assert load("s.TWO_FACTOR", **GIVEN, ENVIRONMENT=environment).stdout.strip() == said


def test_an_unknown_environment_is_named():
    assert "staging" in load(ENVIRONMENT="staging", **GIVEN).stderr
