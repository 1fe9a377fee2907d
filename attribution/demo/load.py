"""Puts the demo data into the database, in one transaction, once."""

import datetime as dt
import io
from collections.abc import Callable

import pyarrow.csv
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, transaction

from attribution.demo import catalogue, leads, tables
from attribution_site.errors import DomainError
from conversions.models import Conversion
from partners.models import Broker, Partner
from touchpoints import partitions
from touchpoints.models import Touchpoint

PASSWORD = "demo"  # only ever set on a development installation
LOGINS = {
    "operations": "Operations",
    "finance": "Finance",
    "controller": "Finance",  # who approves what finance prepared
    "analyst": "Analyst",
    "administrator": None,
}
MOST_LEADS = 9_999_999  # what the seven digits of a lead's number hold


class AlreadyLoaded(DomainError):
    pass


class OtherData(DomainError):
    pass


def leads_loaded() -> int:
    """How many demo leads there are: every lead has a row, so the highest number says it."""
    if not Partner.objects.filter(pk=catalogue.PARTNERS[0].id).exists():
        return 0
    numbers = [
        rows.filter(lead_id__startswith="demo-").order_by("-lead_id").values_list("lead_id", flat=True).first()
        for rows in (Touchpoint.objects, Conversion.objects)
    ]
    return max((int(lead_id.removeprefix("demo-")) + 1 for lead_id in numbers if lead_id), default=0)


def other_data() -> list[str]:
    """What else the database holds, by name; empty for a fresh one."""
    kinds = (Partner, Broker, Touchpoint, Conversion)
    return [str(kind._meta.verbose_name_plural) for kind in kinds if kind.objects.exists()]


def load(
    *,
    number: int,
    days: int,
    seed: int,
    today: dt.date,
    among_others: bool = False,
    advance: Callable[[int], object] = lambda count: None,
) -> None:
    """Store this many leads. `advance` is told of each chunk's leads once they are written."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Two at once would both find the database empty.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('attribution.demo'))")
        if leads_loaded():
            raise AlreadyLoaded("The demo data is already there.")
        if not among_others and (kinds := other_data()):
            raise OtherData(f"The database holds other data ({', '.join(kinds)}).")
        _store_payees(Partner, catalogue.PARTNERS, first_number=10)
        _store_payees(Broker, catalogue.BROKERS, first_number=60)
        start, end = (dt.datetime.fromtimestamp(at // 1_000_000, dt.UTC) for at in leads.window(today, days))
        months = partitions.months_between(partitions.month_of(start), partitions.month_of(end))
        partitions.create_partitions(months)
        for chunk in leads.chunks(leads=number, days=days, seed=seed, today=today):
            _copy(Touchpoint, tables.touchpoints(chunk))
            _copy(Conversion, tables.conversions(chunk))
            advance(min(leads.CHUNK, number - chunk.first_number))
    with connection.cursor() as cursor:
        # The planner would otherwise work with the statistics of an empty table until autovacuum comes by.
        cursor.execute("ANALYZE touchpoints_touchpoint, conversions_conversion")


def _store_payees(model, payees, *, first_number):
    model.objects.bulk_create(
        model(
            id=payee.id,
            name=payee.name,
            status=payee.status,
            contact_name=payee.contact,
            contact_email=payee.email,
            contact_phone=f"+1 555 01{number:02}",
        )
        for number, payee in enumerate(payees, start=first_number)
    )


def _copy(model, table):
    text = io.BytesIO()
    pyarrow.csv.write_csv(table, text, pyarrow.csv.WriteOptions(include_header=False))
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    statement = f'COPY "{model._meta.db_table}" ({columns}) FROM STDIN (FORMAT csv)'
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(text.getbuffer())


def create_logins() -> list[str]:
    """One login a role, all with the same simple password: for a development installation only."""
    if settings.PRODUCTION:
        raise DomainError("Demo logins are made on development installations only.")
    made = []
    for username, role in LOGINS.items():
        user, created = get_user_model().objects.get_or_create(
            username=username,
            defaults={"is_staff": True, "is_superuser": role is None, "first_name": username.capitalize()},
        )
        if not created:
            continue
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        if role:
            user.groups.add(Group.objects.get(name=role))
        made.append(username)
    return made


def working_logins() -> list[tuple[str, str, str]]:
    """Role, username and password of the demo logins that still have the demo password."""
    if settings.PRODUCTION:
        return []
    users = get_user_model().objects.filter(username__in=LOGINS, is_active=True)
    working = {user.username for user in users if user.check_password(PASSWORD)}
    return [(role or "Administrator", username, PASSWORD) for username, role in LOGINS.items() if username in working]
