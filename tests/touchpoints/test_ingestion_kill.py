"""A web process that is killed in mid-load takes nothing with it that was acknowledged."""

import os
import signal

import pytest

from bench import ingestion
from bench.load import Load
from partners.models import Partner
from partners.operations import create_key
from touchpoints.models import Touchpoint


@pytest.mark.django_db(transaction=True)
def test_every_201_is_in_the_table_after_a_web_process_was_killed():
    Partner.objects.bulk_create(Partner(id=f"partner-{n}", name=f"Partner {n}") for n in range(50))
    _, key = create_key(name="tests", scopes=["ingest", "read"])
    killed = []

    def kill(pid):
        killed.append(ingestion.workers_of(pid)[0])
        os.kill(killed[0], signal.SIGKILL)

    with ingestion.web() as (at, pid):
        load = Load(at, ingestion.singles(key), keep=ingestion.accepted_id, pause=0.2)
        answers = load.run(seconds=8, connections=12, during=[(3, lambda: kill(pid))])
        workers = ingestion.workers_of(pid)
    assert answers.count(201) > 20
    assert set(answers.times) <= {201, 503}
    assert ingestion.lost(answers) == 0
    assert len(set(answers.kept)) == answers.count(201) <= Touchpoint.objects.count()
    # Another came in its place.
    assert len(workers) == 2
    assert killed[0] not in workers
