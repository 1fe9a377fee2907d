import subprocess

import pytest

from tests.site.embedded_stack import Stack, end


@pytest.fixture(scope="session")
def stack_made_before(tmp_path_factory):
    """The folder of a stack that has run once and has ended."""
    stack = Stack(tmp_path_factory.mktemp("before") / "local")
    user, *_ = stack.use("database_url", "redis_url")
    end(user)
    stack.stop()
    return stack.local_dir


@pytest.fixture
def stack(tmp_path, stack_made_before):
    subprocess.run(["cp", "-a", stack_made_before, tmp_path / "local"], check=True)
    stack = Stack(tmp_path / "local")
    yield stack
    stack.stop()


@pytest.fixture
def empty_stack(tmp_path):
    stack = Stack(tmp_path / "local")
    yield stack
    stack.stop()
