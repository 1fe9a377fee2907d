"""The period that a report or a comparison is asked for."""

import datetime as dt

from django.core.exceptions import ValidationError

from touchpoints.models import sane_time


def check_period(start: dt.datetime, end: dt.datetime, *, longest: dt.timedelta, noun: str) -> None:
    """Refuse a period [start, end) that makes no sense, naming the field. `noun`: what covers it, "A report"."""
    try:
        sane_time(start)
    except ValidationError as error:
        raise ValidationError({"start_date": error}) from None
    if end <= start:
        raise ValidationError({"end_date": ValidationError("Ends before it starts.", code="end_before_start")})
    if end - start > longest:
        message = f"{noun} covers {longest.days} days at most."
        raise ValidationError({"end_date": ValidationError(message, code="period_too_long")})
