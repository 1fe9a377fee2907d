"""What waits for a person, by what they may do about it: on top of the front page, a list behind each line."""

import datetime as dt
import uuid
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.urls import reverse
from django.utils import timezone

from attribution.models import Adjustment, Comparison, Finding, Run, Training, Verification
from disputes.admin import badges, tabs
from disputes.clock import BusinessHours
from disputes.models import Dispute
from partners.admin import moment
from partners.admin.counting import bounded_counts, told_count
from partners.models import WebhookEndpoint
from payouts.models import Payout, Proposal, Reconciliation

MOST_COUNTED = 99
MOST_SUMMED = 100_000
MINE_SHOWN = 5
LOOKED_BACK = dt.timedelta(days=7)
# By the partial index `record_to_approve`, whose condition this has to be, word for word.
TO_APPROVE = "payable AND status = 'calculated' AND payee_type <> 'house'"


def waiting(user, now=None):
    """Groups of lines, and the person's own disputes. The number of statements depends on the person's rights alone."""
    now = now or timezone.now()
    lines = lines_for(user, now)
    counts = bounded_counts({name: line["rows"] for name, line in lines.items()}, MOST_COUNTED)
    shown = [
        line | {"name": name, "count": told_count(counts[name], MOST_COUNTED)}
        for name, line in lines.items()
        if counts[name]
    ]
    if user.has_perm("attribution.change_attributionrecord"):
        shown += records_to_approve()
    return {
        "lines": sorted(shown, key=lambda line: not line.get("urgent")),
        "mine": my_disputes(user, now) if user.has_perm("disputes.resolve_dispute") else [],
        "all_mine": link("disputes_dispute", queue="mine"),
    }


def lines_for(user, now):
    """By name: which rows, what they are called, where they are listed."""
    found: dict[str, dict[str, Any]] = {}
    if user.has_perm("disputes.resolve_dispute"):
        found |= of_disputes(user, now)
    if user.has_perm("attribution.add_run"):
        found |= of_work(now)
    if user.has_perm("attribution.change_attributionrecord"):
        found |= of_money(now)
    if user.has_perm("payouts.change_payout"):
        found |= of_payouts(user)
    if user.has_perm("partners.change_webhookendpoint"):
        found["webhooks"] = line(
            WebhookEndpoint.objects.filter(status=WebhookEndpoint.Status.DISABLED),
            "webhooks switched off",
            link("partners_webhookendpoint", health="disabled"),
            "webhook",
            urgent=True,
        )
    if user.is_superuser:
        found["verification"] = line(
            Verification.objects.filter(pk__in=Verification.objects.values("pk")[:1], records_differing__gt=0),
            "verification that found records differing",
            link("attribution_verification"),
            "fact_check",
            urgent=True,
        )
    return found


def line(rows, title, url, icon, *, urgent=False):
    return {"rows": rows, "title": title, "link": url, "icon": icon, "urgent": urgent}


def of_disputes(user, now):
    disputes = Dispute.objects.visible_to(user)
    mine = tabs.in_tab(disputes, "mine", user)
    queue = {name: link("disputes_dispute", queue=name) for name in tabs.TABS}
    return {
        "overdue": line(disputes.overdue(now), "disputes overdue", queue["overdue"], "alarm", urgent=True),
        "unassigned": line(
            tabs.in_tab(disputes, "unassigned", user), "disputes that nobody has", queue["unassigned"], "inbox"
        ),
        "answers": line(
            tabs.answered(mine),
            "of my disputes got an answer",
            link("disputes_dispute", queue="answered", assignee="me"),
            "mark_chat_unread",
        ),
        "appeals": line(
            appeals_for(user, disputes),
            "appeals that I may decide",
            queue["appeals"],
            "gavel",
        ),
    }


def of_payouts(user):
    """What another prepared or proposed is for this person to decide; books that are off stop all of it."""
    awaiting = Payout.objects.filter(status=Payout.Status.AWAITING_APPROVAL)
    mine = awaiting.exclude(prepared_by=user).exclude(submitted_by=user)
    proposed = Proposal.objects.filter(status=Proposal.Status.PROPOSED).exclude(proposed_by=user)
    latest = Reconciliation.objects.values("pk")[:1]
    return {
        "payouts": line(mine, "payouts that I may approve", link("payouts_payout", tab="awaiting"), "payments"),
        "proposals": line(
            proposed, "proposed adjustments to decide", link("payouts_proposal", status__exact="proposed"), "edit_note"
        ),
        "reconciliation": line(
            Reconciliation.objects.filter(pk__in=latest, differences__gt=0),
            "reconciliation that is off: payouts stand still",
            link("payouts_reconciliation"),
            "balance",
            urgent=True,
        ),
    }


def appeals_for(user, disputes):
    """Appeals go to somebody who decided none of what they are about, nor filed them."""
    found = tabs.in_tab(disputes, "appeals", user).exclude(filed_by=user)
    found = found.exclude(appeal_of__resolved_by=user).exclude(appeal_of__filed_by=user)
    return found.exclude(appeal_of__appeal_of__resolved_by=user).exclude(appeal_of__appeal_of__filed_by=user)


def of_work(now):
    since = {"status": "failed", "created_at__gte": now - LOOKED_BACK}
    return {
        f"{label}s": line(
            model.objects.filter(**since),
            f"{title} that failed, in 7 days",
            link(f"attribution_{label}", status__exact="failed"),
            icon,
            urgent=True,
        )
        for model, label, title, icon in (
            (Run, "run", "runs", "bolt"),
            (Training, "training", "trainings", "school"),
            (Comparison, "comparison", "comparisons", "science"),
        )
    }


def of_money(now):
    since = first_id(now - LOOKED_BACK)
    recent = Finding.objects.filter(run_id__gte=since).order_by("-run_id").values_list("run_id", flat=True)
    latest = recent.first()
    proposed = Finding.objects.filter(run_id=latest) if latest else Finding.objects.none()
    return {
        "proposed": line(
            proposed,
            "proposed adjustments: decided records differ from the latest run's result",
            link("attribution_finding", **({"run_id": latest} if latest else {})),
            "rule",
        ),
        "adjustments": line(
            Adjustment.objects.filter(pk__gte=since),
            "adjustments booked, in 7 days",
            link("attribution_adjustment"),
            "difference",
        ),
    }


def first_id(moment_):
    """The smallest id of version 7 that is made from then on: such rows are in order of time by their ids."""
    return uuid.UUID(int=int(moment_.timestamp() * 1000) << 80)


def records_to_approve():
    """The oldest first, and no more of them than can be added up at once."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT currency, count(*), sum(commission_amount), min(occurred_at) FROM (
                SELECT currency, commission_amount, occurred_at FROM attribution_attributionrecord
                WHERE {TO_APPROVE} ORDER BY occurred_at LIMIT {MOST_SUMMED + 1}) waiting
            GROUP BY currency ORDER BY count(*) DESC, currency"""
        )
        rows = cursor.fetchall()
    if not rows:
        return []
    count = sum(number for _, number, _, _ in rows)
    sums = ", ".join(f"{amount:,.2f} {currency}" for currency, _, amount, _ in rows)
    listed = link("attribution_attributionrecord", approval="waits")
    return [
        {
            "name": "approve",
            "count": told_count(count, MOST_SUMMED),
            "title": "records to approve",
            "note": f"{'more than ' if count > MOST_SUMMED else ''}{sums} of commission",
            "oldest": moment(min(oldest for *_, oldest in rows)),
            "link": listed,
            "icon": "approval",
        }
    ]


def my_disputes(user, now):
    """By due date, so what is overdue comes first, with the time that is left in hours of work."""
    clock = BusinessHours.from_settings()
    mine = tabs.in_tab(Dispute.objects.all(), "mine", user).order_by("due_at", "id")[:MINE_SHOWN]
    return [
        {
            "title": str(each),
            "link": reverse("admin:disputes_dispute_change", args=[each.pk]),
            "status": each.get_status_display(),
            "what": f"{each.get_dispute_type_display()}, {each.claimant_type} {each.claimant_id}",
            "stake": f"{each.at_stake:,.2f} {each.currency}",
            "overdue": each.is_overdue(now),
            "left": left(each, clock, now),
            "due": moment(each.due_at),
        }
        for each in mine
    ]


def left(dispute, clock, now):
    if dispute.status == Dispute.Status.NEEDS_INFORMATION:
        return "waits for an answer"
    if dispute.is_overdue(now):
        return f"{badges.span(now - dispute.due_at)} overdue"
    hours = clock.between(now, dispute.due_at).total_seconds() / 3600
    return f"{hours:.0f} h of work left" if hours >= 1 else "less than an hour of work left"


def link(label, **filters):
    return f"{reverse(f'admin:{label}_changelist')}?{urlencode(filters)}"
