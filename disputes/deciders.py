"""Whose work a dispute may become: who may decide disputes at all, and who this one."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from attribution_site.errors import DomainError
from disputes.actors import Actor
from disputes.models import Dispute


class NotYoursToDo(DomainError):
    """The asker takes part in the dispute, but this is for somebody else to do."""

    code = "not_yours_to_do"


class OwnDispute(NotYoursToDo):
    """Who resolves is not who filed."""

    code = "own_dispute"


class AppealToAnother(NotYoursToDo):
    """An appeal is decided by somebody else than what it is about."""

    code = "appeal_to_another"


def deciders() -> QuerySet[Any]:
    """People who may decide disputes, superusers among them."""
    name = {"codename": "resolve_dispute", "content_type__app_label": "disputes"}
    by_group = Q(**{f"groups__permissions__{each}": value for each, value in name.items()})
    by_themselves = Q(**{f"user_permissions__{each}": value for each, value in name.items()})
    may = by_group | by_themselves | Q(is_superuser=True)
    return get_user_model().objects.filter(may, is_active=True).distinct().order_by("username")


def deciders_of(dispute: Dispute) -> QuerySet[Any]:
    """Those of them who had no hand in it."""
    hands = {dispute.filed_by_id}
    before = dispute.appeal_of
    while before is not None:
        hands |= {before.filed_by_id, before.resolved_by_id}
        before = before.appeal_of
    return deciders().exclude(pk__in=hands - {None})


def check_may_decide(dispute: Dispute, by: Actor) -> None:
    if not by.is_house:
        raise NotYoursToDo("Disputes are decided by the house.")
    if refusal := why_not(dispute, by):
        raise refusal


def why_not(dispute: Dispute, by: Actor) -> NotYoursToDo | None:
    """Why one of the house does not decide this dispute, though others with the same permission do."""
    if by.is_same_as(dispute.filed_by_id, dispute.filed_by_key_id):
        return OwnDispute("You filed this dispute: somebody else decides it.")
    before = dispute.appeal_of
    while before is not None:
        if by.is_same_as(before.filed_by_id, before.filed_by_key_id):
            return OwnDispute(f"You filed {before}: somebody else decides its appeal.")
        if by.is_same_as(before.resolved_by_id, before.resolved_by_key_id):
            return AppealToAnother(f"You decided {before}: somebody else decides its appeal.")
        before = before.appeal_of
    return None
