from django.db import migrations

POLICY = "ALTER POLICY own_rows ON conversions_conversion USING ({0}) WITH CHECK ({0})"
BEHIND_OWN_TOUCHES = "EXISTS (SELECT FROM touchpoints_touchpoint t WHERE t.lead_id = conversions_conversion.lead_id)"
# Of a lead that a payee names only now it is not told what the lead did before.
TOLD_AFTERWARDS = BEHIND_OWN_TOUCHES[:-1] + " AND t.received_at <= conversions_conversion.created_at)"


class Migration(migrations.Migration):
    dependencies = [("attribution_site", "0003_isolation_of_webhooks_and_adjustments")]

    operations = [migrations.RunSQL(POLICY.format(TOLD_AFTERWARDS), POLICY.format(BEHIND_OWN_TOUCHES))]
