"""The demo data: believable, the same for the same day and seed, loaded once."""

import datetime as dt
import hashlib
import io
import uuid

import pyarrow.csv
import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, F, Max

from attribution.demo import leads, load, tables
from attribution.models import AttributionRecord, Run
from conversions.models import Conversion
from partners.models import Broker, Partner
from tests.factories import TouchpointFactory
from touchpoints.models import Touchpoint

TODAY = dt.date(2026, 5, 12)


def fingerprint(number, *, seed=12, today=TODAY):
    made = hashlib.sha256()
    for chunk in leads.chunks(leads=number, days=90, seed=seed, today=today):
        for table in (tables.touchpoints(chunk), tables.conversions(chunk)):
            text = io.BytesIO()
            pyarrow.csv.write_csv(table, text)
            made.update(text.getvalue())
    return made.hexdigest()


def load_small(number=300, **options):
    load.load(**{"number": number, "days": 90, "seed": 12, "today": TODAY, **options})


def command(*arguments):
    out = io.StringIO()
    call_command("load_demo", *arguments, stdout=out)
    return out.getvalue()


def test_the_same_day_and_seed_give_the_same_rows_to_the_byte():
    assert fingerprint(500) == fingerprint(500)
    assert fingerprint(500) != fingerprint(500, seed=13)
    assert fingerprint(500) != fingerprint(500, today=TODAY + dt.timedelta(days=1))


def test_more_leads_begin_with_the_same_leads():
    few, many = (next(leads.chunks(leads=n, days=90, seed=12, today=TODAY)) for n in (400, 5000))
    kept = many.touches.keep(many.touches.lead < 400)
    assert few.touches.at.tolist() == kept.at.tolist()
    assert few.touches.channel.tolist() == kept.channel.tolist()


def test_ids_are_version_7_and_carry_the_time_of_their_row():
    chunk = next(leads.chunks(leads=200, days=90, seed=12, today=TODAY))
    table = tables.touchpoints(chunk)
    for text, at in zip(table["id"].to_pylist(), chunk.touches.at.tolist(), strict=True):
        made = uuid.UUID(text)
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert made.int >> 80 == at // 1000
    assert len(set(table["id"].to_pylist())) == table.num_rows


def test_the_leads_are_believable():
    chunk = next(leads.chunks(leads=10_000, days=90, seed=12, today=TODAY))
    start, end = leads.window(TODAY, 90)
    touches, sales = chunk.touches, chunk.sales
    converting = len(set(sales.lead.tolist())) / 10_000
    assert 0.20 <= converting <= 0.25
    assert start <= touches.at.min()
    assert max(touches.at.max(), sales.at.max()) < end
    each = [0] * 10_000
    for lead in touches.lead.tolist():
        each[lead] += 1
    assert max(each) <= 20
    assert set(each) >= set(range(1, 16))
    # Nobody is without a row: the number of leads is read off the highest one.
    assert {n for n in range(10_000) if not each[n]} <= set(sales.lead.tolist())


def test_a_policy_follows_its_quote():
    sales = next(leads.chunks(leads=5000, days=90, seed=12, today=TODAY)).sales
    at = {(lead, kind): when for lead, when, kind in zip(sales.lead, sales.at, sales.kind, strict=True)}
    bound = [lead for lead, kind in at if kind == leads.POLICY]
    assert len(bound) > 100
    assert all(at[lead, leads.QUOTE] < at[lead, leads.POLICY] for lead in bound)
    renewed = [lead for lead, kind in at if kind == leads.RENEWAL and (lead, leads.POLICY) in at]
    assert renewed
    assert all(at[lead, leads.POLICY] < at[lead, leads.RENEWAL] for lead in renewed)


@pytest.mark.django_db
def test_rows_pass_the_rules_of_their_models_and_lie_in_month_partitions():
    load_small()
    for row in [*Touchpoint.objects.all()[:50], *Conversion.objects.all()[:50], *Partner.objects.all()]:
        row.full_clean()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM touchpoints_touchpoint_default")
        assert cursor.fetchone() == (0,)
    known = {*Partner.objects.values_list("pk", flat=True), *Broker.objects.values_list("pk", flat=True)}
    named = Touchpoint.objects.exclude(partner_id=None).values_list("partner_id", flat=True)
    assert named
    assert set(named) <= known


@pytest.mark.django_db
def test_commission_is_rate_times_value_to_the_half_cent():
    load_small()
    for sale in Conversion.objects.all():
        exact = sale.value * sale.commission_rate
        assert abs(sale.commission_amount - exact) * 200 <= 1


@pytest.mark.django_db
def test_more_than_a_chunk_of_leads_is_counted_and_unique():
    load_small(leads.CHUNK + 7)
    assert load.leads_loaded() == leads.CHUNK + 7
    assert Touchpoint.objects.aggregate(n=Count("id", distinct=True), all=Count("id"), last=Max("lead_id")) == {
        "n": Touchpoint.objects.count(),
        "all": Touchpoint.objects.count(),
        "last": f"demo-{leads.CHUNK + 6:07}",
    }
    assert not Conversion.objects.filter(updated_at__lt=F("occurred_at")).exists()


@pytest.mark.django_db
def test_other_data_is_never_mixed_in_silently():
    TouchpointFactory()
    with pytest.raises(CommandError, match="other data"):
        command("--leads", "10", "--no-calculate")
    assert not Partner.objects.exists()
    command("--leads", "10", "--no-calculate", "--force")
    assert load.leads_loaded() == 10


@pytest.mark.django_db
def test_a_second_call_does_nothing_and_a_bigger_one_is_refused():
    command("--leads", "50", "--no-calculate")
    before = Touchpoint.objects.count()
    assert "already there (50 leads)" in command()
    assert "already there (50 leads)" in command("--leads", "20")
    with pytest.raises(CommandError, match="already there with 50 leads"):
        command("--leads", "60")
    assert Touchpoint.objects.count() == before


@pytest.mark.django_db
def test_there_is_one_login_a_role():
    command("--leads", "10", "--no-calculate")
    users = get_user_model().objects
    assert {user.username: [group.name for group in user.groups.all()] for user in users.all()} == {
        "operations": ["Operations"],
        "finance": ["Finance"],
        "controller": ["Finance"],
        "analyst": ["Analyst"],
        "administrator": [],
    }
    assert users.get(is_superuser=True).username == "administrator"
    assert len(load.working_logins()) == 5


@pytest.mark.django_db
def test_production_gets_no_demo_logins(settings):
    settings.PRODUCTION = True
    assert "No demo logins" in command("--leads", "10", "--no-calculate")
    assert not get_user_model().objects.exists()


@pytest.mark.django_db
def test_production_tells_no_logins_that_were_made_before_it_was_one(settings):
    load.create_logins()
    assert len(load.working_logins()) == 5
    settings.PRODUCTION = True
    assert load.working_logins() == []


@pytest.mark.django_db
@pytest.mark.parametrize(("flag", "value"), [("--leads", "0"), ("--days", "0"), ("--seed", "-1")])
def test_a_bad_flag_is_named(flag, value):
    with pytest.raises(CommandError, match=flag):
        command(flag, value)


@pytest.mark.django_db(transaction=True)
def test_what_is_loaded_is_calculated():
    command("--leads", "200")
    assert Run.objects.get().status == Run.Status.FINISHED
    calculated = AttributionRecord.objects.filter(model="linear").values("conversion_id").distinct().count()
    assert calculated > 0.8 * Conversion.objects.count()
