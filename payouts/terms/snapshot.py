"""What terms say about an amount, as values: enough to work out each cent again without the terms themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from payouts.terms.tiers import Tier

HUNDRED = Decimal(100)
RENEWAL = "renewal"


@dataclass(frozen=True)
class TermsSnapshot:
    """`id` None: nothing was agreed, and the payee has its whole share. Rates are percent of the share; `tiers` take
    the place of `rate`. `flats`: by conversion type, in the currency, for a whole conversion."""

    id: str | None = None
    rate: Decimal = HUNDRED
    tiers: tuple[Tier, ...] = ()
    flats: Mapping[str, Decimal] = field(default_factory=dict)
    renewal_rate: Decimal | None = None
    renewals_as_sold: bool = False
    cap_conversion: Decimal | None = None
    cap_day: Decimal | None = None
    cap_month: Decimal | None = None
    earn_out_months: int | None = None

    @cached_property
    def caps(self) -> tuple[tuple[str, Decimal], ...]:
        """Those there are, the narrowest first."""
        named = (("conversion", self.cap_conversion), ("day", self.cap_day), ("month", self.cap_month))
        return tuple((name, cap) for name, cap in named if cap is not None)

    @cached_property
    def is_whole_share(self) -> bool:
        return self.rate == HUNDRED and not (
            self.tiers or self.flats or self.caps or self.renewal_rate not in (None, HUNDRED)
        )

    @cached_property
    def told(self) -> dict[str, Any]:
        """As it is kept with each amount: only what it says."""
        said: dict[str, Any] = {"id": self.id} if self.id else {}
        if self.tiers:
            said["tiers"] = [tier.told for tier in self.tiers]
        else:
            said["rate"] = plain(self.rate)
        if self.flats:
            said["flats"] = {kind: plain(amount) for kind, amount in sorted(self.flats.items())}
        if self.renewal_rate is not None:
            said["renewal_rate"] = plain(self.renewal_rate)
        said |= {f"cap_{name}": plain(cap) for name, cap in self.caps}
        if self.earn_out_months is not None:
            said["earn_out_months"] = self.earn_out_months
        return said


def plain(number: Decimal) -> str:
    """Without an exponent, and without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


BUILT_IN = TermsSnapshot()
