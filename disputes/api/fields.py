"""Fields of requests about disputes."""

import math
import re
from decimal import Decimal

from rest_framework import serializers

from attribution_site.api.fields import Number, Text, whole
from partners.models import opaque_id

MOST_DEPTH = 20
# From here on a float has no fraction, and the database writes its digits out.
WHOLE_FROM = 1e16
NUMBER = re.compile(r"(D-)?[0-9]{1,18}")
NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class EvidenceField(serializers.Field):
    """An object of the client's own words: numbers, texts, lists and objects, as deep as anybody reads."""

    default_error_messages = {
        "invalid": "Give an object.",
        "empty": "An empty object shows nothing.",
        "too_deep": f"At most {MOST_DEPTH} objects and lists within each other.",
        "not_text": "A text or name has a character that no text has.",
        "too_large": "A number is larger than can be stored.",
    }

    def to_internal_value(self, data):
        if not isinstance(data, dict):
            self.fail("invalid")
        if not data:
            self.fail("empty")
        return self._plain(data, 1)

    def to_representation(self, value):
        return value

    def _plain(self, value, depth):
        """As it will be read again, so that its hash can be made again from that."""
        if depth > MOST_DEPTH:
            self.fail("too_deep")
        match value:
            case dict():
                return {self._text(name): self._plain(each, depth + 1) for name, each in value.items()}
            case list():
                return [self._plain(each, depth + 1) for each in value]
            case str():
                return self._text(value)
            case Decimal():
                return self._number(value)
        return value

    def _text(self, text):
        if NO_TEXT.search(text):
            self.fail("not_text")
        return text

    def _number(self, value):
        number = float(value)
        if math.isinf(number):
            self.fail("too_large")
        return int(number) if not number or abs(number) >= WHOLE_FROM else number


class DisputeNumber(serializers.Field):
    """`1001` or `"D-1001"`."""

    default_error_messages = {"invalid": "Give a number such as 1001 or D-1001."}

    def to_internal_value(self, data):
        data = whole(data)
        if isinstance(data, bool) or not isinstance(data, int | str) or not NUMBER.fullmatch(str(data)):
            self.fail("invalid")
        return int(str(data).removeprefix("D-"))

    def to_representation(self, value):
        return value


class Percentage(Number):
    def __init__(self, **kwargs):
        super().__init__(max_digits=11, decimal_places=8, min_value=Decimal(0), max_value=Decimal(100), **kwargs)


class PayeeId(Text):
    def __init__(self, **kwargs):
        super().__init__(validators=[opaque_id], **{"required": False, "allow_null": True} | kwargs)
