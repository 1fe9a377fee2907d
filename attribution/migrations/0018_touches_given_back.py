from django.db import migrations, models

WAYS = [
    ("reassign", "Give a touch to another payee"),
    ("split", "Split a touch between two payees"),
    ("insert", "Insert a missing touch"),
    ("exclude", "Exclude a touch"),
    ("restore", "Give back a touch that was taken out"),
    ("by_hand", "Set shares by hand"),
]


class Migration(migrations.Migration):
    dependencies = [("attribution", "0017_lists")]

    operations = [
        migrations.RemoveConstraint("settlement", "settlement_way_known"),
        migrations.AlterField("settlement", "way", models.CharField(choices=WAYS, max_length=16)),
        migrations.AlterField("settlementevent", "way", models.CharField(choices=WAYS, max_length=16)),
        # One row a resolved dispute: it is read in no time.
        migrations.AddConstraint(
            "settlement",
            models.CheckConstraint(
                condition=models.Q(way__in=["reassign", "split", "insert", "exclude", "restore", "by_hand"]),
                name="settlement_way_known",
            ),
        ),
    ]
