"""Where payouts stand: what is to be done, who owes, how old what is open is, and what was paid a calendar year."""

import datetime as dt

from django.db.models import Count, Q, Sum
from django.db.models.functions import ExtractYear
from django.utils import timezone

from conversions.admin import money
from partners.admin import payee_link
from payouts.models import Entry, Kind, OpenEntry, Payout, Status

SHOWN = 100
KEY = ("payee_type", "payee_id", "currency")
AGES = (("0–30", 0, 31), ("31–60", 31, 61), ("61–90", 61, 91), ("90+", 91, None))
TAX_COLUMNS = ["year", *KEY, "paid", "returned", "net"]


def overview(user, now=None):
    payouts = Payout.objects.visible_to(user)
    awaiting = payouts.filter(status=Status.AWAITING_APPROVAL)
    return {
        "states": [
            ("To approve by me", "awaiting", sums(awaiting.exclude(prepared_by=user).exclude(submitted_by=user)))
            if user.has_perm("payouts.approve_payout")
            else ("Awaiting approval", "awaiting", sums(awaiting)),
            ("Drafts", "drafts", sums(payouts.filter(status=Status.DRAFT))),
            ("Approved and not exported", "approved", sums(payouts.filter(status=Status.APPROVED, exported_at=None))),
        ],
        "negative": [
            {
                "payee": payee_link(each["payee_type"], each["payee_id"]),
                "balance": money(each["balance"], each["currency"]),
            }
            for each in Entry.objects.visible_to(user)
            .balances()
            .filter(balance__lt=0)
            .order_by("balance", *KEY)[:SHOWN]
        ],
        "ages": [name for name, _, _ in AGES],
        "aging": aging(user, now or timezone.now()),
        "years": tax_years(user)[:SHOWN],
        "shown": SHOWN,
    }


def sums(payouts):
    found = payouts.order_by().values("currency").annotate(total=Sum("total"), count=Count("pk")).order_by("currency")
    return [{"count": each["count"], "total": money(each["total"], each["currency"])} for each in found]


def aging(user, now):
    """Open money by days since it was booked, of a payee and currency."""

    def of_age(start, end):
        since = Q(booked_at__gt=now - dt.timedelta(days=end)) if end else Q()
        # What the database's clock books a moment ahead of ours is of the first age too: the ages add up to all.
        until = Q(booked_at__lte=now - dt.timedelta(days=start)) if start else Q()
        return Sum("amount", filter=since & until, default=0)

    ages = {f"age_{n}": of_age(start, end) for n, (_, start, end) in enumerate(AGES)}
    found = OpenEntry.objects.visible_to(user).order_by().values(*KEY).annotate(**ages, total=Sum("amount"))
    return [
        {
            "payee": payee_link(each["payee_type"], each["payee_id"]),
            "amounts": [money(each[name], each["currency"]) for name in (*ages, "total")],
        }
        for each in found.order_by("-total", *KEY)[:SHOWN]
    ]


def tax_years(user):
    """By calendar year, UTC: paid by the day the bank paid, returned by the day it was booked. The latest first."""
    paid = Payout.objects.visible_to(user).filter(status=Status.PAID)
    returned = Entry.objects.visible_to(user).filter(kind=Kind.RETURNED)
    years: dict = {}
    for rows, moment, amount, name in (
        (paid, "paid_at", "total", "paid"),
        (returned, "booked_at", "amount", "returned"),
    ):
        year = ExtractYear(moment, tzinfo=dt.UTC)
        for *key, total in rows.order_by().annotate(year=year).values_list("year", *KEY).annotate(Sum(amount)):
            years.setdefault(tuple(key), {"paid": 0, "returned": 0})[name] = total
    ordered = sorted(years.items(), key=lambda each: (-each[0][0], *each[0][1:]))
    return [
        dict(zip(("year", *KEY), key, strict=True)) | both | {"net": both["paid"] - both["returned"]}
        for key, both in ordered
    ]
