from django.db import migrations

# What was stored before the triggers of migration 0005 is summed up by the first `refresh_daily_credit`; until then
# reports read those days' records. Locks nothing: what is written meanwhile, the triggers note.
MARK = """
    INSERT INTO attribution_changedday (model, day)
    SELECT DISTINCT model, (occurred_at AT TIME ZONE 'UTC')::date FROM attribution_attributionrecord"""


class Migration(migrations.Migration):
    dependencies = [("attribution", "0006_data_driven")]

    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
