"""A decision as a form: the way, and what that way needs."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from attribution.settling import Decision, HandShare, NewTouch, Way
from disputes.admin.forms import CaseForm, PayeeField, payee_text
from touchpoints.models import Channel

# As by the API.
MOST_SHARES = 1000
# Of the rows that a page without scripts can send: each has three fields, and a request 1,000 at most.
MOST_ROWS = 300
A_SHARE = re.compile(r"share-([0-9]{1,6})-percentage")
NEEDS_TOUCH = {Way.REASSIGN, Way.SPLIT, Way.EXCLUDE, Way.RESTORE}
NEEDS_PAYEE = {Way.REASSIGN, Way.SPLIT, Way.INSERT}
BLANK_SHARES = 2


def _input(widget=forms.TextInput, **more):
    return widget(attrs={"class": "case-input"} | more)


class DecisionForm(CaseForm):
    way = forms.ChoiceField(choices=Way.choices, widget=forms.RadioSelect)
    touchpoint_id = forms.ChoiceField(label="Touch", required=False, widget=_input(forms.Select))
    payee_id = PayeeField(
        label="To whom",
        required=False,
        widget=_input(list="case-payees", autocomplete="off", placeholder="partner:…, broker:… or house"),
    )
    percentage = forms.DecimalField(
        label="Percent of the touch", required=False, widget=_input(forms.NumberInput, step="any", min="0", max="100")
    )
    channel = forms.ChoiceField(required=False, choices=Channel.choices, widget=_input(forms.Select))
    timestamp = forms.DateTimeField(
        label="When it happened",
        required=False,
        widget=_input(forms.DateTimeInput, type="datetime-local"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M"],
    )
    source = forms.CharField(required=False, max_length=255, widget=_input())
    campaign = forms.CharField(required=False, max_length=255, widget=_input())
    spread = forms.BooleanField(label="The others share what is left, as they share now", required=False, initial=True)
    shares = forms.CharField(required=False, widget=forms.HiddenInput)

    also_called = {"touch": "timestamp", "touch.timestamp": "timestamp", "touch.channel": "channel",
                   "touch.source": "source", "touch.campaign": "campaign"}  # fmt: skip

    def __init__(self, *arguments, parts, out, dispute, **named):
        super().__init__(*arguments, **named)
        touches = {part["touch"]: f"{part['name']} ({part['who']}, {part['percent']} %)" for part in parts}
        # A way that can't be taken with the chosen one says so itself.
        touches |= {part["touch"]: f"{part['name']} ({part['who']}, taken out)" for part in out}
        disputed = next((part["touch"] for part in parts if part["is_disputed"]), None)
        fields: dict[str, Any] = self.fields
        fields["touchpoint_id"].choices = [("", "Choose the touch"), *touches.items()]
        fields["touchpoint_id"].initial = disputed
        self.fields["payee_id"].initial = payee_text(dispute.claimant)
        self.fields["way"].initial = Way.INSERT if disputed is None else Way.REASSIGN
        self.fields["percentage"].initial = 50
        self.blank_rows = range(len(parts), len(parts) + BLANK_SHARES)
        self.needs_script = len(parts) > MOST_ROWS

    @property
    def rows(self):
        """Of the shares as they were given: place on the page, touch, payee, percentage. A script sends them in one
        field, as more fields than a request may have are none at all."""
        if text := self.data.get("shares", "").strip():
            return _rows_of(text)
        places = sorted(int(found[1]) for found in map(A_SHARE.fullmatch, self.data) if found)
        rows = [
            (place, *(self.data.get(f"share-{place}-{name}", "").strip() for name in ("touch", "payee", "percentage")))
            for place in places
        ]
        return [row for row in rows if row[-1]]

    def clean_shares(self):
        try:
            given = len(self.rows)
        except ValueError:
            raise ValidationError("These are no shares. Load the page anew.") from None
        if given > MOST_SHARES:
            raise ValidationError(f"At most {MOST_SHARES:,} shares can be set at once, and these are {given:,}.")
        return self.rows

    def clean(self):
        chosen: dict[str, Any] = super().clean() or self.cleaned_data
        way = chosen.get("way")
        if way in NEEDS_TOUCH and not chosen.get("touchpoint_id"):
            self.add_error("touchpoint_id", "Which touch?")
        if way in NEEDS_PAYEE and not chosen.get("payee_id") and "payee_id" not in self.errors:
            self.add_error("payee_id", "Who shall get it?")
        if way == Way.INSERT and not chosen.get("timestamp") and "timestamp" not in self.errors:
            self.add_error("timestamp", "When did it happen?")
        if way == Way.BY_HAND and "shares" in chosen:
            chosen["shares"] = [self._share(*row) for row in chosen["shares"]]
        return chosen

    def _share(self, number, touch, payee, percentage):
        try:
            touch, percentage = UUID(touch), Decimal(percentage.replace(",", "."))
            if not percentage.is_finite():
                raise InvalidOperation
        except (ValueError, InvalidOperation):
            self.add_error("shares", f"Row {number + 1}: choose the touch, and give a number of percent.")
            return None
        try:
            return HandShare(touch, percentage, PayeeField(required=False).clean(payee))
        except ValidationError as error:
            self.add_error("shares", f"Row {number + 1}: {error.messages[0]}")
            return None

    def decision(self):
        chosen = self.cleaned_data
        way = chosen["way"]
        touch = None
        if way == Way.INSERT:
            beside = {name: chosen[name] or None for name in ("source", "campaign")}
            touch = NewTouch(chosen["channel"], chosen["timestamp"], **beside)
        return Decision(
            way,
            touchpoint_id=UUID(chosen["touchpoint_id"]) if way in NEEDS_TOUCH else None,
            payee=chosen["payee_id"] if way in NEEDS_PAYEE else None,
            percentage=chosen["percentage"] if way == Way.SPLIT else None,
            touch=touch,
            shares=chosen["shares"] if way == Way.BY_HAND else (),
            spread=chosen["spread"] if way == Way.BY_HAND else False,
        )

    def refuse(self, error):
        """A row of the shares is named by its place among those that were given."""
        if not hasattr(error, "error_dict"):
            return super().refuse(error)
        for name, texts in error.message_dict.items():
            if name.startswith("shares."):
                place = self.rows[int(name.split(".")[1])][0] + 1
                texts, name = [f"Row {place}: {text}" for text in texts], "shares"
            field = self.also_called.get(name, name)
            for text in texts:
                self.add_error(field if field in self.fields else None, text)
        return None


def as_fields(decision):
    """The decision as hidden fields of a form, under the names that DecisionForm reads."""
    if decision is None:
        return []
    fields = [("way", str(decision.way))]
    if decision.touchpoint_id:
        fields.append(("touchpoint_id", str(decision.touchpoint_id)))
    if decision.payee:
        fields.append(("payee_id", payee_text(decision.payee)))
    if decision.percentage is not None:
        fields.append(("percentage", f"{decision.percentage:f}"))
    if decision.touch:
        fields += [("channel", decision.touch.channel), ("timestamp", decision.touch.timestamp.isoformat())]
        fields += [(name, getattr(decision.touch, name) or "") for name in ("source", "campaign")]
    if decision.spread:
        fields.append(("spread", "on"))
    if decision.shares:
        fields.append(("shares", json.dumps([_as_row(*each) for each in enumerate(decision.shares)])))
    return fields


def _as_row(place, share):
    payee = payee_text(share.payee) if share.payee else ""
    return [place, str(share.touchpoint_id), payee, f"{share.percentage:f}"]


def _rows_of(text):
    """Raises ValueError."""
    try:
        rows = json.loads(text)
    except RecursionError:
        raise ValueError from None
    if not isinstance(rows, list) or not all(map(_is_row, rows)):
        raise ValueError
    return [tuple(row) for row in rows if row[-1]]


def _is_row(row):
    is_list = isinstance(row, list) and len(row) == 4
    return is_list and type(row[0]) is int and all(isinstance(value, str) for value in row[1:])
