from django.db import migrations

LINES = """
CREATE FUNCTION payouts_lines(payout uuid, OUT count bigint, OUT total numeric, OUT hash text)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT count(*), coalesce(sum(l.amount), 0), encode(sha256(convert_to(
        coalesce(string_agg(l.entry_id || ' ' || l.amount, E'\\n' ORDER BY l.entry_id), ''), 'UTF8')), 'hex')
    INTO count, total, hash FROM payouts_payoutline l WHERE l.payout_id = payout AND l.live;
END $$;
"""


class Migration(migrations.Migration):
    """Numbers that people call payouts and bank files by, and the sum and hash of a payout's lines: what a hash
    approves is these entries and amounts, and no others."""

    initial = True
    dependencies = []

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE payouts_number AS bigint START WITH 1001;"
            " CREATE SEQUENCE payouts_export_number AS bigint START WITH 1;" + LINES,
            "DROP FUNCTION payouts_lines(uuid); DROP SEQUENCE payouts_export_number; DROP SEQUENCE payouts_number",
        )
    ]
