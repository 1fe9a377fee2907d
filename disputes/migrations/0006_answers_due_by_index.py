from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("disputes", "0005_answers_fall_due")]

    operations = [
        AddIndexConcurrently(
            model_name="dispute",
            index=models.Index(
                fields=["answer_due_at"],
                name="dispute_by_answer_due",
                condition=models.Q(("status", "needs_information")),
            ),
        ),
    ]
