from django.db import migrations

from attribution_site.isolation import CREATE_ROLE, ID, KIND, OF_PAYEE, ROLE, no_rows, rows

ALL_VERBS = "SELECT, INSERT, UPDATE, DELETE"
TABLES = {
    "touchpoints_touchpoint": (OF_PAYEE, ALL_VERBS),
    # What its own touches led to: their answers say so. Touches are under their own policy here too.
    "conversions_conversion": (
        "EXISTS (SELECT FROM touchpoints_touchpoint t WHERE t.lead_id = conversions_conversion.lead_id)",
        "SELECT",
    ),
    "attribution_attributionrecord": (f"payee_type = {KIND} AND payee_id = {ID}", "SELECT"),
    "partners_partner": (f"{KIND} = 'partner' AND id = {ID}", "SELECT"),
    "partners_broker": (f"{KIND} = 'broker' AND id = {ID}", "SELECT"),
    "partners_apikey": (OF_PAYEE, "SELECT, INSERT, UPDATE"),
}
# Which version of which model made a record is nobody's secret; of days only that they changed is noted.
OPEN = f"""
GRANT SELECT ON attribution_modelconfig TO {ROLE};
GRANT INSERT ON touchpoints_changedday TO {ROLE};
-- The guard of touches with frozen credit must see every record, whoever asks.
ALTER FUNCTION attribution_touchpoint_guard() SECURITY DEFINER SET search_path = public, pg_temp;
"""
CLOSED = f"""
ALTER FUNCTION attribution_touchpoint_guard() SECURITY INVOKER RESET search_path;
REVOKE ALL ON attribution_modelconfig, touchpoints_changedday FROM {ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [
        ("attribution_site", "0001_kept_answers"),
        ("partners", "0002_keys"),
        ("touchpoints", "0003_redacted"),
        ("conversions", "0002_daily_touches"),
        ("attribution", "0008_frozen_index"),
    ]

    operations = [
        migrations.RunSQL(CREATE_ROLE, migrations.RunSQL.noop),
        migrations.RunSQL(
            "".join(rows(table, condition, verbs=verbs) for table, (condition, verbs) in TABLES.items()) + OPEN,
            CLOSED + "".join(no_rows(table) for table in TABLES),
        ),
    ]
