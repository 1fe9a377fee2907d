"""Writes of webhooks, and what people and programs may ask of their messages."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from attribution_site.errors import DomainError
from attribution_site.queueing import queue_on_commit
from partners import tasks
from partners.webhooks import addresses, outbox, sealing
from partners.webhooks.events import ENDPOINT_DISABLED, EVENTS, FOR_PAYEES
from partners.webhooks.models import WebhookEndpoint, WebhookMessage

MOST_WEBHOOKS = 20
OVERLAP = dt.timedelta(hours=24)
LONGEST_OVERLAP = dt.timedelta(days=30)
Status = WebhookEndpoint.Status


class TooManyWebhooks(DomainError):
    code = "too_many_webhooks"


class WebhookIsDisabled(DomainError):
    code = "webhook_is_disabled"


class NotSentYet(DomainError):
    """The message is still on its way."""

    code = "not_sent_yet"


@transaction.atomic
def create_endpoint(
    *,
    url: str,
    events: Sequence[str],
    description: str = "",
    payee: tuple[str, str] | None = None,
    created_by: Any = None,
) -> tuple[WebhookEndpoint, str]:
    """A new webhook and its secret, which is told this once. `payee`: kind and id of whose it is; None: the house's."""
    _check(url=url, events=events, is_bound=payee is not None)
    _lock_number_of(payee)
    bound = {f"{payee[0]}_id": payee[1]} if payee else {"partner": None, "broker": None}
    if WebhookEndpoint.objects.filter(**bound).exclude(status=Status.DELETED).count() >= MOST_WEBHOOKS:
        raise TooManyWebhooks(f"There are {MOST_WEBHOOKS} webhooks already: delete one first.")
    secret = sealing.new_secret()
    endpoint = WebhookEndpoint(
        url=url,
        events=sorted(set(events)),
        description=description,
        secret=sealing.seal(secret),
        created_by=created_by,
        **bound,
    )
    endpoint.save(force_insert=True)
    return endpoint, secret


def _lock_number_of(payee: tuple[str, str] | None) -> None:
    """Until the transaction ends: of two at once, the second counts the first one's."""
    with connection.cursor() as cursor:
        owner = ":".join(payee or ("house", ""))
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('partners.webhooks of'), hashtext(%s))", [owner])


@transaction.atomic
def change_endpoint(*, endpoint_id: UUID, changes: Mapping[str, Any]) -> WebhookEndpoint:
    """Change url, events or description. Messages that wait go to the new URL."""
    endpoint = _locked(endpoint_id)
    for name, value in changes.items():
        setattr(endpoint, name, value)
    endpoint.events = sorted(set(endpoint.events))
    _check(url=endpoint.url, events=endpoint.events, is_bound=endpoint.payee is not None)
    endpoint.save(update_fields=["url", "events", "description"])
    return endpoint


@transaction.atomic
def delete_endpoint(*, endpoint_id: UUID) -> None:
    """Nothing is sent there any more. What was is kept as long as all messages are."""
    endpoint = _locked(endpoint_id)
    endpoint.status, endpoint.secret, endpoint.old_secret = Status.DELETED, "", ""
    endpoint.save(update_fields=["status", "secret", "old_secret"])
    _give_up_waiting(endpoint)


@transaction.atomic
def rotate_secret(*, endpoint_id: UUID, overlap: dt.timedelta = OVERLAP) -> tuple[WebhookEndpoint, str]:
    """A new secret, told this once. For `overlap`, messages are signed with the old one as well."""
    if not dt.timedelta(0) <= overlap <= LONGEST_OVERLAP:
        message = f"The old secret can go on for 0 to {LONGEST_OVERLAP.days * 24} hours."
        raise ValidationError({"overlap_hours": ValidationError(message, code="out_of_range")})
    endpoint, secret = _locked(endpoint_id), sealing.new_secret()
    endpoint.old_secret, endpoint.old_secret_until = endpoint.secret, timezone.now() + overlap
    endpoint.secret = sealing.seal(secret)
    endpoint.save(update_fields=["secret", "old_secret", "old_secret_until"])
    return endpoint, secret


@transaction.atomic
def disable_endpoint(*, endpoint_id: UUID, reason: str) -> WebhookEndpoint:
    """Switch it off, and tell its owner by mail and the house by an event. What waits has failed."""
    endpoint = _locked(endpoint_id)
    if endpoint.status == Status.DISABLED:
        return endpoint
    endpoint.status, endpoint.disabled_at, endpoint.disabled_reason = Status.DISABLED, timezone.now(), reason[:500]
    endpoint.save(update_fields=["status", "disabled_at", "disabled_reason"])
    _give_up_waiting(endpoint)
    owner = endpoint.payee or ("house", None)
    told = {
        "webhook_id": endpoint.pk,
        "url": endpoint.url,
        "owner": owner[0],
        "owner_id": owner[1],
        "disabled_at": endpoint.disabled_at,
        "reason": endpoint.disabled_reason,
    }
    outbox.publish(event=ENDPOINT_DISABLED, data=told)
    queue_on_commit(tasks.mail_that_webhook_is_disabled, str(endpoint.pk))
    return endpoint


@transaction.atomic
def enable_endpoint(*, endpoint_id: UUID) -> WebhookEndpoint:
    """Switch it on again. What failed meanwhile stays so until it is replayed."""
    endpoint = _locked(endpoint_id)
    endpoint.status, endpoint.disabled_at, endpoint.disabled_reason = Status.ACTIVE, None, ""
    endpoint.failing_since = None
    endpoint.save(update_fields=["status", "disabled_at", "disabled_reason", "failing_since"])
    return endpoint


@transaction.atomic
def ping(*, endpoint_id: UUID) -> WebhookMessage:
    """Send it a test message, whatever events it asks for."""
    return outbox.ping(_active(endpoint_id))


@transaction.atomic
def replay_message(*, message_id: UUID) -> WebhookMessage:
    """Send a message again that was delivered or failed: the same text under the same id."""
    endpoint_id = WebhookMessage.objects.values_list("endpoint_id", flat=True).get(pk=message_id)
    _active(endpoint_id)
    message = WebhookMessage.objects.select_for_update().get(pk=message_id)
    if message.status == WebhookMessage.Status.PENDING:
        raise NotSentYet("This message is still on its way.")
    _replay(WebhookMessage.objects.filter(pk=message.pk))
    message.refresh_from_db()
    return message


@transaction.atomic
def replay_failed(*, endpoint_id: UUID, since: dt.datetime | None = None) -> int:
    """Send again all that failed, of events since then; how many messages."""
    _active(endpoint_id)
    failed = WebhookMessage.objects.filter(endpoint=endpoint_id, status=WebhookMessage.Status.FAILED)
    return _replay(failed.filter(created_at__gte=since) if since else failed)


def _replay(messages: Any) -> int:
    number: int = messages.update(
        status=WebhookMessage.Status.PENDING, attempts=0, next_attempt_at=Now(), delivered_at=None
    )
    queue_on_commit(tasks.send_webhooks)
    return number


def _give_up_waiting(endpoint: WebhookEndpoint) -> None:
    waiting = WebhookMessage.objects.filter(endpoint=endpoint, status=WebhookMessage.Status.PENDING)
    waiting.update(status=WebhookMessage.Status.FAILED, next_attempt_at=None)


def _locked(endpoint_id: UUID) -> WebhookEndpoint:
    kept = WebhookEndpoint.objects.exclude(status=Status.DELETED)
    return kept.select_for_update(no_key=True).get(pk=endpoint_id)


def _active(endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = _locked(endpoint_id)
    if endpoint.status != Status.ACTIVE:
        raise WebhookIsDisabled("The webhook is switched off: enable it first.")
    return endpoint


def _check(*, url: str, events: Sequence[str], is_bound: bool) -> None:
    errors = {}
    try:
        addresses.target_of(url)
    except addresses.Refused as refused:
        errors["url"] = ValidationError(str(refused), code="not_allowed")
    known = FOR_PAYEES if is_bound else list(EVENTS)
    if not events or set(events) - set(known):
        errors["events"] = ValidationError(f"Give some of {', '.join(known)}.", code="invalid_choice")
    if errors:
        raise ValidationError(errors)
