"""What a payee is due of what is open: paid now, carried over, or left out, and why. Rules alone: no database."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from conversions import currencies

NOTHING = Decimal(0)
# What a method can pay; by hand, anything.
PAYS = {"ach": {"USD"}, "sepa": {"EUR"}}


@dataclass(frozen=True)
class Open:
    """What is open of one payee in one currency. `owes` is zero or less; what is disputed is in neither."""

    payee_type: str
    payee_id: str
    currency: str
    earned: Decimal
    owes: Decimal
    entries: int
    disputed: Decimal = NOTHING
    disputed_entries: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.payee_type, self.payee_id, self.currency


@dataclass(frozen=True)
class Conditions:
    """Under which a payee is paid. `recovery_cap`: percent of what it earned that a payout may take back at most."""

    name: str = ""
    is_active: bool = True
    on_hold: str = ""
    minimum: Decimal = NOTHING
    recovery_cap: Decimal | None = None
    method: str = "manual"
    has_account: bool = False


@dataclass(frozen=True)
class Reason:
    code: str
    amount: Decimal
    entries: int
    detail: str = ""


@dataclass(frozen=True)
class Due:
    """`total` is paid, `carried` waits for the next payout; where a reason blocks, nothing is paid."""

    open: Open
    conditions: Conditions
    total: Decimal
    carried: Decimal
    reasons: tuple[Reason, ...]
    is_paid: bool


def due(stands: Open, conditions: Conditions) -> Due:
    carried = _carried(stands, conditions)
    total = stands.earned + stands.owes + carried
    blocks = tuple(_blocks(stands, conditions, total)) if stands.entries else ()
    disputed = (
        (Reason("disputed", stands.disputed, stands.disputed_entries, "They wait until the disputes are decided."),)
        if stands.disputed_entries
        else ()
    )
    return Due(stands, conditions, total, carried, disputed + blocks, is_paid=bool(stands.entries) and not blocks)


def _carried(stands: Open, conditions: Conditions) -> Decimal:
    """Of what the payee owes, the part beyond the cap. The cap is rounded in the payee's favour, to whole units."""
    if conditions.recovery_cap is None:
        return NOTHING
    unit = currencies.smallest_unit(stands.currency)
    most = (stands.earned * conditions.recovery_cap / 100 / unit).to_integral_value(ROUND_DOWN) * unit
    return max(NOTHING, -stands.owes - most)


def _blocks(stands: Open, conditions: Conditions, total: Decimal) -> Iterable[Reason]:
    """One at most, the one that has to be dealt with first."""

    def reason(code: str, detail: str = "") -> Reason:
        return Reason(code, stands.earned + stands.owes, stands.entries, detail)

    if conditions.on_hold:
        yield reason("on_hold", conditions.on_hold)
    elif not conditions.is_active:
        yield reason("inactive", "Make the payee active again, or adjust what is open.")
    elif total < 0:
        yield reason("negative", "It nets against what the payee earns next.")
    elif total < conditions.minimum or total == 0:
        yield reason("under_minimum", f"The minimum is {max(conditions.minimum, NOTHING)} {stands.currency}.")
    elif stands.currency not in PAYS.get(conditions.method, {stands.currency}):
        yield reason("currency", f"{conditions.method.upper()} does not pay {stands.currency}.")
    elif conditions.method != "manual" and not conditions.has_account:
        yield reason("no_bank_details", f"No account for {conditions.method.upper()} is in effect.")
