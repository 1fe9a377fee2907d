"""Serializer fields that take what the contract says and nothing that merely looks like it."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.functional import cached_property
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from attribution_site.api.errors import WHOLE_BODY, unknown_field
from attribution_site.api.wire import camel
from partners.models import payee_of

PAYEE_IDS = ("partner_id", "broker_id")
NO_OFFSET = "Give the time's offset: Z, or one such as +02:00."


class Text(serializers.CharField):
    """A string, as it is. An empty one given for an optional field means that there is none."""

    def __init__(self, **kwargs):
        super().__init__(trim_whitespace=False, **kwargs)

    def run_validation(self, data=serializers.empty):
        return super().run_validation(None if data == "" and self.allow_null else data)

    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid")
        return data


def whole(data):
    """7 for 7.0, which is a whole number to JSON Schema too. What is too long for any number of ours stays as it is."""
    if isinstance(data, Decimal) and data.is_finite() and data.adjusted() < 20 and data == data.to_integral_value():
        return int(data)
    return data


class Number(serializers.DecimalField):
    """A JSON number that never was a float. The parser gives int or Decimal."""

    def to_internal_value(self, data):
        if isinstance(data, bool) or not isinstance(data, int | Decimal):
            self.fail("invalid")
        if self.decimal_places == 0:
            data = whole(data)
        return super().to_internal_value(data)


class Money(Number):
    def __init__(self, **kwargs):
        super().__init__(**({"max_digits": 14, "decimal_places": 2} | kwargs))


class Moment(serializers.DateTimeField):
    default_error_messages = {"naive": NO_OFFSET}

    def to_internal_value(self, value):
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601, such as 2026-01-31T09:30:00Z")
        return super().to_internal_value(value)

    def enforce_timezone(self, value):
        if timezone.is_naive(value):
            self.fail("naive")
        try:
            return value.astimezone(dt.UTC)
        except OverflowError:
            self.fail("overflow")


def period_boundary(text, *, is_end):
    """The instant that a period's `startDate` or `endDate` stands for; ValueError says what is wrong.

    A period takes its start and leaves its end out. A bare date is a day of UTC, and as an end it is that
    day's midnight after: both days named are in.
    """
    try:
        day = parse_date(text)
        if day is not None and len(text) == len("2026-01-31"):
            day += dt.timedelta(days=1 if is_end else 0)
            return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
        moment = parse_datetime(text)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ValueError("Give a date such as 2026-01-31, or a time such as 2026-01-31T09:30:00Z.")
    if timezone.is_naive(moment):
        raise ValueError(NO_OFFSET)
    try:
        return moment.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("There is no such moment in UTC.") from None


class PeriodBoundary(serializers.Field):
    def __init__(self, *, is_end=False, **kwargs):
        self.is_end = is_end
        super().__init__(**kwargs)

    def to_internal_value(self, data):
        try:
            return period_boundary(data if isinstance(data, str) else "", is_end=self.is_end)
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from None

    def to_representation(self, value):
        return value


class StrictUUID(serializers.UUIDField):
    def to_internal_value(self, data):
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data):
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class MaskedPayees(serializers.BaseSerializer):
    """A row that names a partner and a broker: who asks as one of them is told of itself only."""

    def to_representation(self, instance):
        values = super().to_representation(instance)
        request = self.context.get("request")
        payee = payee_of(request.user) if request else None
        if payee is not None:
            own = (f"{payee.kind}_id", payee.id)
            values |= {name: None for name in PAYEE_IDS if (name, values[name]) != own}
        return values


class StrictSerializer(serializers.Serializer):
    """Takes the contract's camelCase names and refuses any other: no misspelt field is lost in silence."""

    @cached_property
    def field_names(self):
        return {camel(name): name for name in self.fields}

    def checked(self, data):
        """The valid values, or ValidationError. One serializer may check for all threads: copying its fields for each
        request takes ten times as long as checking."""
        try:
            return self.run_validation(data)
        except ValidationError:
            # In whole, as only then it words what is wrong with the body itself.
            type(self)(data=data).is_valid(raise_exception=True)
            raise

    def to_internal_value(self, data):
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        errors: dict[str, Any] = {}
        known = {}
        for name, value in data.items():
            if name in self.field_names:
                known[self.field_names[name]] = value
            else:
                errors |= unknown_field(name)
        values = {}
        try:
            values = super().to_internal_value(known)
        except ValidationError as error:
            by_name = cast("dict[str, Any]", error.detail)  # a serializer's errors are always by field
            errors |= {name if name in WHOLE_BODY else camel(name): detail for name, detail in by_name.items()}
        if errors:
            raise ValidationError(errors)
        return values


class StrictModelSerializer(StrictSerializer, serializers.ModelSerializer):
    """Names and checks fields as the model has them. It is never saved: operations write."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: Text,
        models.DecimalField: Number,
        models.DateTimeField: Moment,
        models.UUIDField: StrictUUID,
        models.BooleanField: Flag,
    }
