"""The second lock before a partner's eyes: its requests run as a database role that row-level security binds.

The first lock is `visible_to` of each queryset. Were one forgotten, the database itself would still show a bound key
nothing but its payee's rows. What a request must read beyond that, it reads inside `as_owner`.
"""

from contextlib import contextmanager

from django.db import connection, transaction
from psycopg.pq import TransactionStatus

ROLE = "attribution_payee"
ENTER = """SELECT set_config('attribution.payee_kind', %s, true), set_config('attribution.payee_id', %s, true),
    set_config('role', %s, true)"""
BACK = "SELECT set_config('role', %s, true)"

# Of a migration: makes the role once a cluster, which many databases may share.
CREATE_ROLE = f"""
DO $$
DECLARE
    may_act text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        BEGIN
            CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of the cluster was faster
        END;
    END IF;
    -- Since PostgreSQL 16 who makes a role is a member that may not yet act as it.
    may_act := CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END;
    IF NOT pg_has_role(current_user, '{ROLE}', may_act) THEN
        EXECUTE format('GRANT {ROLE} TO %I', current_user);
    END IF;
END $$;
GRANT USAGE ON SCHEMA public TO {ROLE};
"""
KIND = "current_setting('attribution.payee_kind', true)"
ID = "current_setting('attribution.payee_id', true)"
OF_PAYEE = f"(({KIND} = 'partner' AND partner_id = {ID}) OR ({KIND} = 'broker' AND broker_id = {ID}))"


def rows(table, condition, *, verbs="SELECT"):
    """SQL that lets the role read, and by other verbs write, the rows of a table that fulfil the condition."""
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON {table} TO {ROLE} USING ({condition}) WITH CHECK ({condition});
GRANT {verbs} ON {table} TO {ROLE};
"""


def no_rows(table):
    """SQL that takes it back."""
    return f"""
REVOKE ALL ON {table} FROM {ROLE};
DROP POLICY own_rows ON {table};
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""


def _set(sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def _back_to(role):
    """In a transaction that failed there is nothing to set: undoing it sets the role back."""
    if connection.connection.info.transaction_status == TransactionStatus.INERROR:
        transaction.set_rollback(True)
    elif not connection.needs_rollback:
        _set(BACK, role)


@contextmanager
def restricted_to(payee):
    """One transaction in which the database shows, and takes, only what is the payee's."""
    with transaction.atomic():
        _set(ENTER, payee.kind, payee.id, ROLE)
        yield
        _back_to("none")


@contextmanager
def as_owner():
    """Within a restricted request: what the house itself must read or write for it. Elsewhere it changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('role')")
        [role] = cursor.fetchone()
    if role != ROLE:
        yield
        return
    _set(BACK, "none")
    try:
        yield
    finally:
        _back_to(ROLE)


class RestrictedToPayee:
    """Middleware: a request of the API by the key of a partner or broker runs restricted to it, from the first query
    on. Elsewhere keys say nothing."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        from attribution_site.api import keys

        payee = keys.payee_asking(request) if request.path.startswith("/api/v1/") else None
        if payee is None:
            return self.get_response(request)
        with restricted_to(payee):
            return self.get_response(request)
