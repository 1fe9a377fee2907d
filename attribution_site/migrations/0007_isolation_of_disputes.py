from django.db import migrations

from attribution_site.isolation import ID, KIND, no_rows, rows

OWN = f"payee_type = {KIND} AND payee_id = {ID}"
# Those see the parties through the policy of parties: its own.
OF_OWN_PARTY = "EXISTS (SELECT FROM disputes_party p WHERE p.id = party_id)"
TABLES = {
    "disputes_party": OWN,
    "disputes_dispute": "EXISTS (SELECT FROM disputes_party p WHERE p.dispute_id = disputes_dispute.id)",
    "disputes_evidence": OF_OWN_PARTY,
    "disputes_message": OF_OWN_PARTY,
    # What a settlement did to each payee; the settlement itself is the house's.
    "attribution_settlementline": OWN,
}


class Migration(migrations.Migration):
    dependencies = [
        ("attribution_site", "0006_audit_of_people"),
        ("attribution", "0011_settlements"),
        ("disputes", "0002_disputes"),
    ]

    operations = [
        migrations.RunSQL(
            "".join(rows(table, condition) for table, condition in TABLES.items()),
            "".join(no_rows(table) for table in reversed(TABLES)),
        ),
    ]
