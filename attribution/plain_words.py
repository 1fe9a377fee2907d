"""An explanation as sentences: for the partner who gets 3 cents less than expected, and who writes to ops about it."""

from decimal import ROUND_DOWN, Decimal

from attribution.explained import Explanation, Part, Rounding, Settled, Touch
from attribution.models import AttributionModel, Settlement
from attribution.wording import HOW_IT_SHARES

LEFT_OUT = {
    "lookback": "older than the lookback",
    "previous_conversion": "before the lead's previous conversion",
    "excluded_channel": "its channel is left out",
    "direct": "direct, with other touches beside it",
    "repeat": "repeats the channel before it",
    "steps": "more steps back than are counted",
}
WHY_PAYEE = {
    "by_hand": "set by hand; calculation keeps it",
    "by_settlement": "set by a dispute's settlement",
    "broker_on_broker_referral": "the touch's broker, as its channel is broker referral",
    "partner": "the touch's partner",
    "broker": "the touch's broker, as it has no partner",
    "house": "the house, as the touch has neither partner nor broker",
}
SOURCES = {
    "kept_journey": "From the journey that was kept when the record was calculated.",
    "touchpoints": (
        "No journey was kept when this record was calculated. This is how the touchpoints stand today;"
        " the next calculation keeps the journey."
    ),
    "nothing": "No journey was kept when this record was calculated, and its touchpoints are gone.",
    "unknown_version": "The record names a configuration or training that does not exist. Verification reports it.",
}
_UNITS = ((86_400, "day", "d"), (3600, "hour", "h"), (60, "minute", "min"), (1, "second", "s"))


def sentences(told: Explanation) -> list[str]:
    by_rule = _by_rule(told)
    if told.settlement is None:
        return by_rule
    what_would_be = "What the rule alone would give, without the settlement:" if told.touches else ""
    return [*_settled(told.settlement, told), *filter(None, [what_would_be]), *by_rule]


def _settled(settled: Settled, told: Explanation) -> list[str]:
    record, unit = told.record, told.revenue.unit if told.revenue else Decimal("0.01")
    way = Settlement.Way(settled.way).label
    found = [
        f"A dispute's settlement of {settled.settled_at:%Y-%m-%d} set the shares of this conversion, not the rule:"
        f" {way[0].lower() + way[1:]}.",
        f"{_first_up(who(record.payee_type, record.payee_id))} has {(settled.credit * 100).normalize():f} % by this"
        f" record, {amount(settled.revenue, unit)} {record.currency} of the value and"
        f" {amount(settled.commission, unit)} of the commission{', with its adjustments' if told.adjustments else ''}.",
    ]
    if any(share.is_this and share.parts > 1 for share in settled.shares):
        found.append("It is one payee's part of the touch; the others' parts are records of their own.")
    return found


def _by_rule(told: Explanation) -> list[str]:
    own = next((touch for touch in told.touches if touch.is_this), None)
    if own is None or own.revenue is None or own.commission is None or told.revenue is None or told.commission is None:
        return [SOURCES[told.source]] if not told.touches else [_rule(told), "This touch is not in the journey."]
    shares = [_amount("value", own.revenue, told.revenue, told)]
    if told.commission.total:
        shares.append(_amount("commission", own.commission, told.commission, told))
    return [_rule(told), _place(own, told), *shares, _payee(told)]


def _rule(told: Explanation) -> str:
    model = AttributionModel(told.record.model)
    return f"{model.label} v{told.config.version}: {_how(told)}"


def _how(told: Explanation) -> str:
    parameters, counted = told.config.parameters, told.touches_counted
    if told.fallback:
        return "training knew nothing of this journey, so it was shared by position. " + _by_position(
            parameters, counted
        )
    if told.record.model == AttributionModel.LINEAR:
        return f"every touch that counts gets the same share, here one of {counted}."
    if told.record.model == AttributionModel.TIME_DECAY:
        days = f"{parameters.get('half_life_days', 7):g}"
        return f"a touch weighs half as much for every {days} days that it lies before the last one."
    if told.record.model == AttributionModel.POSITION_BASED:
        return _by_position(parameters, counted)
    if told.record.model == AttributionModel.DATA_DRIVEN and told.training:
        return (
            f"each touch weighs as much as conversions would drop without its kind, learnt by training"
            f" {told.training.number} from {told.training.start:%Y-%m-%d} to {told.training.end:%Y-%m-%d}."
        )
    how = HOW_IT_SHARES[told.record.model]
    return how[0].lower() + how[1:]


def _by_position(parameters: dict[str, list[float]], counted: int) -> str:
    first, middle, last = (Decimal(str(each)) for each in parameters.get("position_weights", (0.4, 0.2, 0.4)))
    if counted == 1:
        return "the only touch takes all."
    if counted == 2:
        first, last = (first, last) if first + last else (Decimal(1), Decimal(1))
        of_first, of_last = (_percent(each / (first + last)) for each in (first, last))
        return f"of two touches the first gets {of_first}, the last {of_last}."
    total = first + middle + last
    between = "the one between" if counted == 3 else f"the {counted - 2:,} between share"
    return f"first {_percent(first / total)}, last {_percent(last / total)}, {between} {_percent(middle / total)}."


def _place(own: Touch, told: Explanation) -> str:
    left_out = told.touches_known - told.touches_counted
    others = f" ({left_out:,} more {'is' if left_out == 1 else 'are'} known and left out)" if left_out else ""
    counted = f"{told.touches_counted:,} that count{others}" if told.touches_counted > 1 else f"one that counts{others}"
    place = f"the {ordinal(own.position or 0)} of {counted}" if told.touches_counted > 1 else f"the only {counted}"
    return (
        f"This touch is {place}, {how_long(own.seconds_before)} before the conversion."
        f" Its credit is {(own.credit * 100).normalize():f} %."
    )


def _amount(name: str, own: Part, rounding: Rounding, told: Explanation) -> str:
    currency = told.record.currency
    smallest = "cent" if rounding.unit == Decimal("0.01") else "whole unit"
    if not rounding.left_over:
        return (
            f"Of the {name} of {amount(rounding.total, rounding.unit)} {currency} that is"
            f" {amount(own.share, rounding.unit)}; nothing was left over by rounding."
        )
    left, fractions = ("It goes", "fraction") if rounding.left_over == 1 else ("They go, one each,", "fractions")
    return (
        f"Of the {name} of {amount(rounding.total, rounding.unit)} {currency} its exact part is"
        f" {shortened(own.quota)}. Cut to whole {smallest}s, the parts leave {rounding.left_over:,}"
        f" {smallest}{'s' if rounding.left_over > 1 else ''} over. {left} to the largest {fractions} (of equal ones to"
        f" the earlier touch): {_named(rounding.remainder_to, rounding.left_over)}. {_own_rank(own)},"
        f" so this touch gets {amount(own.share, rounding.unit)}."
    )


def _own_rank(own: Part) -> str:
    return f"This touch's fraction is the {_largest(own.rank)}: it got {'one' if own.remainder else 'none'}"


def _largest(rank: int) -> str:
    return "largest" if rank == 1 else f"{ordinal(rank)} largest"


def _named(positions: list[int], left_over: int) -> str:
    names = [ordinal(each) for each in positions[:6]]
    if left_over > len(names):
        return f"the {', '.join(names)} touch and {left_over - len(names):,} more"
    return f"the {', the '.join(names)} touch"


def _payee(told: Explanation) -> str:
    record = told.record
    paid = "Its payee is" if record.payable else "Commission is not paid under this model; its payee would be"
    why = WHY_PAYEE[told.payee_reason]
    if record.payee_type == "house" and told.payee_reason == "house":
        return f"{paid} {why}."
    return f"{paid} {who(record.payee_type, record.payee_id)}: {why}."


def _first_up(text: str) -> str:
    return text[0].upper() + text[1:]


def who(payee_type: str, payee_id: str) -> str:
    return "the house" if payee_type == "house" else f"{payee_type} {payee_id}"


def _percent(share: Decimal) -> str:
    return f"{float(share * 100):.4g} %"


def amount(value: Decimal, unit: Decimal) -> str:
    return f"{value:,.2f}" if unit < 1 else f"{value:,.0f}"


def shortened(quota: Decimal) -> str:
    """Four decimals are enough to see which side of a cent it is on; never rounded up to one."""
    cut = quota.quantize(Decimal("0.0001"), ROUND_DOWN)
    return f"{cut:,}" + ("…" if cut != quota else "")


def ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"


def how_long(seconds: Decimal, *, short: bool = False) -> str:
    """The two largest units that say something."""
    left, parts = int(seconds), []
    for size, unit, letters in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count:,} {letters}" if short else f"{count:,} {unit}{'s' if count > 1 else ''}")
        if len(parts) == 2 or (parts and not count):
            break
    return " ".join(parts) or "less than a second"
