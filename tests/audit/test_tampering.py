"""The log shows what somebody did who may do everything in the database."""

import subprocess
import sys
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, ProgrammingError, connection, transaction

from attribution import operations as attribution
from attribution.models import AttributionRecord
from attribution_site.audit import operations, sealing
from attribution_site.audit.models import AuditSeal, AuditVerification
from attribution_site.audit.operations import verify_audit
from partners.models import Partner
from tests.factories import AttributionRecordFactory, PartnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = "partners_partnerevent"
LONGEST = 60  # seconds
FUNCTION = """CREATE OR REPLACE FUNCTION audit_cluster() RETURNS bigint LANGUAGE sql STABLE AS
    $$ SELECT system_identifier FROM pg_control_system() $$"""


def run_sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def seal():
    """Seals all that was written. Other tests' transactions may hold that up for a while."""
    made, until = [], time.monotonic() + LONGEST
    while True:
        made += operations.seal()
        if sealing.waiting_since() is None or time.monotonic() > until:
            return made
        time.sleep(0.1)


def behind_the_triggers(statement, *values):
    """As a superuser does who knows of them."""
    with transaction.atomic():
        run_sql("SET LOCAL session_replication_role = replica")
        run_sql(statement, *values)


def findings():
    return [(each["what"], each["text"]) for each in verify_audit().findings]


@pytest.fixture
def partners():
    """Three, each with a change, under two seals."""
    made = PartnerFactory.create_batch(3)
    seal()
    for each in made:
        Partner.objects.filter(pk=each.pk).update(contact_name="Ann")
    seal()
    assert findings() == []
    return made


def event_ids(label="update"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pgh_id FROM {EVENTS} WHERE pgh_label = %s ORDER BY pgh_id", [label])
        return [pk for (pk,) in cursor.fetchall()]


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE {EVENTS} SET name = 'x'",
        f"DELETE FROM {EVENTS}",
        f"TRUNCATE {EVENTS}",
        "DELETE FROM attribution_site_auditseal",
    ],
)
def test_the_log_refuses_to_be_changed(partners, statement):
    with pytest.raises((InternalError, ProgrammingError), match="append-only"):
        run_sql(statement)
    assert len(event_ids()) == 3


def test_a_changed_audit_row_is_named(partners):
    _, second, _ = event_ids()
    behind_the_triggers(f"UPDATE {EVENTS} SET pgh_login = 'somebody' WHERE pgh_id = %s", second)
    last = AuditSeal.objects.last()
    assert findings() == [("changed", f"{EVENTS}: audit row {second} changed after sealing (seal {last.number}).")]


def test_a_removed_audit_row_is_named(partners):
    first, *_ = event_ids()
    behind_the_triggers(f"DELETE FROM {EVENTS} WHERE pgh_id = %s", first)
    [(what, text), (live, row)] = findings()
    assert (what, live) == ("removed", "live")
    assert f"1 of 1 of audit row {first} removed" in text
    assert partners[0].pk in row


COPY = (
    "id, name, status, contact_name, contact_email, contact_phone, created_at,"
    " pgh_obj_id, pgh_label, pgh_before, pgh_context"
)


def forge(xact):
    """Copies the newest audit row into another transaction; the id of the copy."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {EVENTS} ({COPY}, pgh_xact) SELECT {COPY}, {xact} FROM {EVENTS}"
            " ORDER BY pgh_id DESC LIMIT 1 RETURNING pgh_id"
        )
        [(new,)] = cursor.fetchall()
    return new


def test_an_audit_row_put_in_afterwards_is_named(partners):
    new, last = forge("pgh_xact"), AuditSeal.objects.last()
    assert findings() == [("inserted", f"{EVENTS}: audit row {new} was put in after sealing (seal {last.number}).")]


@pytest.mark.parametrize("xact", [2**40, -5])
def test_an_audit_row_of_a_transaction_that_never_was_is_named(partners, xact):
    forge(xact)
    [(what, _)] = findings()
    assert what == "inserted"


def test_a_database_restored_into_another_cluster_goes_on_with_its_chain(partners):
    Partner.objects.filter(pk=partners[0].pk).update(contact_name="not sealed yet")
    run_sql("CREATE OR REPLACE FUNCTION audit_cluster() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 42::bigint'")
    try:
        Partner.objects.filter(pk=partners[1].pk).update(contact_name="in the new one")
        came_along, new = seal()
        assert (came_along.cluster, came_along.rows, new.cluster, new.rows) == (
            AuditSeal.objects.first().cluster,
            1,
            42,
            1,
        )
        assert findings() == []
        Partner.objects.filter(pk=partners[1].pk).update(contact_name="later")
        assert findings() == []
    finally:
        run_sql(FUNCTION)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE attribution_site_auditseal SET rows = rows + 1 WHERE number = 1", "was changed"),
        ("DELETE FROM attribution_site_auditseal WHERE number = 1", "some are missing"),
    ],
)
def test_a_seal_that_was_changed_or_taken_away_is_named(partners, change, told):
    behind_the_triggers(change)
    assert any(what == "chain" and told in text for what, text in findings())


def test_whoever_has_the_database_but_no_key_cannot_sign(partners, settings):
    behind_the_triggers(f"UPDATE {EVENTS} SET pgh_login = 'somebody'")
    behind_the_triggers("DELETE FROM attribution_site_auditseal")
    settings.FIELD_ENCRYPTION_KEYS = ["guessed" * 8]
    seal()
    settings.FIELD_ENCRYPTION_KEYS = ["right" * 8]
    assert any("is not signed" in text for _, text in findings())


def test_after_a_rotation_of_keys_old_seals_still_hold(partners, settings):
    settings.FIELD_ENCRYPTION_KEYS = ["new" * 12, *settings.FIELD_ENCRYPTION_KEYS]
    PartnerFactory()
    assert findings() == []


def test_seals_taken_away_at_the_end_are_missed_by_one_who_noted_the_last(partners):
    last = AuditSeal.objects.last()
    behind_the_triggers("DELETE FROM attribution_site_auditseal WHERE number = %s", last.number)
    seal()
    assert verify_audit(expected=(last.number, last.digest)).findings_count == 1
    assert verify_audit().findings_count == 0


def test_a_row_changed_by_a_superuser_with_triggers_off_is_named(partners):
    behind_the_triggers("UPDATE partners_partner SET status = 'closed' WHERE id = %s", partners[1].pk)
    [(what, text)] = findings()
    assert what == "live"
    assert f"row {partners[1].pk} is not what the log" in text
    assert text.endswith("says: status.")


def test_rows_that_came_or_went_with_triggers_off_are_named(partners):
    behind_the_triggers("DELETE FROM partners_partner WHERE id = %s", partners[0].pk)
    behind_the_triggers(
        "INSERT INTO partners_broker (id, name, status, contact_name, contact_email, contact_phone, created_at,"
        " updated_at)"
        " VALUES ('b', 'B', 'active', '', '', '', now(), now())"
    )
    texts = [text for _, text in findings()]
    assert texts == [
        "partners_broker: row b is there, and the log knows nothing of it.",
        f"partners_partner: row {partners[0].pk} is gone, and the log (audit row {event_ids()[0]}) does not say so.",
    ]


def test_a_record_of_decided_money_changed_with_triggers_off_is_named():
    record = AttributionRecordFactory()
    attribution.change_record(record_id=record.pk, status="approved", reason="Checked.", by=UserFactory())
    behind_the_triggers("UPDATE attribution_attributionrecord SET commission_amount = 9999 WHERE id = %s", record.pk)
    [(what, text)] = findings()
    assert (what, str(record.pk) in text, text.endswith("commission_amount.")) == ("live", True, True)


def test_a_record_deleted_and_calculated_again_is_no_finding():
    record = AttributionRecordFactory()
    fields = {f.attname: getattr(record, f.attname) for f in record._meta.concrete_fields}
    AttributionRecord.objects.filter(pk=record.pk).delete()
    AttributionRecord.objects.create(**fields)
    assert findings() == []


def test_a_trigger_that_is_switched_off_is_named(partners):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'partners_partner'::regclass AND tgname ~ 'audit_update'"
        )
        [(name,)] = cursor.fetchall()
    run_sql(f"ALTER TABLE partners_partner DISABLE TRIGGER {name}")
    try:
        assert findings() == [("trigger", "partners_partner: the trigger audit_update is off or missing.")]
    finally:
        run_sql(f"ALTER TABLE partners_partner ENABLE TRIGGER {name}")


def test_the_command_ends_with_1_and_says_what_is_off(partners, capsys):
    call_command("verify_audit")
    assert "All is as it was" in capsys.readouterr().out
    behind_the_triggers("UPDATE partners_partner SET name = 'Other' WHERE id = %s", partners[0].pk)
    with pytest.raises(CommandError) as refused:
        call_command("verify_audit")
    assert refused.value.returncode == 1
    assert f"row {partners[0].pk} is not what the log" in capsys.readouterr().out
    assert AuditVerification.objects.first().findings_count == 1


def test_what_a_running_transaction_wrote_is_sealed_once_it_is_over(partners):
    program = (
        "import os, sys, psycopg\n"
        "with psycopg.connect(sys.argv[1]) as c:\n"
        "    c.execute(\"UPDATE partners_partner SET contact_name = 'late' WHERE id = %s\", [sys.argv[2]])\n"
        "    print('written', flush=True); sys.stdin.readline()\n"
    )
    address = connection.get_connection_params()
    dsn = " ".join(f"{k}='{address[k]}'" for k in ("host", "port", "user", "password", "dbname") if address.get(k))
    other = subprocess.Popen(
        [sys.executable, "-c", program, dsn, partners[0].pk], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "written\n"
        Partner.objects.filter(pk=partners[1].pk).update(contact_name="early")
        before = AuditSeal.objects.count()
        assert operations.seal() == []
        assert findings() == []
    finally:
        other.communicate("\n", timeout=30)
    assert sum(made.rows for made in seal()) == 2
    assert AuditSeal.objects.count() > before
    assert findings() == []
