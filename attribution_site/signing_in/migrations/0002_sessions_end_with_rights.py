from django.db import migrations

# Whoever writes, a form, a shell or SQL: a new password, deactivation and a right that is taken away end sessions.
ENDED_BY = """
CREATE FUNCTION signing_in_end_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'auth_user' THEN
        DELETE FROM signing_in_session WHERE user_id = NEW.id;
    WHEN 'auth_group_permissions' THEN
        DELETE FROM signing_in_session WHERE user_id IN (SELECT user_id FROM auth_user_groups WHERE group_id = OLD.group_id);
    ELSE
        DELETE FROM signing_in_session WHERE user_id = OLD.user_id;
    END CASE;
    RETURN NULL;
END $$;

CREATE TRIGGER end_sessions AFTER UPDATE OF password, is_active, is_staff, is_superuser ON auth_user FOR EACH ROW
    WHEN (OLD.password <> NEW.password OR OLD.is_active > NEW.is_active OR OLD.is_staff > NEW.is_staff
        OR OLD.is_superuser > NEW.is_superuser)
    EXECUTE FUNCTION signing_in_end_sessions();
CREATE TRIGGER end_sessions AFTER DELETE ON auth_user_groups FOR EACH ROW
    EXECUTE FUNCTION signing_in_end_sessions();
CREATE TRIGGER end_sessions AFTER DELETE ON auth_user_user_permissions FOR EACH ROW
    EXECUTE FUNCTION signing_in_end_sessions();
CREATE TRIGGER end_sessions AFTER DELETE ON auth_group_permissions FOR EACH ROW
    EXECUTE FUNCTION signing_in_end_sessions();
"""
TABLES = ("auth_user", "auth_user_groups", "auth_user_user_permissions", "auth_group_permissions")
NOT_ENDED = "".join(f"DROP TRIGGER end_sessions ON {table};" for table in TABLES)


class Migration(migrations.Migration):
    dependencies = [("signing_in", "0001_sessions"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunSQL(ENDED_BY, NOT_ENDED + "DROP FUNCTION signing_in_end_sessions();")]
