"""A NACHA file of credits: a batch for people (PPD), one for companies (CCD).

There is a handful of packages that write such files, none of them maintained or of any use beyond padding. So the
records are here, field by field as Nacha's rules list them; tests read them back with a validator of others."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from payouts.exports.letters import ach_text
from payouts.exports.orders import CannotExport, Envelope, Instruction, Originator, cents, check

WIDTH, BLOCK = 94, 10
CREDITS_ONLY = "220"
CREDIT_TO = {"checking": "22", "savings": "32"}
LARGEST, LARGEST_SUM, MOST = 10**10 - 1, 10**12 - 1, 300_000
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass
class _Totals:
    records: int = 0  # entries and their addenda
    hash: int = 0
    cents: int = 0

    def add(self, other: "_Totals") -> None:
        self.records += other.records
        self.hash += other.hash
        self.cents += other.cents

    def sums(self) -> str:
        """The hash, the debits and the credits, as both kinds of control records have them."""
        if self.cents > LARGEST_SUM:
            raise CannotExport("A file has 9,999,999,999.99 at most.")
        return f"{self.hash % 10**10:010}{0:012}{self.cents:012}"


def nacha(*, instructions: Sequence[Instruction], originator: Originator, envelope: Envelope) -> bytes:
    """The file. Raises CannotExport."""
    check(instructions, method="ach", currency="USD")
    _check_originator(originator)
    if len(instructions) > MOST:
        raise CannotExport(f"A file has {MOST} payments at most.")
    kinds = [("PPD", False), ("CCD", True)]
    parts = [(sec, [each for each in instructions if each.is_company == is_company]) for sec, is_company in kinds]
    rows, whole, traces = [_file_header(originator, envelope)], _Totals(), itertools.count(1)
    batches = [part for part in parts if part[1]]
    for number, (sec, part) in enumerate(batches, start=1):
        totals, bank = _Totals(), originator.ach_routing[:8]
        rows.append(_batch_header(number, sec, originator, envelope))
        for each in part:
            rows += _entry(each, f"{bank}{next(traces):07}", totals)
        rows.append(_batch_control(number, totals, originator))
        whole.add(totals)
    blocks = -(-(len(rows) + 1) // BLOCK)
    rows.append(_file_control(len(batches), blocks, whole))
    rows += ["9" * WIDTH] * (blocks * BLOCK - len(rows))
    return "".join(f"{row}\r\n" for row in rows).encode("ascii")


def _file_header(originator: Originator, envelope: Envelope) -> str:
    return _record(
        ("101", 3),
        (f" {originator.ach_routing}", 10),
        (originator.ach_origin.rjust(10), 10),
        (f"{envelope.made_at:%y%m%d%H%M}", 10),
        # Sets the files of one day apart.
        (MODIFIERS[envelope.number % len(MODIFIERS)], 1),
        ("094101", 6),
        (ach_text(originator.ach_bank, 23), 23),
        (ach_text(originator.name, 23), 23),
        (f"{envelope.number % 10**8}", 8),
    )


def _batch_header(number: int, sec: str, originator: Originator, envelope: Envelope) -> str:
    return _record(
        (f"5{CREDITS_ONLY}", 4),
        (ach_text(originator.name, 16), 16),
        ("", 20),
        (originator.ach_company, 10),
        (sec, 3),
        (ach_text(originator.ach_description, 10), 10),
        (f"{envelope.made_at:%y%m%d}", 6),
        (f"{envelope.execute_on:%y%m%d}", 6),
        # The settlement date is the operator's to fill.
        ("", 3),
        ("1", 1),
        (originator.ach_routing[:8], 8),
        (f"{number:07}", 7),
    )


def _batch_control(number: int, totals: _Totals, originator: Originator) -> str:
    return _record(
        (f"8{CREDITS_ONLY}{totals.records:06}{totals.sums()}", 44),
        (originator.ach_company, 10),
        ("", 25),
        (originator.ach_routing[:8], 8),
        (f"{number:07}", 7),
    )


def _entry(each: Instruction, trace: str, totals: _Totals) -> list[str]:
    amount, addenda = cents(each), _addenda(each)
    if amount > LARGEST:
        raise CannotExport(f"{each.end_to_end_id}: a payment has 99,999,999.99 at most.")
    if len(each.end_to_end_id) > 15 or ach_text(each.end_to_end_id, 15) != each.end_to_end_id:
        raise CannotExport(f"{each.end_to_end_id}: an id has 15 capitals and digits at most.")
    if not (len(each.routing) == 9 and each.routing.isdigit() and 1 <= len(each.account) <= 17):
        raise CannotExport(f"{each.end_to_end_id}: the bank account is not complete.")
    row = _record(
        (f"6{CREDIT_TO[each.account_type]}{each.routing}", 12),
        (each.account, 17),
        (f"{amount:010}", 10),
        (each.end_to_end_id, 15),
        (ach_text(each.holder, 22), 22),
        ("", 2),
        ("1" if addenda else "0", 1),
        (trace, 15),
    )
    totals.records += 1 + bool(addenda)
    totals.hash += int(each.routing[:8])
    totals.cents += amount
    return [row, _record(("705", 3), (addenda, 80), (f"0001{trace[-7:]}", 11))] if addenda else [row]


def _addenda(each: Instruction) -> str:
    """A note as X12 writes one, which is what Nacha wants payment information in."""
    text = ach_text(each.text, 70)
    return f"NTE*ZZZ*{text}\\" if text else ""


def _file_control(batches: int, blocks: int, whole: _Totals) -> str:
    return _record((f"9{batches:06}{blocks:06}{whole.records:08}{whole.sums()}", 55), ("", 39))


def _record(*fields: tuple[str, int]) -> str:
    """Fields side by side, each as wide as it must be: one that does not fit would shift all behind it."""
    row = "".join(text.ljust(width) for text, width in fields)
    if len(row) != WIDTH or any(len(text) > width for text, width in fields):
        raise CannotExport(f"A record of kind {row[0]} does not fit.")
    return row


def _check_originator(originator: Originator) -> None:
    fits = (
        len(originator.ach_routing) == 9
        and originator.ach_routing.isdigit()
        and 1 <= len(originator.ach_origin) <= 10
        and 1 <= len(originator.ach_company) <= 10
        and originator.ach_bank
    )
    if not fits:
        raise CannotExport("The house's own ACH details are not set: PAYER_ACH_… in the settings.")
