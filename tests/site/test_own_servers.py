"""With servers of one's own, the whole way from migrate to the report leaves the embedded stack alone."""

import subprocess
import sys

import psycopg

from attribution_site.embedded.folder import PROJECT


def test_the_main_job_runs_on_servers_started_elsewhere(stack, tmp_path):
    _, database_url, redis_url = stack.use("database_url", "redis_url")
    untouched = tmp_path / "untouched"
    environment = stack.environment | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "ENVIRONMENT": "development",
        "LOCAL_DIR": str(untouched),
    }
    for command in (["migrate", "-v0"], ["load_demo", "--leads", "200"]):
        subprocess.run(
            [sys.executable, "manage.py", *command], env=environment, cwd=PROJECT, check=True, capture_output=True
        )
    with psycopg.connect(database_url) as connection:
        [(touches, conversions, records)] = connection.execute(
            "SELECT (SELECT count(*) FROM touchpoints_touchpoint), (SELECT count(*) FROM conversions_conversion),"
            " (SELECT count(*) FROM attribution_attributionrecord)"
        ).fetchall()
    assert touches > 200
    assert 0 < conversions < records
    assert not untouched.exists()
