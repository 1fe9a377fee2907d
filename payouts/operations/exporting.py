"""Bank files: approved payouts become one file of orders, made once and kept."""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from attribution_site.audit.context import because
from attribution_site.errors import DomainError
from conversions.currencies import fits, smallest_unit
from disputes.models import Dispute
from partners.models import Broker, Partner
from payouts.banking import keeping, payer
from payouts.exports.csv_list import csv_list
from payouts.exports.nacha import nacha
from payouts.exports.orders import CannotExport, Envelope, Instruction
from payouts.exports.sepa import sepa
from payouts.models import BankAccount, Download, Entry, Export, Exported, Payout, PayoutLine, Status
from payouts.operations.banking import Payee, account_for
from payouts.operations.reconciling import check_ledger

Format = Export.Format
# A list is for any of them; it is read by people.
OF_FORMAT = {Format.NACHA: ("ach", "USD"), Format.SEPA: ("sepa", "EUR")}
SUFFIXES = {Format.NACHA: "ach", Format.SEPA: "xml", Format.CSV: "csv"}
DAYS_AHEAD = 60
SHOWN = 20
CONTENT = "export__content"  # large, and asked for by those who download it
_CHANGED = """
    SELECT p.id FROM payouts_payout p, payouts_lines(p.id) s WHERE p.id = ANY(%s)
        AND (p.total, p.line_count::bigint, p.lines_hash) IS DISTINCT FROM (s.total, s.count, s.hash)
"""


class NotExported(DomainError):
    """`reasons` has each payout that stands in the way, and why; the words have the first."""

    code = "not_exported"

    def __init__(self, reasons: Sequence[tuple[Payout, str]]) -> None:
        self.reasons = reasons
        more = f" And {len(reasons) - SHOWN} more." if len(reasons) > SHOWN else ""
        super().__init__(" ".join(f"{payout}: {why}" for payout, why in reasons[:SHOWN]) + more)


@sensitive_variables()
def export_payouts(*, payout_ids: Collection[UUID], format: str, execute_on: dt.date, by: Any) -> Export:
    """One bank file of these payouts: of all, or there is none. Asked for the same again, it is the file that was made.

    Raises NotExported, which says of each payout why not; CannotExport, LedgerOff, ValidationError by field."""
    with transaction.atomic():
        payouts = _locked(payout_ids)
        if made := _made_of(payouts, format, execute_on):
            return made
        check_ledger()
        _check_asked(payouts, format, execute_on)
        now = timezone.now()
        accounts, reasons = _looked_at(payouts, format, now)
        if reasons:
            raise NotExported([(each, reasons[each.pk]) for each in payouts if each.pk in reasons])
        envelope = Envelope(number=_next_number(), made_at=now, execute_on=execute_on)
        content = _written(format, _instructions(payouts, accounts, envelope), envelope)
        return _kept(format, content, payouts, accounts, envelope, by)


def export_problems(*, payouts: Sequence[Payout], format: str) -> dict[UUID, str]:
    """Of each payout that could not go into such a file now: why not."""
    return _looked_at(payouts, format, timezone.now())[1]


def format_for(method: str, currency: str) -> str:
    """What a bank takes such payouts in."""
    return next((each for each, of in OF_FORMAT.items() if of == (method, currency)), Format.CSV)


def file_of(export: Export) -> bytes:
    """The file as the bank gets it, the same bytes each time. Raises CannotExport where it was tampered with."""
    return keeping.opened_file(bytes(export.content), export.sha256)


def download_export(*, export_id: UUID, by: Any) -> tuple[Export, bytes]:
    """The file, and a note of who took it. Nothing is made by it."""
    export = Export.objects.get(pk=export_id)
    content = file_of(export)
    Download.objects.create(export=export, by=by)
    return export, content


def _locked(payout_ids: Collection[UUID]) -> list[Payout]:
    wanted = set(payout_ids)
    payouts = list(Payout.objects.select_for_update().filter(pk__in=wanted).order_by("number"))
    if not payouts or len(payouts) != len(wanted):
        raise _refusal("payouts", "Choose payouts that there are.", "does_not_exist")
    return payouts


def _made_of(payouts: Sequence[Payout], format: str, execute_on: dt.date) -> Export | None:
    """The file of exactly these payouts, if they are in one. One that has a void payout in it is not for the bank."""
    if any(each.status == Status.VOID for each in payouts):
        return None
    orders = Exported.objects.filter(payout__in=payouts, refused_in=None)
    found = list(orders.order_by().values("export").annotate(count=Count("pk")))
    if len(found) != 1 or found[0]["count"] != len(payouts):
        return None
    same = Export.objects.filter(pk=found[0]["export"], payout_count=len(payouts))
    return same.filter(format=format, execute_on=execute_on).first()


def _check_asked(payouts: Sequence[Payout], format: str, execute_on: dt.date) -> None:
    if format not in Format.values:
        raise _refusal("format", f"Take one of {', '.join(Format.values)}.", "invalid_choice")
    today = timezone.now().astimezone(dt.UTC).date()
    if not today <= execute_on <= today + dt.timedelta(days=DAYS_AHEAD):
        raise _refusal("execute_on", f"Take a day from today on, {DAYS_AHEAD} days ahead at most.", "invalid")
    currencies = sorted({each.currency for each in payouts})
    if len(currencies) > 1:
        raise _refusal("payouts", f"A bank file has one currency, and these have {' and '.join(currencies)}.", "mixed")


def _looked_at(
    payouts: Sequence[Payout], format: str, at: dt.datetime
) -> tuple[dict[UUID, BankAccount], dict[UUID, str]]:
    """The account of each payout, and why some cannot go."""
    accounts, reasons = _accounts(payouts, at)
    # From the weakest to the strongest: what stays is said.
    reasons |= dict.fromkeys(_changed(payouts), "Its lines are not those that were approved. Void it.")
    disputed = "{} of its lines are disputed now. Decide the disputes; or void it, and issue it again without them."
    reasons |= {pk: disputed.format(count) for pk, count in _disputed(payouts).items()}
    reasons |= {each.pk: why for each in payouts if (why := _why_not(each, format))}
    counting = Exported.objects.filter(payout__in=payouts, refused_in=None).select_related("export")
    reasons |= {order.payout_id: f"It is in {order.export.reference} already." for order in counting.defer(CONTENT)}
    return accounts, reasons


def _why_not(payout: Payout, format: str) -> str:
    if payout.status != Status.APPROVED:
        return f"It is {payout.get_status_display().lower()}; it would have to be approved."
    method, currency = OF_FORMAT.get(Format(format), (payout.method, payout.currency))
    if (payout.method, payout.currency) != (method, currency):
        return f"It is paid in {payout.currency}, {payout.get_method_display()}: not by such a file."
    if not fits(payout.total, payout.currency):
        return f"{payout.currency} has no parts as small as those of {payout.total}."
    return ""


def _accounts(payouts: Sequence[Payout], at: dt.datetime) -> tuple[dict[UUID, BankAccount], dict[UUID, str]]:
    found: dict[UUID, BankAccount] = {}
    reasons: dict[UUID, str] = {}
    for method, currency in sorted({(each.method, each.currency) for each in payouts if each.method != "manual"}):
        theirs = [each for each in payouts if (each.method, each.currency) == (method, currency)]
        payees = {_payee(each) for each in theirs}
        accounts = account_for(payees=payees, currency=currency, method=method, at=at)
        coming = _coming(payees - set(accounts), currency, method, at)
        found |= {each.pk: accounts[_payee(each)] for each in theirs if _payee(each) in accounts}
        none = "Its payee has no bank account in force."
        reasons |= {each.pk: coming.get(_payee(each), none) for each in theirs if _payee(each) not in accounts}
    return found, reasons


def _coming(payees: Collection[Payee], currency: str, method: str, at: dt.datetime) -> dict[Payee, str]:
    """What those without an account wait for."""
    rows = BankAccount.objects.filter(currency=currency, method=method, payee_id__in={pk for _kind, pk in payees})
    waits = "Its payee's account waits for a second person to confirm it."
    cools = "Its payee's account cools off until {:%Y-%m-%d %H:%M} UTC."
    return {
        (row.payee_type, row.payee_id): cools.format(row.effective_at.astimezone(dt.UTC)) if row.effective_at else waits
        for row in rows.with_state(at).filter(state__in=["proposed", "cooling_off"]).order_by("-state")
    }


def _changed(payouts: Sequence[Payout]) -> list[UUID]:
    """Those whose lines somebody changed past us: what goes out is what was approved."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, [[each.pk for each in payouts if each.status == Status.APPROVED]])
        return [pk for [pk] in cursor.fetchall()]


def _disputed(payouts: Sequence[Payout]) -> Counter[UUID]:
    records = Dispute.objects.open().exclude(record_id=None).values("record_id")
    entries = Entry.objects.filter(record_id__in=records).values("pk")
    lines = PayoutLine.objects.filter(payout__in=payouts, live=True, entry_id__in=entries)
    return Counter(lines.values_list("payout_id", flat=True))


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('payouts_export_number')")
        return int(cursor.fetchone()[0])


def _instructions(
    payouts: Sequence[Payout], accounts: dict[UUID, BankAccount], envelope: Envelope
) -> list[Instruction]:
    names = _names(payouts)
    instructions, wrong = [], []
    for each in payouts:
        try:
            instructions.append(_instruction(each, accounts.get(each.pk), names, envelope))
        except CannotExport as error:
            wrong.append((each, str(error)))
    if wrong:
        raise NotExported(wrong)
    return instructions


def _instruction(
    payout: Payout, account: BankAccount | None, names: dict[Payee, str], envelope: Envelope
) -> Instruction:
    name, end_to_end_id = names.get(_payee(payout), payout.payee_id), f"{payout}-{envelope.number}"
    amount = payout.total.quantize(smallest_unit(payout.currency))
    text = f"Commission {payout}, up to {payout.period_end}"
    if account:
        return keeping.instruction(account, end_to_end_id=end_to_end_id, payee=name, amount=amount, text=text)
    return Instruction(
        end_to_end_id=end_to_end_id,
        payee=name,
        holder=name,
        method=payout.method,
        amount=amount,
        currency=payout.currency,
        text=text,
    )


def _names(payouts: Sequence[Payout]) -> dict[Payee, str]:
    ids = {each.payee_id for each in payouts}
    models: dict[str, Any] = {"partner": Partner, "broker": Broker}
    return {
        (kind, pk): name
        for kind, model in models.items()
        for pk, name in model.objects.filter(pk__in=ids).values_list("pk", "name")
    }


def _written(format: str, instructions: Sequence[Instruction], envelope: Envelope) -> bytes:
    match format:
        case Format.NACHA:
            return nacha(instructions=instructions, originator=payer.originator(), envelope=envelope)
        case Format.SEPA:
            return sepa(instructions=instructions, originator=payer.originator(), envelope=envelope)
    return csv_list(instructions=instructions, envelope=envelope)


def _kept(
    format: str,
    content: bytes,
    payouts: Sequence[Payout],
    accounts: dict[UUID, BankAccount],
    envelope: Envelope,
    by: Any,
) -> Export:
    export = Export.objects.create(
        number=envelope.number,
        format=format,
        currency=payouts[0].currency,
        name=f"{envelope.reference}.{SUFFIXES[Format(format)]}",
        content=keeping.sealed_file(content),
        sha256=hashlib.sha256(content).hexdigest(),
        total=sum(each.total for each in payouts),
        payout_count=len(payouts),
        execute_on=envelope.execute_on,
        made_by=by,
        made_at=envelope.made_at,
    )
    Exported.objects.bulk_create(
        Exported(
            export=export,
            payout=each,
            account_id=accounts[each.pk].pk if each.pk in accounts else None,
            amount=each.total,
            lines_hash=each.lines_hash,
        )
        for each in payouts
    )
    with because(reason=f"In bank file {export.reference}"):
        Payout.objects.filter(pk__in=[each.pk for each in payouts]).update(exported_at=envelope.made_at)
    return export


def _payee(payout: Payout) -> Payee:
    return payout.payee_type, payout.payee_id


def _refusal(field: str, text: str, code: str) -> ValidationError:
    return ValidationError({field: ValidationError(text, code=code)})
