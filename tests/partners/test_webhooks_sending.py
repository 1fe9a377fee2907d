"""From the outbox to a real server, and back into the log."""

import datetime as dt
import json
import re

import pytest
from django.core import mail
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from partners.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from partners.webhooks import mailing, operations, outbox, sending
from tests.factories import PartnerFactory, WebhookEndpointFactory
from tests.partners.receivers import SECRET

pytestmark = pytest.mark.django_db
EVENT = "conversion.created"


@pytest.fixture
def endpoint(receiver):
    return WebhookEndpointFactory(url=receiver.url, plain_secret=SECRET)


def publish(**data):
    [message] = outbox.publish(event=EVENT, data=data)
    return message


def due_now(message):
    """As if its time had come."""
    WebhookMessage.objects.filter(pk=message.pk).update(next_attempt_at=timezone.now() - dt.timedelta(minutes=1))


def test_a_message_arrives_signed_and_is_logged(endpoint, receiver):
    message = publish(lead_id="lead-ü", value=15)
    assert sending.send_due() == 1
    [(method, path, headers, body)] = receiver.requests
    assert (method, path, headers["Content-Type"]) == ("POST", "/in?from=us", "application/json")
    assert headers["webhook-id"] == str(message.pk)
    read = Webhook(SECRET).verify(body, headers)
    assert (read["type"], read["data"]) == (EVENT, {"leadId": "lead-ü", "value": 15})
    message.refresh_from_db()
    assert (message.status, message.attempts, message.next_attempt_at) == ("delivered", 1, None)
    assert message.delivered_at is not None
    [attempt] = message.log.all()
    assert (attempt.status_code, attempt.error, attempt.answer) == (204, "", "")
    assert sending.send_due() == 0, "once is enough"


def test_the_receiver_in_the_documentation_takes_it_once(endpoint, receiver, settings):
    text = (settings.BASE_DIR / "docs" / "webhooks.md").read_text()
    [example] = re.findall(r"```python\n(.*?)```", text, re.S)
    known = {}
    exec(example.replace("whsec_…", SECRET), known)
    message = publish(value=15)
    sending.send_due()
    operations.replay_message(message_id=message.pk)
    sending.send_due()
    first, second = [(body, headers) for _, _, headers, body in receiver.requests]
    assert known["received"](*first)["data"] == {"value": 15}
    assert known["received"](*second) is None
    with pytest.raises(WebhookVerificationError):
        known["received"](first[0] + b" ", first[1])


def test_whoever_has_another_secret_or_changes_a_byte_is_found_out(endpoint, receiver):
    publish(value=15)
    sending.send_due()
    [(_, _, headers, body)] = receiver.requests
    for secret, text in ((SECRET, body.replace(b"15", b"16")), ("whsec_" + "YW5vdGhlcg==" * 4, body)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(text, headers)


def test_after_a_rotation_both_secrets_sign_until_the_overlap_ends(endpoint, receiver):
    _, new = operations.rotate_secret(endpoint_id=endpoint.pk, overlap=dt.timedelta(hours=1))
    publish()
    sending.send_due()
    _, _, headers, body = receiver.requests[-1]
    for secret in (SECRET, new):
        Webhook(secret).verify(body, headers)

    WebhookEndpoint.objects.update(old_secret_until=timezone.now() - dt.timedelta(seconds=1))
    publish()
    sending.send_due()
    _, _, headers, body = receiver.requests[-1]
    Webhook(new).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


def test_what_fails_is_sent_again_under_the_same_id_and_text(endpoint, receiver):
    receiver.answers = [(500, {}, b"oh no"), (200, {}, b"ok")]
    message = publish(value=1)
    sending.send_due()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("pending", 1)
    seconds = (message.next_attempt_at - timezone.now()).total_seconds()
    assert 4 < seconds <= 5.5
    assert sending.send_due() == 0, "its time has not come"
    due_now(message)
    sending.send_due()
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("delivered", 2)
    assert len(set(receiver.ids())) == 1
    assert receiver.requests[0][3] == receiver.requests[1][3]
    assert [(each.status_code, each.answer) for each in message.log.all()] == [(500, "oh no"), (200, "ok")]
    assert json.loads(receiver.requests[0][3])["data"] == {"value": 1}


def test_delays_grow_over_three_days_and_never_fall_together():
    delays = [sending.delay_after(attempt) for attempt in range(1, sending.ATTEMPTS)]
    assert [round(each.total_seconds() / 1.05, -1) for each in delays][1:3] == pytest.approx([300, 1800], rel=0.06)
    assert dt.timedelta(hours=75) < sum(delays, dt.timedelta(0)) < dt.timedelta(hours=84)
    assert len({sending.delay_after(3) for _ in range(20)}) > 10


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_time_gets_it(endpoint, receiver, status):
    receiver.answers = [(status, {"Retry-After": "3600"}, b"")]
    message = publish()
    sending.send_due()
    message.refresh_from_db()
    assert message.next_attempt_at - timezone.now() > dt.timedelta(minutes=59)


def test_after_the_last_attempt_a_message_has_failed(endpoint, receiver):
    receiver.answers = [(500, {}, b"")]
    message = publish()
    WebhookMessage.objects.update(attempts=sending.ATTEMPTS - 1)
    sending.send_due()
    message.refresh_from_db()
    endpoint.refresh_from_db()
    assert (message.status, message.attempts, message.next_attempt_at) == ("failed", sending.ATTEMPTS, None)
    assert endpoint.status == "active", "it has failed for a moment only"
    assert endpoint.failing_since is not None


def test_a_success_ends_the_failing(endpoint, receiver):
    WebhookEndpoint.objects.update(failing_since=timezone.now() - dt.timedelta(days=9))
    publish()
    sending.send_due()
    endpoint.refresh_from_db()
    assert endpoint.failing_since is None


def test_a_webhook_to_which_nothing_arrives_for_days_is_switched_off_with_notice(
    endpoint, receiver, django_capture_on_commit_callbacks
):
    receiver.answers = [(500, {}, b"")]
    watcher = WebhookEndpointFactory(description="watcher", events=["endpoint.disabled"])
    owner = PartnerFactory(id="partner-a", contact_email="it@partner-a.example")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        partner=owner, events=["records.changed"], failing_since=timezone.now() - dt.timedelta(days=4)
    )
    last, waiting = (
        outbox.publish(event="records.changed", data={}, payees=[("partner", "partner-a")])[0] for _ in "12"
    )
    WebhookMessage.objects.filter(pk=last.pk).update(attempts=sending.ATTEMPTS - 1)
    due_now(last)
    WebhookMessage.objects.filter(pk=waiting.pk).update(next_attempt_at=timezone.now() + dt.timedelta(hours=1))
    sending.send_due()

    endpoint.refresh_from_db()
    assert endpoint.status == "disabled"
    assert endpoint.disabled_at is not None
    assert "Nothing has arrived since" in endpoint.disabled_reason
    assert set(endpoint.messages.values_list("status", flat=True)) == {"failed"}
    notice = json.loads(watcher.messages.get().body)
    assert notice["type"] == "endpoint.disabled"
    assert (notice["data"]["webhookId"], notice["data"]["ownerId"]) == (str(endpoint.pk), "partner-a")
    assert mailing.mail_that_webhook_is_disabled(endpoint_id=endpoint.pk)
    [letter] = mail.outbox
    assert letter.to == ["it@partner-a.example"]
    assert receiver.url in letter.body
    assert outbox.publish(event="records.changed", data={}, payees=[("partner", "partner-a")]) == []


def test_no_mail_is_sent_about_a_webhook_that_is_on_again(endpoint):
    assert not mailing.mail_that_webhook_is_disabled(endpoint_id=endpoint.pk)
    assert mail.outbox == []


def test_a_server_that_is_gone_for_good_is_left_alone_at_once(endpoint, receiver):
    receiver.answers = [(410, {}, b"")]
    first, second = publish(), publish()
    WebhookMessage.objects.filter(pk=second.pk).update(next_attempt_at=timezone.now() + dt.timedelta(hours=1))
    assert sending.send_due() == 1
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == ("disabled", "The server answered 410: it wants no more.")
    assert {message.status for message in WebhookMessage.objects.all()} == {"failed"}
    WebhookMessage.objects.filter(pk=first.pk).update(status="pending", next_attempt_at=timezone.now())
    assert sending.send_due() == 0, "nothing goes to a webhook that is off"


def test_a_delivered_message_can_be_sent_again(endpoint, receiver):
    message = publish()
    sending.send_due()
    operations.replay_message(message_id=message.pk)
    assert sending.send_due() == 1
    assert len(receiver.ids()) == 2
    assert len(set(receiver.ids())) == 1
    assert WebhookAttempt.objects.filter(message=message).count() == 2


def test_a_message_on_its_way_is_not_replayed(endpoint):
    with pytest.raises(operations.NotSentYet):
        operations.replay_message(message_id=publish().pk)


def test_all_that_failed_since_a_time_is_sent_again_once_the_webhook_is_on(endpoint, receiver):
    old, new = publish(), publish()
    WebhookMessage.objects.update(status="failed", next_attempt_at=None)
    WebhookMessage.objects.filter(pk=old.pk).update(created_at=timezone.now() - dt.timedelta(days=2))
    operations.disable_endpoint(endpoint_id=endpoint.pk, reason="By hand.")
    since = timezone.now() - dt.timedelta(days=1)
    with pytest.raises(operations.WebhookIsDisabled):
        operations.replay_failed(endpoint_id=endpoint.pk, since=since)
    operations.enable_endpoint(endpoint_id=endpoint.pk)
    assert operations.replay_failed(endpoint_id=endpoint.pk, since=since) == 1
    sending.send_due()
    assert receiver.ids() == [str(new.pk)]


def test_a_secret_that_cannot_be_read_stops_nobody_else(endpoint, receiver):
    WebhookEndpointFactory(url=receiver.url, secret="of other keys")
    messages = outbox.publish(event=EVENT, data={})
    assert sending.send_due() == 2
    assert sorted(WebhookMessage.objects.values_list("status", flat=True)) == ["delivered", "pending"]
    assert len(messages) == 2
    assert WebhookAttempt.objects.get(status_code=None).error == "The secret can't be read. Rotate it."


def test_secrets_are_sealed_and_outlive_a_change_of_keys(settings, endpoint):
    assert SECRET not in endpoint.secret
    assert sending.secrets_of(endpoint, timezone.now()) == [SECRET]
    settings.FIELD_ENCRYPTION_KEYS = ["new" * 20, *settings.FIELD_ENCRYPTION_KEYS]
    assert sending.secrets_of(endpoint, timezone.now()) == [SECRET]


def test_what_was_settled_long_ago_is_dropped_and_what_waits_is_not(endpoint, receiver):
    delivered = publish()
    sending.send_due()
    waiting, young = publish(), publish()
    WebhookMessage.objects.filter(pk=young.pk).update(status="failed", next_attempt_at=None)
    long_ago = timezone.now() - dt.timedelta(days=31)
    WebhookMessage.objects.filter(pk__in=[delivered.pk, waiting.pk]).update(created_at=long_ago)
    assert sending.prune() == 1
    assert set(WebhookMessage.objects.values_list("pk", flat=True)) == {waiting.pk, young.pk}
    assert not WebhookAttempt.objects.exists()
