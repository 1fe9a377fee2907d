"""The orders of a bank file, and what became of each."""

from django.core.paginator import Paginator
from django.db.models import Count, Q, Sum

from conversions.admin import money
from partners.admin import page_link, payee_link
from payouts.models import BankAccount, BankFile, Entry, Kind, Payout, Status

PER_PAGE = 100
STATES = {
    "waiting": ("No answer yet", Q(refused_in=None, payout__status=Status.APPROVED)),
    "paid": ("Paid", Q(refused_in=None, payout__status=Status.PAID)),
    "rejected": ("The bank did not pay", Q(refused_in__isnull=False)),
    "void": ("Void", Q(refused_in=None, payout__status=Status.VOID)),
}


def orders_of(export, page):
    """Sums of all of them by state, and one page."""
    shown = Paginator(export.orders.select_related("payout").order_by("payout__number"), PER_PAGE).get_page(page)
    orders = list(shown)
    accounts = BankAccount.objects.in_bulk([each.account_id for each in orders if each.account_id])
    returned = Entry.objects.filter(kind=Kind.RETURNED, payout_id__in=[each.payout_id for each in orders])
    came_back = set(returned.values_list("payout_id", flat=True))
    return {
        "states": _states(export),
        "page": shown,
        "orders": [_row(each, export, accounts.get(each.account_id), each.payout_id in came_back) for each in orders],
    }


def _states(export):
    """What is void may have gone to the bank all the same: the page says so."""
    sums: dict[str, Count | Sum] = {}
    for name, (_title, condition) in STATES.items():
        sums |= {f"{name}_count": Count("pk", filter=condition), f"{name}_sum": Sum("amount", filter=condition)}
    found = export.orders.order_by().aggregate(**sums)
    return [
        {
            "name": name,
            "title": title,
            "count": found[f"{name}_count"],
            "total": money(found[f"{name}_sum"], export.currency),
        }
        for name, (title, _condition) in STATES.items()
        if found[f"{name}_count"]
    ]


def _row(order, export, account, came_back):
    order.export = export
    return {
        "payout": page_link(Payout, order.payout_id, str(order.payout)),
        "id": order.end_to_end_id,
        "payee": payee_link(order.payout.payee_type, order.payout.payee_id),
        "account": f"{account}, {account.holder}" if account else "By hand",
        "amount": money(order.amount, export.currency),
        "state": "Paid, and returned" if came_back else _state(order),
        "answer": page_link(BankFile, order.refused_in_id, "Answer"),
    }


def _state(order):
    name = "rejected" if order.refused_in_id else str(order.payout.status)
    return STATES.get(name, STATES["waiting"])[0]
