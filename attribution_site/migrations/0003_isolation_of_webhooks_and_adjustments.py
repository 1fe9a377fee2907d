from django.db import migrations

from attribution_site.isolation import ID, KIND, OF_PAYEE, no_rows, rows

OF_OWN_WEBHOOK = "EXISTS (SELECT FROM partners_webhookendpoint e WHERE e.id = endpoint_id)"
TABLES = {
    "partners_webhookendpoint": (OF_PAYEE, "SELECT, INSERT, UPDATE"),
    # Those below see the tables above through the policies of those.
    "partners_webhookmessage": (OF_OWN_WEBHOOK, "SELECT, INSERT, UPDATE"),
    "partners_webhookattempt": (
        "EXISTS (SELECT FROM partners_webhookmessage m WHERE m.id = message_id)",
        "SELECT",
    ),
    "attribution_adjustment": (f"payee_type = {KIND} AND payee_id = {ID}", "SELECT"),
}


class Migration(migrations.Migration):
    dependencies = [
        ("attribution_site", "0002_isolation"),
        ("partners", "0003_webhooks"),
        ("attribution", "0009_adjustments"),
    ]

    operations = [
        migrations.RunSQL(
            "".join(rows(table, condition, verbs=verbs) for table, (condition, verbs) in TABLES.items()),
            "".join(no_rows(table) for table in TABLES),
        ),
    ]
