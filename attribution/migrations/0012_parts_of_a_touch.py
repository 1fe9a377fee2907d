from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models

# As long as it takes, beside readers and writers: a table of records may have a hundred million rows.
MAKE_INDEX = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_record_a_touch_model_and_part
    ON attribution_attributionrecord (conversion_id, model, touchpoint_id, part)
"""
# One short lock for both: there is always one that holds.
CHANGE = """
ALTER TABLE attribution_attributionrecord
    ADD CONSTRAINT one_record_a_touch_model_and_part UNIQUE USING INDEX one_record_a_touch_model_and_part,
    DROP CONSTRAINT one_record_a_touch_and_model
"""
CHANGE_BACK = """
ALTER TABLE attribution_attributionrecord
    ADD CONSTRAINT one_record_a_touch_and_model UNIQUE (conversion_id, model, touchpoint_id),
    DROP CONSTRAINT one_record_a_touch_model_and_part
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("attribution", "0011_settlements")]

    operations = [
        migrations.RunSQL(MAKE_INDEX, migrations.RunSQL.noop),
        migrations.RunSQL(
            CHANGE,
            CHANGE_BACK,
            state_operations=[
                migrations.RemoveConstraint("attributionrecord", "one_record_a_touch_and_model"),
                migrations.AddConstraint(
                    "attributionrecord",
                    models.UniqueConstraint(
                        fields=("conversion_id", "model", "touchpoint_id", "part"),
                        name="one_record_a_touch_model_and_part",
                    ),
                ),
            ],
        ),
        ValidateConstraint("adjustment", "adjustment_has_its_cause"),
        ValidateConstraint("adjustment", "adjustment_of_anything"),
    ]
