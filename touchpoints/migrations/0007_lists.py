from django.db import migrations, models

COLUMNS = {"session": "session_id", "referral_code": "referral_code"}
PARTITIONS = """
    SELECT inhrelid::regclass::text, EXISTS (
        SELECT FROM pg_inherits attached JOIN pg_index i ON i.indexrelid = attached.inhrelid
        WHERE attached.inhparent = %s::regclass AND i.indrelid = p.inhrelid)
    FROM pg_inherits p WHERE inhparent = 'touchpoints_touchpoint'::regclass"""


def add_indexes(apps, schema_editor):
    """CONCURRENTLY is for partitions one by one; the table's own index is whole once all of theirs are attached.
    What is there already is left: whoever was interrupted begins again."""
    for suffix, column in COLUMNS.items():
        index = f"touchpoint_by_{suffix}"
        of_rows = f'({column}, "timestamp") WHERE {column} IS NOT NULL'
        schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {index} ON ONLY touchpoints_touchpoint {of_rows}")
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(PARTITIONS, [index])
            partitions = cursor.fetchall()
        for partition, has_index in partitions:
            if has_index:
                continue
            part = f"{partition}_by_{suffix}"
            # One that a broken build has left is not valid.
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {part}")
            schema_editor.execute(f"CREATE INDEX CONCURRENTLY {part} ON {partition} {of_rows}")
            schema_editor.execute(f"ALTER INDEX {index} ATTACH PARTITION {part}")


def drop_indexes(apps, schema_editor):
    for suffix in COLUMNS:
        schema_editor.execute(f"DROP INDEX IF EXISTS touchpoint_by_{suffix}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("touchpoints", "0006_audit")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(add_indexes, drop_indexes)],
            state_operations=[
                migrations.AddIndex(
                    model_name="touchpoint",
                    index=models.Index(
                        fields=[column, "timestamp"],
                        name=f"touchpoint_by_{suffix}",
                        condition=models.Q((f"{column}__isnull", False)),
                    ),
                )
                for suffix, column in COLUMNS.items()
            ],
        ),
    ]
