from django.db import migrations

# The report groups by columns that go together: a partner comes with few channels. Not told so, the planner
# multiplies their numbers, expects a group for every fifth row, and lets no parallel worker group. These are
# read by ANALYZE alone: writing rows costs nothing more.
STATISTICS = {
    "report_payees": "config_id, channel, partner_id, broker_id FROM attribution_attributionrecord",
    "report_days": "campaign_id, (date_bin('1 day', occurred_at, '2000-01-01Z')) FROM attribution_attributionrecord",
    "report_touches": "channel, partner_id, broker_id FROM touchpoints_touchpoint",
    "report_conversions": "currency, (date_bin('1 day', occurred_at, '2000-01-01Z')) FROM conversions_conversion",
}


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0001_initial"),
        ("touchpoints", "0001_initial"),
        ("conversions", "0001_initial"),
        ("attribution", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(f"CREATE STATISTICS {name} (ndistinct) ON {what}", f"DROP STATISTICS {name}")
        for name, what in STATISTICS.items()
    ]
