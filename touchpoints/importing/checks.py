"""What a field must be, checked a column at a time; a slow look only at the values that fail.

Each check takes the batch and a field's name, notes what is wrong and leaves the field typed, blank where bad.
"""

import datetime as dt
import json
import re
import uuid
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.utils import timezone

from touchpoints.importing.batch import as_bools
from touchpoints.models import CLOCK_SKEW, EARLIEST

UTC_MICROSECONDS = pa.timestamp("us", "UTC")
NO_OFFSET = "a time needs an offset such as Z or +01:00"
NOT_A_TIME = "not an ISO 8601 time such as 2026-01-31T13:45:00Z"
MISSING = "missing"
UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
LONGEST_CLICK_ID = 512
MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")


def required(batch, name):
    batch.reject(name, pc.is_null(batch[name]), MISSING)


def text(batch, name, longest):
    values = batch[name]
    if (pc.max(pc.binary_length(values)).as_py() or 0) > longest:
        too_long = pc.greater(pc.utf8_length(values), longest)
        batch.reject(name, too_long, f"longer than {longest} characters")
    if holds_controls(values):
        batch.reject(name, pc.match_substring_regex(values, r"[\x00-\x1f\x7f]"), "contains control characters")


def holds_controls(values):
    """Whether any does; one look over the column's bytes, since hardly ever one does."""
    buffer = values.buffers()[2]
    if buffer is None:
        return False
    data = np.frombuffer(buffer, np.uint8)
    return bool(((data < 0x20) | (data == 0x7F)).any())


def choice(batch, name, allowed):
    known = pc.or_(pc.is_in(batch[name], pa.array(allowed, pa.string())), pc.is_null(batch[name]))
    batch.reject(name, pc.invert(known), f"not one of {', '.join(allowed)}")
    batch.keep(name, known)


def one_of_ours(batch, name, ids, noun):
    """Ids of other rows, such as partners, that must exist."""
    known = pc.or_(pc.is_in(batch[name], ids), pc.is_null(batch[name]))
    batch.reject(name, pc.invert(known), f"there is no {noun} with this id")


def time(batch, name, local_zone=None):
    values = batch[name]
    times = times_of_parquet(values, local_zone) if pa.types.is_timestamp(values.type) else parsed(values, local_zone)
    if times is None:
        times = times_one_by_one(batch, name, local_zone)
    latest = pa.scalar(timezone.now() + CLOCK_SKEW, UTC_MICROSECONDS)
    too_early = pc.less(times, pa.scalar(EARLIEST, UTC_MICROSECONDS))
    batch.reject(name, too_early, "before 2000-01-01: the clock or the column is wrong")
    batch.reject(name, pc.greater(times, latest), "more than a day in the future")
    batch[name] = times


def parsed(values, local_zone):
    """Texts as times if all of them are good, else None."""
    try:
        return values.cast(UTC_MICROSECONDS)
    except pa.ArrowInvalid:
        pass
    try:
        return localised(values.cast(pa.timestamp("us")), local_zone) if local_zone else None
    except pa.ArrowInvalid:
        return None


def times_of_parquet(values, local_zone):
    if values.type.tz:
        return values.cast(UTC_MICROSECONDS, safe=False)
    try:
        return localised(values.cast(pa.timestamp("us"), safe=False), local_zone) if local_zone else None
    except pa.ArrowInvalid:
        return None


def localised(times, zone):
    """In the night the clocks go back, the first of the two; what the night they go forward skips is an error."""
    return pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="raise").cast(UTC_MICROSECONDS)


def times_one_by_one(batch, name, local_zone):
    found = [time_of(value, local_zone) for value in batch[name].to_pylist()]
    wrong = np.array([reason is not None for _, reason in found], bool) & as_bools(pc.is_valid(batch[name]))
    batch.reject(name, wrong, lambda value: time_of(value, local_zone)[1])
    return pa.array([moment for moment, _ in found], UTC_MICROSECONDS)


def time_of(value, local_zone):
    """One value as (time, what is wrong with it)."""
    try:
        moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None, NOT_A_TIME
    if moment is None:
        return None, MISSING
    if moment.tzinfo is None:
        if not local_zone:
            return None, NO_OFFSET
        moment = moment.replace(tzinfo=ZoneInfo(local_zone))
        if moment.astimezone(dt.UTC).astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(tzinfo=None):
            return None, f"this time does not exist in {local_zone}: the clocks went forward over it"
    try:
        return moment.astimezone(dt.UTC), None
    except OverflowError:
        return None, NOT_A_TIME


def money(batch, name):
    right = pc.match_substring_regex(batch[name], f"^({MONEY.pattern})$")
    batch.reject(name, pc.invert(right), wrong_with_money)
    batch.keep(name, right)
    batch[name] = batch[name].cast(pa.decimal128(14, 2))


def wrong_with_money(value):
    if re.fullmatch(rf"-{MONEY.pattern}", value):
        return "negative"
    if re.fullmatch(r"[0-9]+\.[0-9]{3,}", value):
        return "more than two decimals"
    if re.fullmatch(r"[0-9]{13,}(\.[0-9]{1,2})?", value):
        return "larger than 999999999999.99"
    return "not an amount such as 1500.00 (digits, a point, at most two decimals; nothing else)"


def share(batch, name):
    """A number from 0 to 1 with at most six decimals."""
    right = pc.match_substring_regex(batch[name], r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")
    batch.reject(name, pc.invert(right), "not a share from 0 to 1 with at most six decimals, such as 0.125")
    batch.keep(name, right)
    batch[name] = batch[name].cast(pa.decimal128(7, 6))


def uuids(batch, name):
    """Ids of the file's own, in the one spelling that we compare."""
    seen = batch[name]
    spelt = [spelling(value) for value in seen.to_pylist()]
    wrong = np.array([value is None for value in spelt], bool) & as_bools(pc.is_valid(seen))
    batch.reject(name, wrong, "not a UUID")
    batch[name] = pa.array(spelt, pa.string())


def spelling(value):
    try:
        return uuid.UUID(value).hex if value else None
    except ValueError:
        return None


def flat_json(batch, name):
    """A flat object of texts, kept with its keys in order, so that equal ones are equal bytes."""
    if batch[name].null_count == len(batch):
        return
    texts = [None if value is None else flat_object(value) for value in batch[name].to_pylist()]
    wrong = np.array([found == "" for found in texts], bool)
    batch.reject(name, wrong, 'not a flat JSON object of texts such as {"gclid": "abc"}')
    batch[name] = pa.array([found or None for found in texts], pa.string())


def flat_object(value):
    """The object in its one spelling, or "" if it is none or the database could not keep it."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        return ""
    if any(UNSTORABLE.search(one) or len(one) > LONGEST_CLICK_ID for pair in found.items() for one in pair):
        return ""
    return json.dumps(found, sort_keys=True, separators=(",", ":"))
