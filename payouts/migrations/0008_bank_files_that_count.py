
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.fields.json
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payouts', '0007_rules_and_findings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Download',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='DownloadEvent',
            fields=[
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(db_default=models.Func(function='clock_timestamp'))),
                ('pgh_before', models.JSONField(help_text='Of an update: the columns that changed, as they were.', null=True)),
                ('pgh_context', models.JSONField(null=True)),
                ('pgh_cluster', models.BigIntegerField(db_default=models.Func(function='audit_cluster'))),
                ('pgh_xact', models.BigIntegerField(db_default=models.Func(function='audit_xact'))),
                ('pgh_login', models.CharField(db_default=django.db.models.expressions.RawSQL('session_user', ()), max_length=63)),
                ('pgh_application', models.TextField(db_default=django.db.models.expressions.RawSQL("current_setting('application_name')", ()))),
                ('pgh_address', models.GenericIPAddressField(db_default=models.Func(function='inet_client_addr'), null=True)),
                ('id', models.BigIntegerField()),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='exported',
            name='append_only',
        ),
        migrations.RemoveConstraint(
            model_name='exported',
            name='one_bank_file_a_payout',
        ),
        migrations.AddField(
            model_name='bankfile',
            name='conflicts',
            field=models.PositiveIntegerField(db_default=0, help_text='Lines that do not go with what is known here: nothing was booked, somebody looks.'),
        ),
        migrations.AddField(
            model_name='exported',
            name='refused_in',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='payouts.bankfile'),
        ),
        migrations.AlterField(
            model_name='bankfile',
            name='content',
            field=models.BinaryField(help_text='The file, sealed.'),
        ),
        migrations.AlterField(
            model_name='export',
            name='content',
            field=models.BinaryField(help_text='The file, sealed: it has whole account numbers.'),
        ),
        migrations.AlterField(
            model_name='export',
            name='sha256',
            field=models.CharField(help_text='Of the file as the bank gets it.', max_length=64),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='exported',
            trigger=pgtrigger.compiler.Trigger(name='no_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='37f1f472f787c0a239f1cf818cc686e45ab4534b', operation='DELETE', pgid='pgtrigger_no_delete_23f7e', table='payouts_exported', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='exported',
            trigger=pgtrigger.compiler.Trigger(name='of_approved', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    IF NOT EXISTS (\n        SELECT FROM payouts_payout WHERE id = NEW.payout_id AND status = 'approved'\n            AND (total, lines_hash) = (NEW.amount, NEW.lines_hash)\n    ) THEN\n        RAISE EXCEPTION 'A bank file orders what was approved'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_of_approved';\n    END IF;\n    RETURN NEW;\n", hash='55e7fec8120c25210295c8ba1b02618df1e94bd4', operation='INSERT', pgid='pgtrigger_of_approved_00b15', table='payouts_exported', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='exported',
            trigger=pgtrigger.compiler.Trigger(name='stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    IF OLD.refused_in_id IS NOT NULL OR NEW.refused_in_id IS NULL\n        OR to_jsonb(OLD) - 'refused_in_id' <> to_jsonb(NEW) - 'refused_in_id'\n    THEN\n        RAISE EXCEPTION 'An order stays as it is; once, the bank may say that it did not pay it'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_stays';\n    END IF;\n    RETURN NEW;\n", hash='46a686140ac58f68431851a93b344c64c3b0cdbe', operation='UPDATE', pgid='pgtrigger_stays_59a3e', table='payouts_exported', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='exported',
            constraint=models.UniqueConstraint(condition=models.Q(('refused_in__isnull', True)), fields=('payout',), name='one_bank_file_that_counts'),
        ),
        migrations.AddConstraint(
            model_name='exported',
            constraint=models.UniqueConstraint(fields=('payout', 'export'), name='one_order_a_payout_and_file'),
        ),
        migrations.AddField(
            model_name='download',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='download',
            name='export',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='downloads', to='payouts.export'),
        ),
        migrations.AddField(
            model_name='downloadevent',
            name='by',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='downloadevent',
            name='export',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='payouts.export'),
        ),
        migrations.AddField(
            model_name='downloadevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='audit_events', to='payouts.download'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='download',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6b615b426cca1bd0610c85397a6d1b97fd8ec61a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_72920', table='payouts_download', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='download',
            trigger=pgtrigger.compiler.Trigger(name='audit_insert', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _at timestamptz; _context jsonb; _cluster bigint; _xact bigint;', func='\n            IF NOT EXISTS (SELECT FROM added) THEN RETURN NULL; END IF;\n            _at := clock_timestamp(); _context := audit_context(); _cluster := audit_cluster();\n            _xact := audit_xact();\n            INSERT INTO "payouts_downloadevent" ("id", "export_id", "by_id", "at", "pgh_obj_id", "pgh_label", "pgh_before",\n                "pgh_created_at", "pgh_context", "pgh_cluster", "pgh_xact")\n            SELECT "id", "export_id", "by_id", "at", "id", _label, _before, _at, _context, _cluster, _xact FROM (SELECT *, \'insert\' AS _label, NULL::jsonb AS _before FROM added) changed;\n            RETURN NULL;\n        ', hash='3b6dd4b1b1417fc5e64ffbf07f57c48fb673e46f', level='STATEMENT', operation='INSERT', pgid='pgtrigger_audit_insert_8e817', referencing='REFERENCING NEW TABLE AS added ', table='payouts_download', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='download',
            trigger=pgtrigger.compiler.Trigger(name='audit_update', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _at timestamptz; _context jsonb; _cluster bigint; _xact bigint;', func='\n            IF NOT EXISTS (SELECT FROM added) THEN RETURN NULL; END IF;\n            _at := clock_timestamp(); _context := audit_context(); _cluster := audit_cluster();\n            _xact := audit_xact();\n            INSERT INTO "payouts_downloadevent" ("id", "export_id", "by_id", "at", "pgh_obj_id", "pgh_label", "pgh_before",\n                "pgh_created_at", "pgh_context", "pgh_cluster", "pgh_xact")\n            SELECT "id", "export_id", "by_id", "at", "id", _label, _before, _at, _context, _cluster, _xact FROM (\n        SELECT CASE WHEN n."id" IS NULL THEN o."id" ELSE n."id" END AS "id", CASE WHEN n."id" IS NULL THEN o."export_id" ELSE n."export_id" END AS "export_id", CASE WHEN n."id" IS NULL THEN o."by_id" ELSE n."by_id" END AS "by_id", CASE WHEN n."id" IS NULL THEN o."at" ELSE n."at" END AS "at",\n            CASE WHEN n."id" IS NULL THEN \'delete\' WHEN o."id" IS NULL THEN \'insert\' ELSE \'update\' END\n                AS _label,\n            CASE WHEN n."id" IS NOT NULL AND o."id" IS NOT NULL THEN CASE WHEN o."id" IS DISTINCT FROM n."id" THEN jsonb_build_object(\'id\', o."id") ELSE \'{}\' END || CASE WHEN o."export_id" IS DISTINCT FROM n."export_id" THEN jsonb_build_object(\'export_id\', o."export_id") ELSE \'{}\' END || CASE WHEN o."by_id" IS DISTINCT FROM n."by_id" THEN jsonb_build_object(\'by_id\', o."by_id") ELSE \'{}\' END || CASE WHEN o."at" IS DISTINCT FROM n."at" THEN jsonb_build_object(\'at\', o."at") ELSE \'{}\' END END AS _before\n        FROM removed o FULL JOIN added n ON o."id" = n."id"\n        WHERE (o."id", o."export_id", o."by_id", o."at") IS DISTINCT FROM (n."id", n."export_id", n."by_id", n."at")\n    ) changed;\n            RETURN NULL;\n        ', hash='c49d0c0ada2d8a08565946f59d110c8c46feffc3', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_audit_update_5effc', referencing='REFERENCING OLD TABLE AS removed  NEW TABLE AS added ', table='payouts_download', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='download',
            trigger=pgtrigger.compiler.Trigger(name='audit_delete', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _at timestamptz; _context jsonb; _cluster bigint; _xact bigint;', func='\n            IF NOT EXISTS (SELECT FROM removed) THEN RETURN NULL; END IF;\n            _at := clock_timestamp(); _context := audit_context(); _cluster := audit_cluster();\n            _xact := audit_xact();\n            INSERT INTO "payouts_downloadevent" ("id", "export_id", "by_id", "at", "pgh_obj_id", "pgh_label", "pgh_before",\n                "pgh_created_at", "pgh_context", "pgh_cluster", "pgh_xact")\n            SELECT "id", "export_id", "by_id", "at", "id", _label, _before, _at, _context, _cluster, _xact FROM (SELECT *, \'delete\' AS _label, NULL::jsonb AS _before FROM removed) changed;\n            RETURN NULL;\n        ', hash='c1733176a7a42f0290aeeca035327e95b0ac0187', level='STATEMENT', operation='DELETE', pgid='pgtrigger_audit_delete_06c75', referencing='REFERENCING OLD TABLE AS removed ', table='payouts_download', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='downloadevent',
            index=models.Index(fields=['pgh_obj', 'pgh_id'], name='download_ev_obj'),
        ),
        migrations.AddIndex(
            model_name='downloadevent',
            index=models.Index(fields=['pgh_label', 'pgh_created_at', 'pgh_id'], name='download_ev_label'),
        ),
        migrations.AddIndex(
            model_name='downloadevent',
            index=django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['pgh_xact'], name='download_ev_xact', pages_per_range=32),
        ),
        migrations.AddIndex(
            model_name='downloadevent',
            index=models.Index(django.db.models.fields.json.KeyTextTransform('user', 'pgh_context'), models.F('pgh_created_at'), models.F('pgh_id'), condition=models.Q(('pgh_context__user__isnull', False)), name='download_ev_user'),
        ),
        migrations.AddIndex(
            model_name='downloadevent',
            index=models.Index(django.db.models.fields.json.KeyTextTransform('key', 'pgh_context'), models.F('pgh_created_at'), models.F('pgh_id'), condition=models.Q(('pgh_context__key__isnull', False)), name='download_ev_key'),
        ),
        migrations.AddIndex(
            model_name='downloadevent',
            index=models.Index(django.db.models.fields.json.KeyTextTransform('request', 'pgh_context'), condition=models.Q(('pgh_context__request__isnull', False)), name='download_ev_request'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='downloadevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            RAISE EXCEPTION 'Audit rows cannot be changed or deleted: % is append-only', TG_TABLE_NAME\n                USING ERRCODE = 'insufficient_privilege';\n        ", hash='098e0bbe16d71c66535c2d07dad5c47686ac7b08', level='STATEMENT', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1112c', table='payouts_downloadevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='downloadevent',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n            RAISE EXCEPTION 'Audit rows cannot be emptied: % is append-only', TG_TABLE_NAME\n                USING ERRCODE = 'insufficient_privilege';\n        ", hash='72a612444a36d75b6a11b05ebedf065bb0e84ff1', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_62d52', table='payouts_downloadevent', when='BEFORE')),
        ),
    ]
