import datetime as dt

from django.db import migrations

# Version 1 of each model that the engine knows, in effect since before any touch can be.
SINCE = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
MODELS = ["first_touch", "last_touch", "linear", "time_decay", "position_based"]
PAYABLE = "position_based"
# Written out in full: a later change of the code's defaults must not change what these versions say.
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
}


def create(apps, schema_editor):
    config = apps.get_model("attribution", "ModelConfig")
    config.objects.bulk_create(
        config(model=model, version=1, parameters=PARAMETERS, effective_from=SINCE) for model in MODELS
    )
    apps.get_model("attribution", "PayableModel").objects.create(model=PAYABLE, effective_from=SINCE)


class Migration(migrations.Migration):
    dependencies = [("attribution", "0001_initial")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
