"""Messages on their way: claimed, sent without any transaction, recorded; and sent again if they did not arrive.

One process at a time sends, by threads that only speak HTTP. A webhook has few of them at once, so that one that
answers slowly holds up nobody else. Each message is sent at least once: a process that is killed between sending and
recording leaves a message that is due again when its claim runs out, under the same `webhook-id`.
"""

import datetime as dt
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from partners.webhooks import operations, posting, sealing
from partners.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage

logger = logging.getLogger(__name__)

# How long after an attempt the next one follows, as Standard Webhooks recommend it: three days in all.
DELAYS = [
    dt.timedelta(seconds=5),
    dt.timedelta(minutes=5),
    dt.timedelta(minutes=30),
    *(dt.timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]
ATTEMPTS = len(DELAYS) + 1
# Added to each delay, by chance: not all that failed together shall come back together.
JITTER = 0.1
# A webhook is switched off when a message has used up its attempts and nothing else has arrived for as long.
DISABLE_AFTER = dt.timedelta(days=3)
# More than one attempt can take. A message that was claimed so long ago has lost its sender.
CLAIM = dt.timedelta(seconds=60)
LANES = 32
LANES_A_WEBHOOK = 4
LANES_IF_FAILING = 1
# After this a sender takes nothing new, and leaves its worker to others.
PASS_SECONDS = 20.0
KEPT_FOR = dt.timedelta(days=30)
PRUNED_AT_ONCE = 5000
GONE = 410


def send_due(*, seconds: float = PASS_SECONDS) -> int:
    """Send what is due, unless somebody is at it already; how many attempts were made."""
    stop_at, sent = time.monotonic() + seconds, 0
    while True:
        with _alone() as is_alone:
            if not is_alone:
                return sent
            made = _pass(stop_at)
        sent += made
        # Whoever came while we were finishing found us at it and left: look once more.
        if not made or time.monotonic() >= stop_at:
            return sent


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext('partners.webhooks'))")
        [is_alone] = cursor.fetchone()
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtext('partners.webhooks'))")


def _pass(stop_at: float) -> int:
    running: dict[Future[posting.Answer], WebhookMessage] = {}
    made = 0
    with ThreadPoolExecutor(LANES, thread_name_prefix="webhook") as pool:
        while True:
            if time.monotonic() < stop_at:
                busy = Counter(message.endpoint_id for message in running.values())
                for message in claim(free=LANES - len(running), busy=busy):
                    running[pool.submit(_send, message, timezone.now())] = message
            if not running:
                return made
            # Not for long: something new may be due for a webhook that has lanes free.
            for future in wait(running, timeout=0.5, return_when=FIRST_COMPLETED).done:
                record(message=running.pop(future), answer=future.result())
                made += 1


def claim(*, free: int = LANES, busy: Counter[UUID] | None = None) -> list[WebhookMessage]:
    """Take at most so many due messages, each by one claimer only: the longest due first, and of each webhook no
    more than its lanes that are not `busy`."""
    if free <= 0:
        return []
    with connection.cursor() as cursor:
        busy = busy or Counter()
        cursor.execute(
            _CLAIM,
            {
                "busy_webhooks": list(busy),
                "busy_lanes": list(busy.values()),
                "lanes": LANES_A_WEBHOOK,
                "if_failing": LANES_IF_FAILING,
                "free": free,
                "seconds": CLAIM.total_seconds(),
            },
        )
        claimed = [pk for (pk,) in cursor.fetchall()]
    if not claimed:
        return []
    # A webhook may have been deleted this moment, and its secret with it.
    active = WebhookMessage.objects.filter(endpoint__status=WebhookEndpoint.Status.ACTIVE)
    messages = active.select_related("endpoint").in_bulk(claimed)
    return [messages[pk] for pk in claimed if pk in messages]


# Webhooks are few: for each, its few longest due by the index, rather than a ranking of all that is due.
_CLAIM = """
    WITH lanes AS (
        SELECT e.id, CASE WHEN e.failing_since IS NULL THEN %(lanes)s ELSE %(if_failing)s END
            - coalesce(b.lanes, 0) AS free
        FROM partners_webhookendpoint e
        LEFT JOIN unnest(%(busy_webhooks)s::uuid[], %(busy_lanes)s::int[]) b (id, lanes) ON b.id = e.id
        WHERE e.status = 'active'
    ), due AS (
        SELECT m.id FROM lanes CROSS JOIN LATERAL (
            SELECT id, next_attempt_at FROM partners_webhookmessage
            WHERE endpoint_id = lanes.id AND status = 'pending' AND next_attempt_at <= statement_timestamp()
            ORDER BY next_attempt_at, id LIMIT greatest(lanes.free, 0) FOR UPDATE SKIP LOCKED
        ) m ORDER BY m.next_attempt_at, m.id LIMIT %(free)s
    ), taken AS (
        UPDATE partners_webhookmessage m SET attempts = attempts + 1,
            next_attempt_at = statement_timestamp() + make_interval(secs => %(seconds)s)
        FROM due WHERE m.id = due.id RETURNING m.id
    )
    SELECT id FROM taken ORDER BY id
"""


def _send(message: WebhookMessage, now: dt.datetime) -> posting.Answer:
    """In a thread of its own, which must ask the database nothing."""
    try:
        headers = headers_of(message, now)
    except InvalidToken:
        logger.error("FIELD_ENCRYPTION_KEYS do not open the secret of webhook %s.", message.endpoint_id)
        return posting.Answer(None, 0.0, error="The secret can't be read. Rotate it.")
    return posting.post(message.endpoint.url, message.body.encode(), headers)


def headers_of(message: WebhookMessage, now: dt.datetime) -> dict[str, str]:
    signatures = [
        Webhook(secret).sign(str(message.pk), now, message.body) for secret in secrets_of(message.endpoint, now)
    ]
    return {
        "Content-Type": "application/json",
        "User-Agent": "Attribution-Webhooks/1",
        "webhook-id": str(message.pk),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def secrets_of(endpoint: WebhookEndpoint, now: dt.datetime) -> list[str]:
    """The secret, and for a while after a rotation the one before it as well."""
    is_overlapping = endpoint.old_secret and endpoint.old_secret_until and endpoint.old_secret_until > now
    sealed = [endpoint.secret, endpoint.old_secret] if is_overlapping else [endpoint.secret]
    return [sealing.unseal(each) for each in sealed]


@transaction.atomic
def record(*, message: WebhookMessage, answer: posting.Answer) -> None:
    """Write down an attempt, and what follows from it. The webhook's row is locked first, as everywhere."""
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=message.endpoint_id)
    WebhookAttempt.objects.create(
        message_id=message.pk,
        at=timezone.now(),
        status_code=answer.status,
        duration_ms=round(answer.seconds * 1000),
        error=answer.error[:300],
        answer=answer.text,
    )
    if answer.is_success:
        _delivered(message, endpoint)
    else:
        _failed(message, endpoint, answer)


def _delivered(message: WebhookMessage, endpoint: WebhookEndpoint) -> None:
    WebhookMessage.objects.filter(pk=message.pk).update(
        status=WebhookMessage.Status.DELIVERED, next_attempt_at=None, delivered_at=timezone.now()
    )
    if endpoint.failing_since:
        endpoint.failing_since = None
        endpoint.save(update_fields=["failing_since"])


def _failed(message: WebhookMessage, endpoint: WebhookEndpoint, answer: posting.Answer) -> None:
    now = timezone.now()
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        endpoint.save(update_fields=["failing_since"])
    is_last = message.attempts >= ATTEMPTS or answer.status == GONE
    pending = WebhookMessage.objects.filter(pk=message.pk, status=WebhookMessage.Status.PENDING)
    if is_last:
        pending.update(status=WebhookMessage.Status.FAILED, next_attempt_at=None)
    else:
        pending.update(next_attempt_at=Now() + delay_after(message.attempts, answer.retry_after))
    if endpoint.status != WebhookEndpoint.Status.ACTIVE:
        return
    if answer.status == GONE:
        operations.disable_endpoint(endpoint_id=endpoint.pk, reason="The server answered 410: it wants no more.")
    elif is_last and endpoint.failing_since <= now - DISABLE_AFTER:
        since = f"{endpoint.failing_since:%Y-%m-%d %H:%M} UTC"
        operations.disable_endpoint(
            endpoint_id=endpoint.pk, reason=f"Nothing has arrived since {since}. {answer.error}"
        )


def delay_after(attempts: int, retry_after: float | None = None) -> dt.timedelta:
    """From the attempt of this number to the next: longer if the server asks for it, and a little by chance."""
    delay = DELAYS[attempts - 1]
    if retry_after is not None:
        delay = max(delay, dt.timedelta(seconds=retry_after))
    return delay * (1 + random.uniform(0, JITTER))


def prune() -> int:
    """Drop what was settled long ago, with its attempts; how many messages. In pieces: no long locks."""
    before, dropped = timezone.now() - KEPT_FOR, 0
    while True:
        old = list(WebhookMessage.objects.settled_before(before).values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        WebhookMessage.objects.filter(pk__in=old).delete()
        dropped += len(old)
        if len(old) < PRUNED_AT_ONCE:
            return dropped
