"""What the migrations that put a table under audit have in common."""

from django.db import migrations

from attribution_site.audit.tracking import BASELINE

FUNCTIONS = """
-- The context of pghistory, where the change was made inside of the application.
CREATE FUNCTION audit_context() RETURNS jsonb LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('pghistory.context_metadata', true), '')::jsonb $$;
-- Transactions are counted by cluster: a database that was restored into another counts anew.
CREATE FUNCTION audit_cluster() RETURNS bigint LANGUAGE sql STABLE AS
    $$ SELECT system_identifier FROM pg_control_system() $$;
-- As xid8 it never repeats, and as bigint it can have a small index.
CREATE FUNCTION audit_xact() RETURNS bigint LANGUAGE sql STABLE AS
    $$ SELECT pg_current_xact_id()::text::bigint $$;
"""
NO_FUNCTIONS = "DROP FUNCTION audit_xact(); DROP FUNCTION audit_cluster(); DROP FUNCTION audit_context();"

# A statement that names a partition fires only the partition's own triggers, so it gets those of the whole table.
WATCH_PARTITIONS = """
CREATE FUNCTION audit_watch_partition(part regclass) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whole regclass := (SELECT inhparent FROM pg_inherits WHERE inhrelid = part);
    watch pg_trigger;
BEGIN
    FOR watch IN SELECT * FROM pg_trigger WHERE tgrelid = whole AND tgname LIKE 'pgtrigger\\_audit\\_%'
        AND NOT EXISTS (SELECT FROM pg_trigger own WHERE own.tgrelid = part AND own.tgname = pg_trigger.tgname)
    LOOP
        EXECUTE regexp_replace(
            pg_get_triggerdef(watch.oid), ' ON \\S+ REFERENCING ', format(' ON %s REFERENCING ', part)
        );
    END LOOP;
END $$;
SELECT audit_watch_partition(inhrelid::regclass) FROM pg_inherits
    WHERE inhparent = 'touchpoints_touchpoint'::regclass;
"""
UNWATCH_PARTITIONS = """
DO $$
DECLARE
    own record;
BEGIN
    FOR own IN SELECT tgname, tgrelid::regclass AS part FROM pg_trigger JOIN pg_inherits ON inhrelid = tgrelid
        WHERE inhparent = 'touchpoints_touchpoint'::regclass AND tgname LIKE 'pgtrigger\\_audit\\_%'
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', own.tgname, own.part);
    END LOOP;
END $$;
DROP FUNCTION audit_watch_partition(regclass);
"""


def baseline(app_label, *tables, known_only=False):
    """An operation that writes the rows that are there down as they are: from then on, a row without an event is one
    that came past the triggers. `tables`: names of event model and tracked model. `known_only`: of tables where only
    changes leave events, the rows that have some."""

    def write(apps, schema_editor):
        for event_name, tracked in tables:
            event_model, model = apps.get_model(app_label, event_name), apps.get_model(*tracked.split("."))
            schema_editor.execute(_baseline_sql(event_model._meta, model._meta, known_only))

    return migrations.RunPython(write, migrations.RunPython.noop)


def _baseline_sql(event, tracked, known_only):
    own = {field.column for field in event.concrete_fields}
    columns = ", ".join(f'"{field.column}"' for field in tracked.concrete_fields if field.column in own)
    key = f'"{tracked.pk.column}"'
    known = f'WHERE {key} IN (SELECT pgh_obj_id FROM "{event.db_table}")' if known_only else ""
    return f"""
        INSERT INTO "{event.db_table}" ({columns}, pgh_obj_id, pgh_label, pgh_cluster, pgh_xact)
        SELECT {columns}, {key}, '{BASELINE}', audit_cluster(), audit_xact()
        FROM "{tracked.db_table}" {known} ORDER BY {key}
    """
