from django.db import migrations

from attribution_site.isolation import ID, KIND, no_rows, rows

NOTE = """
-- In one statement with the approval, whoever approves: the ledger hears of it.
CREATE FUNCTION payouts_note_approved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_tobook (record_id)
    SELECT id FROM added WHERE status = 'approved' AND payable AND payee_type <> 'house'
    EXCEPT SELECT id FROM removed WHERE status = 'approved';
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_note_approved AFTER UPDATE ON attribution_attributionrecord
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_note_approved();
CREATE FUNCTION payouts_note_adjusted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_tobook (adjustment_id) SELECT id FROM added WHERE payee_type <> 'house';
    RETURN NULL;
END $$;
CREATE TRIGGER payouts_note_adjusted AFTER INSERT ON attribution_adjustment
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_note_adjusted();
"""
NOTE_NO_MORE = """
DROP TRIGGER payouts_note_adjusted ON attribution_adjustment;
DROP FUNCTION payouts_note_adjusted();
DROP TRIGGER payouts_note_approved ON attribution_attributionrecord;
DROP FUNCTION payouts_note_approved();
"""
OWN = f"payee_type = {KIND} AND payee_id = {ID}"
TABLES = {
    "payouts_entry": OWN,
    "payouts_payout": OWN,
    "payouts_payoutline": "EXISTS (SELECT FROM payouts_payout p WHERE p.id = payout_id)",
}


class Migration(migrations.Migration):
    """What is approved or adjusted is noted for the ledger; and the second lock before a payee's eyes."""

    dependencies = [
        ("payouts", "0002_ledger"),
        ("attribution", "0016_audit_of_settlements"),
        ("attribution_site", "0007_isolation_of_disputes"),
    ]

    operations = [
        migrations.RunSQL(NOTE, NOTE_NO_MORE),
        migrations.RunSQL(
            "".join(rows(table, condition) for table, condition in TABLES.items()),
            "".join(no_rows(table) for table in reversed(TABLES)),
        ),
    ]
