"""Imports that are killed, and imports at the same time: each row once, none lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from touchpoints.importing.running import import_file
from touchpoints.importing.touchpoints import TOUCHPOINTS
from touchpoints.models import Touchpoint

ROOT = Path(__file__).resolve().parents[2]
ROWS = 8_000

# The command as it is, only with chunks small enough that there is a middle to be killed in.
IMPORT = """
import sys, django
django.setup()
from touchpoints.importing.running import Options, import_file
from touchpoints.importing.touchpoints import TOUCHPOINTS
print(import_file(path=sys.argv[1], kind=TOUCHPOINTS, options=Options(chunk_bytes=20_000)))
"""

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "touches.csv"
    with path.open("w") as file:
        file.write("lead_id,channel,timestamp\n")
        for n in range(ROWS):
            file.write(f"lead-{n * 7919 % ROWS},email,2026-0{4 + n % 5}-1{n % 10}T10:00:{n % 60:02}Z\n")
    return path


def start(path):
    at = connection.settings_dict
    url = f"postgres://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}"
    environment = os.environ | {
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "ENVIRONMENT": "development",
        "DJANGO_SETTINGS_MODULE": "attribution_site.settings",
    }
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(path)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def assert_each_row_is_stored_once():
    assert Touchpoint.objects.count() == ROWS
    assert Touchpoint.objects.values("lead_id").distinct().count() == ROWS


def test_an_import_killed_in_the_middle_and_started_again_ends_with_every_row_once(path):
    killed = start(path)
    while not Touchpoint.objects.exists():
        assert killed.poll() is None
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = Touchpoint.objects.count()
    assert 0 < before < ROWS
    summary = import_file(path=str(path), kind=TOUCHPOINTS)
    # The killed one's last COPY may have been committed after we counted.
    assert summary.stored + summary.duplicates == ROWS
    assert summary.duplicates >= before
    assert_each_row_is_stored_once()


def test_two_imports_of_one_file_at_once_store_each_row_once(path):
    imports = [start(path), start(path)]
    told = [one.communicate(timeout=60)[0] for one in imports]
    assert [one.returncode for one in imports] == [0, 0]
    assert all(f"read={ROWS}" in text for text in told)
    assert_each_row_is_stored_once()


def test_two_imports_of_the_same_rows_in_opposite_order_store_each_row_once(path, tmp_path):
    head, *rows = path.read_text().splitlines()
    backwards = tmp_path / "backwards.csv"
    backwards.write_text("\n".join([head, *reversed(rows)]))
    imports = [start(path), start(backwards)]
    for one in imports:
        one.communicate(timeout=60)
        assert one.returncode == 0
    assert_each_row_is_stored_once()
