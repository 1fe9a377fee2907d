from django.db import migrations

# Credit in an approved, disputed or paid record holds the rows it was made from: its touchpoint and its
# conversion keep what the record says of them, whoever writes. The triggers live here and not with the tables
# because touchpoints and conversions know nothing of records.
#
# Records are locked before they are looked at, so that an approval on its way is waited for. INSERT has no
# trigger. Whoever holds the partition exclusively is moving rows to a new month's partition, or dropping an
# old one (touchpoints/partitions.py, retention): that is no change to a touch.
GUARDS = """
CREATE FUNCTION attribution_touchpoint_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM attribution_attributionrecord WHERE touchpoint_id = OLD.id ORDER BY id FOR SHARE;
    IF FOUND AND EXISTS (
        SELECT FROM attribution_attributionrecord
        WHERE touchpoint_id = OLD.id AND status IN ('approved', 'disputed', 'paid')
    ) AND NOT (TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = TG_RELID
            AND mode = 'AccessExclusiveLock' AND granted
    )) THEN
        RAISE EXCEPTION 'Touchpoint % carries credit in an approved, disputed or paid record, it cannot be deleted or moved', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'touchpoint_with_frozen_credit';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER touchpoint_guard_delete BEFORE DELETE ON touchpoints_touchpoint
    FOR EACH ROW EXECUTE FUNCTION attribution_touchpoint_guard();
CREATE TRIGGER touchpoint_guard_update BEFORE UPDATE ON touchpoints_touchpoint
    FOR EACH ROW WHEN (
        (OLD.id, OLD.lead_id, OLD."timestamp", OLD.channel, OLD.partner_id, OLD.broker_id)
        IS DISTINCT FROM (NEW.id, NEW.lead_id, NEW."timestamp", NEW.channel, NEW.partner_id, NEW.broker_id)
    ) EXECUTE FUNCTION attribution_touchpoint_guard();

CREATE FUNCTION attribution_conversion_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM attribution_attributionrecord WHERE conversion_id = OLD.id ORDER BY id FOR SHARE;
    IF FOUND AND EXISTS (
        SELECT FROM attribution_attributionrecord
        WHERE conversion_id = OLD.id AND status IN ('approved', 'disputed', 'paid')
    ) THEN
        RAISE EXCEPTION 'Conversion % has approved, disputed or paid records, what they were made from cannot change', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'conversion_with_frozen_records';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER conversion_guard BEFORE UPDATE ON conversions_conversion
    FOR EACH ROW WHEN (
        (OLD.id, OLD.lead_id, OLD.type, OLD.value, OLD.currency, OLD.commission_rate, OLD.commission_amount, OLD.occurred_at)
        IS DISTINCT FROM
        (NEW.id, NEW.lead_id, NEW.type, NEW.value, NEW.currency, NEW.commission_rate, NEW.commission_amount, NEW.occurred_at)
    ) EXECUTE FUNCTION attribution_conversion_guard();
"""

NO_GUARDS = """
DROP TRIGGER conversion_guard ON conversions_conversion;
DROP TRIGGER touchpoint_guard_update ON touchpoints_touchpoint;
DROP TRIGGER touchpoint_guard_delete ON touchpoints_touchpoint;
DROP FUNCTION attribution_conversion_guard();
DROP FUNCTION attribution_touchpoint_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("attribution", "0002_first_configurations"),
        ("touchpoints", "0001_initial"),
        ("conversions", "0001_initial"),
    ]

    operations = [migrations.RunSQL(GUARDS, NO_GUARDS)]
