from django.db import migrations

# What a person settled stands on its touchpoints and its conversion as much as what is approved: 0003's guards look at
# settled records, too, and at decided ones that were adjusted.
HELD = "(status IN ('approved', 'disputed', 'paid') OR settlement_id IS NOT NULL OR EXISTS (\n            SELECT FROM attribution_adjustment a WHERE a.record_id = r.id AND a.kind = 'settlement'))"
TOUCHPOINT = """
CREATE OR REPLACE FUNCTION attribution_touchpoint_guard() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM attribution_attributionrecord WHERE touchpoint_id = OLD.id ORDER BY id FOR SHARE;
    IF FOUND AND EXISTS (
        SELECT FROM attribution_attributionrecord r WHERE touchpoint_id = OLD.id AND %(held)s
    ) AND NOT (TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = TG_RELID
            AND mode = 'AccessExclusiveLock' AND granted
    )) THEN
        RAISE EXCEPTION 'Touchpoint %% carries credit in %(what)s record, it cannot be deleted or moved', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'touchpoint_with_frozen_credit';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
"""
CONVERSION = """
CREATE OR REPLACE FUNCTION attribution_conversion_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM attribution_attributionrecord WHERE conversion_id = OLD.id ORDER BY id FOR SHARE;
    IF FOUND AND EXISTS (
        SELECT FROM attribution_attributionrecord r WHERE conversion_id = OLD.id AND %(held)s
    ) THEN
        RAISE EXCEPTION 'Conversion %% has %(what)s records, what they were made from cannot change', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_with_frozen_records';
    END IF;
    RETURN NEW;
END $$;
"""
FROZEN = "status IN ('approved', 'disputed', 'paid')"


def _sql(held, of_touch, of_conversion):
    return TOUCHPOINT % {"held": held, "what": of_touch} + CONVERSION % {"held": held, "what": of_conversion}


class Migration(migrations.Migration):
    dependencies = [("attribution", "0012_parts_of_a_touch"), ("attribution_site", "0002_isolation")]

    operations = [
        migrations.RunSQL(
            _sql(HELD, "an approved, disputed, paid or settled", "approved, disputed, paid or settled"),
            _sql(FROZEN, "an approved, disputed or paid", "approved, disputed or paid"),
        )
    ]
