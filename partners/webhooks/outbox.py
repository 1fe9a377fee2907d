"""Messages are written in the transaction of what they tell of: what is rolled back was never told."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Q
from django.utils import timezone
from psycopg import sql

from attribution_site.api.wire import JSONRenderer
from attribution_site.queueing import queue_on_commit
from partners import tasks
from partners.webhooks.events import EVENTS, FOR_PAYEES, PING
from partners.webhooks.models import WebhookEndpoint, WebhookMessage

Payee = tuple[str, str]


def publish(
    *, event: str, data: Mapping[str, Any], payees: Iterable[Payee] = (), to_house: bool = True
) -> list[WebhookMessage]:
    """Tell the webhooks of the house, and those of these payees, that ask for the event. Where none does, it costs
    one query of a small table.

    `data` has our names (they leave in camelCase) and values; amounts are Decimals.
    """
    assert event in EVENTS, event
    payees = list(payees)
    assert event in FOR_PAYEES or not payees, f"{event} is for the house alone"
    messages = _messages(event, data, payees, to_house)
    if messages:
        WebhookMessage.objects.bulk_create(messages)
        queue_on_commit(tasks.send_webhooks)
    return messages


def publishing(
    *, event: str, data: Mapping[str, Any], payees: Iterable[Payee] = (), to_house: bool = True
) -> sql.Composable | None:
    """What `publish` writes, as SQL for a transaction that is not Django's; None where nobody asks. It answers how
    many messages it wrote, and the next beat sends them."""
    messages = _messages(event, data, list(payees), to_house)
    if not messages:
        return None
    row = sql.SQL("({}::uuid, {}::uuid, {}, {}, 'pending', 0)")
    rows = [row.format(str(each.pk), str(each.endpoint_id), each.event, each.body) for each in messages]
    return sql.SQL(
        "WITH told AS (INSERT INTO {} (id, endpoint_id, event, body, status, attempts) VALUES {} RETURNING 1)"
        " SELECT count(*) FROM told"
    ).format(sql.Identifier(WebhookMessage._meta.db_table), sql.SQL(", ").join(rows))


def _messages(event: str, data: Mapping[str, Any], payees: list[Payee], to_house: bool) -> list[WebhookMessage]:
    asking = WebhookEndpoint.objects.active().filter(_whose(payees, to_house), events__contains=[event])
    numbers = list(asking.values_list("pk", flat=True))
    body = _body(event, data) if numbers else ""
    return [WebhookMessage(endpoint_id=number, event=event, body=body) for number in numbers]


def _body(event: str, data: Mapping[str, Any]) -> str:
    body: bytes = JSONRenderer().render({"type": event, "timestamp": timezone.now(), "data": data})
    return body.decode()


def who_asks_for(event: str) -> tuple[bool, Sequence[Payee]]:
    """Whether the house does, and which payees: for whom it is worth counting what is theirs."""
    asking = WebhookEndpoint.objects.active().filter(events__contains=[event])
    pairs = set(asking.values_list("partner_id", "broker_id"))
    payees = {("partner", partner) if partner else ("broker", broker) for partner, broker in pairs if partner or broker}
    return (None, None) in pairs, sorted(payees)


def _whose(payees: list[Payee], to_house: bool) -> Q:
    named = {kind: [pk for each, pk in payees if each == kind] for kind in ("partner", "broker")}
    whose = Q(partner__in=named["partner"]) | Q(broker__in=named["broker"])
    return whose | Q(partner=None, broker=None) if to_house else whose


def ping(endpoint: WebhookEndpoint) -> WebhookMessage:
    """A test message, which goes to this webhook whatever it asks for."""
    body = _body(PING, {"webhook_id": endpoint.pk, "description": endpoint.description})
    message = WebhookMessage.objects.create(endpoint=endpoint, event=PING, body=body)
    message.refresh_from_db()
    queue_on_commit(tasks.send_webhooks)
    return message
