from django.contrib.postgres.indexes import OpClass
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    # For the search box: how a name begins, its letters large or small.
    atomic = False
    dependencies = [("partners", "0005_disputes_scope")]

    operations = [
        AddIndexConcurrently(
            model_name=kind,
            index=models.Index(OpClass(Upper("name"), name="text_pattern_ops"), name=f"{kind}_by_beginning"),
        )
        for kind in ("broker", "partner")
    ]
