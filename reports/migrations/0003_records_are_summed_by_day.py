from django.db import migrations

# Reports read the records' sums by day now, so nothing groups the records any more.
OF_RECORDS = {
    "report_payees": "config_id, channel, partner_id, broker_id FROM attribution_attributionrecord",
    "report_days": "campaign_id, (date_bin('1 day', occurred_at, '2000-01-01Z')) FROM attribution_attributionrecord",
}


class Migration(migrations.Migration):
    dependencies = [("reports", "0002_statistics"), ("attribution", "0007_mark_days")]

    operations = [
        migrations.RunSQL(f"DROP STATISTICS IF EXISTS {name}", f"CREATE STATISTICS {name} (ndistinct) ON {what}")
        for name, what in OF_RECORDS.items()
    ]
