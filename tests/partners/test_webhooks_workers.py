"""Several at once, slow ones, and killed ones: with connections, threads and processes of their own."""

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from partners.models import WebhookEndpoint, WebhookMessage
from partners.webhooks import addresses, operations, outbox, posting, sending
from tests.factories import WebhookEndpointFactory
from tests.partners.receivers import receiving

pytestmark = pytest.mark.django_db(transaction=True)


def publish(number):
    return [message for _ in range(number) for message in outbox.publish(event="conversion.created", data={})]


def at_once(number, work):
    """What each of so many threads answered, that all began at the same moment."""
    gate, answers = threading.Barrier(number), []

    def run():
        gate.wait()
        try:
            answers.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_each_message_is_claimed_by_one_of_many():
    for _ in range(10):
        WebhookEndpointFactory()
    publish(3)
    claims = at_once(6, lambda: [message.pk for message in sending.claim(free=7)])
    claimed = [pk for claim in claims for pk in claim]
    # Who comes while another picks may find the rest locked, and gets it the next time.
    assert len(claimed) == len(set(claimed)) >= 7
    assert set(WebhookMessage.objects.filter(pk__in=claimed).values_list("attempts", flat=True)) == {1}


def test_only_one_sends_at_a_time_and_nothing_is_sent_twice(receiver):
    receiver.seconds = 0.2
    WebhookEndpointFactory(url=receiver.url)
    publish(40)
    sent = at_once(4, sending.send_due)
    assert sum(sent) == 40
    assert len(receiver.ids()) == len(set(receiver.ids())) == 40
    assert receiver.most_at_once <= sending.LANES_A_WEBHOOK


def test_a_webhook_that_answers_slowly_holds_up_nobody_else(receiver, monkeypatch):
    for name in ("READ_SECONDS", "TOTAL_SECONDS"):
        monkeypatch.setattr(posting, name, 120.0)
    with receiving() as slow:
        slow.gate.clear()
        WebhookEndpointFactory(url=slow.url)
        publish(12)
        WebhookEndpointFactory(url=receiver.url, events=["conversion.updated"])
        for _ in range(30):
            outbox.publish(event="conversion.updated", data={})
        thread = threading.Thread(target=at_once, args=[1, sending.send_due])
        thread.start()
        wait_until(lambda: len(receiver.requests) == 30)
        assert len(slow.requests) == sending.LANES_A_WEBHOOK, "no more than these were at it all the while"
        slow.gate.set()
        thread.join()
    assert slow.most_at_once == sending.LANES_A_WEBHOOK


def wait_until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.02)


def test_a_pass_begins_nothing_new_after_its_time(receiver):
    WebhookEndpointFactory(url=receiver.url)
    publish(3)
    assert sending.send_due(seconds=0.0) == 0
    assert receiver.requests == []


def test_one_that_is_failing_is_tried_by_one_at_a_time(receiver):
    WebhookEndpointFactory(url=receiver.url, failing_since=timezone.now())
    publish(5)
    assert len(sending.claim()) == sending.LANES_IF_FAILING


def test_a_webhook_that_is_deleted_while_others_publish_breaks_nobodys_transaction():
    endpoint = WebhookEndpointFactory()

    def delete():
        operations.delete_endpoint(endpoint_id=endpoint.pk)

    def tell():
        outbox.publish(event="conversion.created", data={})

    works = [delete, *[tell] * 7]
    at_once(8, lambda: works.pop()())
    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.secret) == ("deleted", "")
    assert sending.send_due() == 0


def test_of_many_that_add_webhooks_at_once_no_more_than_the_most_succeed(monkeypatch):
    monkeypatch.setattr(operations, "MOST_WEBHOOKS", 3)

    def add():
        try:
            operations.create_endpoint(url="https://hooks.example.com/", events=["conversion.created"])
        except operations.TooManyWebhooks:
            return "refused"
        return "added"

    assert sorted(at_once(6, add)) == ["added"] * 3 + ["refused"] * 3
    assert WebhookEndpoint.objects.count() == 3


SEND = "import django; django.setup(); from partners.webhooks import sending; sending.send_due()"


def sender():
    """A process that sends, as a worker would."""
    login = settings.DATABASES["default"]
    database = connection.settings_dict["NAME"]
    url = f"postgres://{login['USER']}:{login['PASSWORD']}@{login['HOST']}:{login['PORT']}/{database}"
    own = {
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "ENVIRONMENT": "development",
        "DJANGO_SETTINGS_MODULE": "attribution_site.settings",
        "WEBHOOK_PLAIN_HTTP": "yes",
        "WEBHOOK_INNER_NETWORKS": "127.0.0.0/8",
    }
    return subprocess.Popen([sys.executable, "-c", SEND], env={**os.environ, **own}, cwd=settings.BASE_DIR)


def test_what_a_killed_sender_had_sent_is_sent_again_under_the_same_id(receiver):
    receiver.seconds = 30.0
    WebhookEndpointFactory(url=receiver.url)
    [message] = publish(1)
    process = sender()
    try:
        wait_until(lambda: receiver.requests)
    finally:
        # Killed after it has sent and before it knows the answer.
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    message.refresh_from_db()
    assert (message.status, message.attempts, message.log.count()) == ("pending", 1, 0)
    receiver.seconds = 0.0
    assert sending.send_due() == 0, "it may still be on its way"

    WebhookMessage.objects.update(next_attempt_at=timezone.now() - dt.timedelta(seconds=1))
    assert sending.send_due() == 1
    message.refresh_from_db()
    assert (message.status, message.attempts) == ("delivered", 2)
    assert receiver.ids() == [str(message.pk)] * 2


def test_a_claim_outlasts_the_longest_attempt():
    longest = addresses.LOOK_UP_SECONDS + posting.TOTAL_SECONDS + posting.CONNECT_SECONDS
    assert sending.CLAIM.total_seconds() > 2 * longest
