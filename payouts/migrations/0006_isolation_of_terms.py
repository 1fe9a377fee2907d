from django.db import migrations

from attribution_site.isolation import ID, KIND, no_rows, rows

OWN = f"payee_type = {KIND} AND payee_id = {ID}"
# Of memberships only the payee's own are there to be looked at.
MEMBER = "EXISTS (SELECT FROM payouts_groupmembership m WHERE m.group_id = payouts_terms.group_id)"
TABLES = {
    "payouts_groupmembership": OWN,
    "payouts_terms": f"(payee_type IS NULL AND group_id IS NULL) OR ({OWN}) OR {MEMBER}",
}


class Migration(migrations.Migration):
    """The second lock before a payee's eyes, of what is agreed."""

    dependencies = [("payouts", "0005_terms")]

    operations = [
        migrations.RunSQL(
            "".join(rows(table, condition) for table, condition in TABLES.items()),
            "".join(no_rows(table) for table in reversed(TABLES)),
        ),
    ]
