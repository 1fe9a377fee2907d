import datetime as dt

from django.db import migrations

SINCE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
# Written out in full, as in migration 0002.
PARAMETERS = {
    "lookback_days": 90,
    "lookback_days_by_type": {},
    "lookback_steps": None,
    "half_life_days": 7.0,
    "position_weights": [0.4, 0.2, 0.4],
    "excluded_channels": [],
    "exclude_direct": False,
    "collapse_repeats": False,
    "restart_after_conversion": False,
    "states": "channel",
    "markov_order": 1,
    "weigh_by": "conversions",
    "training_days": 90,
    "minimum_conversions": 100,
}


def create(apps, schema_editor):
    config = apps.get_model("attribution", "ModelConfig")
    config.objects.create(model="data_driven", version=1, parameters=PARAMETERS, effective_from=SINCE)


class Migration(migrations.Migration):
    dependencies = [("attribution", "0005_engine")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
