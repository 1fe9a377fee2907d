"""Every change leaves a row, whoever makes it and however."""

import datetime as dt
import os
import subprocess
import sys
from decimal import Decimal

import pytest
from django.conf import settings as site
from django.contrib.auth.models import Group
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from attribution import operations as attribution
from attribution.models import AttributionRecord, ModelConfig, Training
from attribution_site.audit.context import because
from attribution_site.audit.tracking import event_models
from conversions.models import Conversion
from partners.models import ApiKey, Partner
from partners.operations import create_key, revoke_key
from partners.webhooks.models import WebhookEndpoint
from reports.operations import save_spend
from tests.api import BASE
from tests.factories import (
    AttributionRecordFactory,
    ConversionFactory,
    PartnerFactory,
    TouchpointFactory,
    TrainingFactory,
    UserFactory,
    WebhookEndpointFactory,
)
from touchpoints import partitions
from touchpoints.models import Touchpoint

pytestmark = pytest.mark.django_db


def run_sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def events_of(row):
    return list(row.audit_events.order_by("pgh_id"))


def told(row):
    return [(event.pgh_label, event.pgh_before) for event in events_of(row)]


def events_named(name):
    return next(model for model in event_models() if model.__name__ == name).objects.order_by("pgh_id")


def test_a_bulk_update_and_one_by_sql_leave_a_row_for_each_row_that_changed():
    first, second, third = (PartnerFactory(name=name) for name in "abc")
    Partner.objects.filter(pk__in=[first.pk, second.pk]).update(name="b")
    run_sql("UPDATE partners_partner SET name = 'b', contact_name = 'Ann'")
    changes = [told(each)[1:] for each in (first, second, third)]
    assert changes == [
        [("update", {"name": "a"}), ("update", {"contact_name": ""})],
        [("update", {"contact_name": ""})],
        [("update", {"name": "c", "contact_name": ""})],
    ]
    last = events_of(third)[-1]
    assert (last.pgh_context, last.pgh_login) == (None, connection.settings_dict["USER"])


def test_an_upsert_says_what_it_added_and_what_it_changed():
    values = {"day": dt.date(2026, 1, 1), "channel": "email", "campaign": None, "partner_id": None, "currency": "USD"}
    for amount in ("5.00", "5.00", "7.00"):
        save_spend(values=values | {"amount": Decimal(amount)})
    assert [(each.pgh_label, each.pgh_before) for each in events_named("SpendEvent")] == [
        ("insert", None),
        ("update", {"amount": 5.00}),
    ]


def test_a_new_id_is_one_row_that_went_and_one_that_came():
    partner = PartnerFactory(id="old")
    run_sql("UPDATE partners_partner SET id = 'new' WHERE id = 'old'")
    events = events_named("PartnerEvent").values_list("pgh_label", "pgh_obj_id")
    assert sorted(events) == [("delete", "old"), ("insert", "new"), ("insert", partner.pk)]


def test_a_key_leaves_who_may_do_what_and_never_its_digest_nor_its_use():
    key, _ = create_key(name="CRM", scopes=["read"])
    ApiKey.objects.update(last_used_at=dt.datetime.now(dt.UTC))
    revoke_key(key_id=key.pk)
    assert [label for label, _ in told(key)] == ["insert", "update"]
    columns = {field.name for field in events_named("ApiKeyEvent").model._meta.fields}
    assert not columns & {"digest", "last_used_at"}
    assert events_of(key)[-1].pgh_before == {"revoked_at": None}


def test_a_webhook_leaves_no_secret():
    webhook = WebhookEndpointFactory()
    WebhookEndpoint.objects.update(url="https://other.example.com/", failing_since=dt.datetime.now(dt.UTC))
    [_, (label, before)] = told(webhook)
    assert (label, before) == ("update", {"url": webhook.url})
    assert "secret" not in str({**vars(events_of(webhook)[-1])}.keys()).replace("old_secret_until", "")


def test_records_leave_changes_and_deletions_and_not_that_they_came():
    record = AttributionRecordFactory()
    assert events_of(record) == []
    AttributionRecord.objects.update(commission_amount=1)
    AttributionRecord.objects.filter(pk=record.pk).delete()
    assert told(record) == [("update", {"commission_amount": 150.00}), ("delete", None)]


def test_conversions_and_their_reversals_leave_rows():
    conversion = ConversionFactory()
    Conversion.objects.update(policy_number="P-1")
    reversal = attribution.reverse_conversion(conversion_id=conversion.pk, values={"reason": "lapse"}, by=None)
    assert [label for label, _ in told(conversion)] == ["update", "update"]
    assert [event.reason for event in events_of(reversal)] == ["lapse"]


def test_a_training_leaves_no_rows_for_its_progress():
    training = TrainingFactory(status="running")
    Training.objects.filter(pk=training.pk).update(steps_done=3, steps_total=9)
    Training.objects.filter(pk=training.pk).update(status="failed", error="x")
    assert [label for label, _ in told(training)] == ["insert", "update"]


def test_what_was_there_before_the_log_is_its_first_row():
    first = ModelConfig.objects.order_by("pk").first()
    assert events_of(first)[0].pgh_label in {"baseline", "insert"}
    assert {each.pk for each in ModelConfig.objects.all()} == set(
        events_named("ModelConfigEvent").values_list("pgh_obj_id", flat=True)
    )


def test_who_may_do_what_leaves_rows_and_signing_in_does_not():
    user, role = UserFactory(), Group.objects.get(name="Finance")
    user.set_password("four words make sense")
    user.last_login = dt.datetime.now(dt.UTC)
    user.save()
    user.is_superuser = True
    user.save()
    user.groups.add(role)
    user.groups.clear()
    people = events_named("PersonEvent").filter(pgh_obj_id=user.pk)
    assert [(each.pgh_label, each.pgh_before) for each in people] == [
        ("insert", None),
        ("update", {"is_superuser": False}),
    ]
    assert "password" not in {field.name for field in people.model._meta.fields}
    memberships = events_named("MembershipEvent").filter(user_id=user.pk)
    assert [(each.pgh_label, each.group_id) for each in memberships] == [("insert", role.pk), ("delete", role.pk)]


def test_a_touch_leaves_changes_also_one_that_moves_it_to_another_month():
    partitions.create_partitions([dt.date(2026, 3, 1), dt.date(2026, 4, 1)])
    march = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
    touch = TouchpointFactory(timestamp=march)
    Touchpoint.objects.filter(pk=touch.pk).update(timestamp=march + dt.timedelta(days=31))
    run_sql("UPDATE touchpoints_touchpoint_2026_04 SET source = 'bing'")  # past the table, at its partition
    run_sql("DELETE FROM touchpoints_touchpoint_2026_04")
    events = told(touch)
    assert [label for label, _ in events] == ["update", "update", "delete"]
    assert events[1][1] == {"source": "google"}


def test_a_touch_that_only_moves_into_its_partition_leaves_none():
    touch = TouchpointFactory(timestamp=dt.datetime(2024, 2, 5, tzinfo=dt.UTC))
    assert partitions.create_partitions([dt.date(2024, 2, 1)])
    assert events_of(touch) == []
    run_sql("DELETE FROM touchpoints_touchpoint_default")
    assert Touchpoint.objects.filter(pk=touch.pk).exists()


def test_a_request_tells_who_from_where_and_by_which_key():
    owner = PartnerFactory()
    _, secret = create_key(name="CRM", scopes=["partner"], payee=("partner", owner.pk))
    client = APIClient()
    body = {"name": "Site", "scopes": ["ingest"]}
    headers = {"authorization": f"Api-Key {secret}", "x-forwarded-for": "203.0.113.9"}
    answer = client.post(f"{BASE}/keys", body, headers=headers, REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 201, answer.content
    event = events_named("ApiKeyEvent").last()
    assert {name: value for name, value in event.pgh_context.items() if value is not None} == {
        "method": "POST",
        "path": f"{BASE}/keys",
        "request": answer["X-Request-Id"],
        "address": "192.0.2.1",
        "forwarded": "203.0.113.9",
        "key": str(ApiKey.objects.get(name="CRM").pk),
    }


def test_a_page_tells_the_user(client):
    boss = UserFactory(is_superuser=True)
    client.force_login(boss)
    partner = PartnerFactory()
    form = {"name": "New name", "status": "active", "contact_name": "", "contact_email": "", "contact_phone": ""}
    answer = client.post(reverse("admin:partners_partner_change", args=[partner.pk]), form)
    assert answer.status_code == 302
    context = events_of(partner)[-1].pgh_context
    assert (context["user"], context["method"]) == (boss.pk, "POST")


def test_a_reason_ends_with_what_it_is_the_reason_of():
    partner = PartnerFactory()
    with because(user=7):
        with because(reason="Merged."):
            Partner.objects.filter(pk=partner.pk).update(name="a")
        Partner.objects.filter(pk=partner.pk).update(name="b")
    contexts = [event.pgh_context for event in events_of(partner)[1:]]
    assert contexts == [{"user": 7, "reason": "Merged."}, {"user": 7}]


@pytest.mark.django_db(transaction=True)
def test_a_command_names_itself_and_percent_signs_stay_what_they_are():
    address = connection.get_connection_params()
    login = f"{address['user']}:{address.get('password') or ''}"
    url = f"postgres://{login}@{address['host']}:{address['port']}/{address['dbname']}"
    program = (
        "from django.db import connection; c = connection.cursor();"
        ' c.execute("INSERT INTO partners_partner (id, name, status, contact_name, contact_email, contact_phone,'
        " created_at, updated_at) VALUES ('p', '5 %% and %s', 'active', '', '', '', now(), now())\")"
    )
    environment = os.environ | {"DATABASE_URL": url, "REDIS_URL": site.REDIS_URL, "ENVIRONMENT": "development"}
    ran = subprocess.run([sys.executable, "manage.py", "shell", "-c", program], env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    [event] = events_of(Partner.objects.get(pk="p"))
    assert event.name == "5 %% and %s"
    assert event.pgh_context["command"] == "shell"
    assert event.pgh_context["os_user"]


def test_a_task_names_itself():
    from attribution_site.celery import app

    @app.task(name="tests.rename")
    def rename(pk):
        Partner.objects.filter(pk=pk).update(name="By a task")

    partner = PartnerFactory()
    done = rename.apply(args=[partner.pk])
    assert done.successful()
    assert events_of(partner)[-1].pgh_context == {"task": "tests.rename", "request": done.id}
    Partner.objects.filter(pk=partner.pk).update(name="Afterwards")


@pytest.mark.django_db(transaction=True)
def test_what_a_batch_deletes_names_the_task_that_did(api):
    from tests.attribution.worlds import make_world

    make_world(5, touches=(2, 4), conversions=(1, 2))
    run = attribution.start_run(queue=False)
    [attribution.calculate_shard(shard.pk) for shard in run.shards.all()]
    Touchpoint.objects.update(channel="email")
    again = attribution.start_run(queue=False)
    with because(task="attribution.tasks.calculate_shard"):
        [attribution.calculate_shard(shard.pk) for shard in again.shards.all()]
    deleted = events_named("AttributionRecordEvent").filter(pgh_label="delete")
    assert deleted.count() > 0
    assert {event.pgh_context["task"] for event in deleted} == {"attribution.tasks.calculate_shard"}
    assert {event.pgh_application for event in deleted} == {"attribution batch"}
