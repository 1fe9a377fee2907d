import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('payouts', '0008_bank_files_that_count'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='payoutline',
            name='added',
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutline',
            trigger=pgtrigger.compiler.Trigger(name='added', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE fitting bigint; opened bigint; lines bigint;', func="\n    EXECUTE 'WITH taken AS (\n            DELETE FROM payouts_openentry o USING added a JOIN payouts_payout p ON p.id = a.payout_id\n            WHERE o.entry_id = a.entry_id\n            RETURNING a.live AND p.status = ''draft'' AND a.amount = o.amount\n                AND (o.payee_type, o.payee_id, o.currency) = (p.payee_type, p.payee_id, p.currency) AS fits\n        ) SELECT count(*), count(*) FILTER (WHERE fits) FROM taken' INTO opened, fitting;\n    SELECT count(*) FROM added INTO lines;\n    IF fitting <> opened THEN\n        RAISE EXCEPTION 'A line is an entry of the payout''s payee and currency, added to a draft'\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'line_of_its_entry';\n    END IF;\n    IF opened <> lines THEN\n        RAISE EXCEPTION 'A line is an open entry, and an entry is in one live payout at most'\n            USING ERRCODE = 'unique_violation', CONSTRAINT = 'one_live_line_an_entry';\n    END IF;\n    RETURN NULL;\n", hash='72d15a82ffc23b0f5b79b2dd5f97ef727b8c4c4f', level='STATEMENT', operation='INSERT', pgid='pgtrigger_added_b0ca1', referencing='REFERENCING NEW TABLE AS added ', table='payouts_payoutline', when='AFTER')),
        ),
    ]
