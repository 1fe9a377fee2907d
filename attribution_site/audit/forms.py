"""What the audit page is asked."""

import datetime as dt

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from attribution_site.audit.reading import Place, Question, kinds
from attribution_site.audit.showing import ACTIONS, title_of


def _text(label):
    return forms.CharField(required=False, max_length=100, label=label, widget=UnfoldAdminTextInputWidget)


def _day(label):
    return forms.DateField(required=False, label=label, widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))


class QuestionForm(forms.Form):
    q = _text("Object id or lead")
    kind = forms.ChoiceField(required=False, label="What", widget=UnfoldAdminSelectWidget)
    action = forms.ChoiceField(
        required=False, label="Action", choices=[("", "Any"), *ACTIONS.items()], widget=UnfoldAdminSelectWidget
    )
    object = _text("Object id")
    user = _text("User name")
    key = _text("Key id")
    request = _text("Request id")
    since = _day("From")
    until = _day("To, this day included")

    def __init__(self, data):
        super().__init__(data)
        named = sorted((title_of(model), kind) for kind, model in kinds().items())
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            ("", "Anything"),
            *((kind, title) for title, kind in named),
        ]

    def clean_user(self):
        """The log has the user's number, which stays when the name changes."""
        name = self.cleaned_data["user"].strip()
        if not name:
            return ""
        number = User.objects.filter(username=name).values_list("pk", flat=True).first()
        if number is None and not name.isdecimal():
            raise ValidationError("There is no such user.")
        return str(number or name)

    @property
    def question(self) -> Question:
        asked = self.cleaned_data
        return Question(
            kind=asked["kind"],
            object_id=asked["object"].strip(),
            named=asked["q"].strip(),
            user=asked["user"],
            key=asked["key"].strip(),
            request=asked["request"].strip(),
            action=asked["action"],
            since=_midnight(asked["since"]),
            until=_midnight(asked["until"], days=1),
        )

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


def _midnight(day, days=0):
    if day is None:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), timezone.get_current_timezone())


def place_in(text: str | None) -> Place | None:
    """Of a link to the next page; None for what is none."""
    try:
        at, table, pk = (text or "").split("~")
        return Place(dt.datetime.fromisoformat(at), table, int(pk))
    except ValueError:
        return None


def as_text(place: Place) -> str:
    return f"{place.at.isoformat()}~{place.table}~{place.pk}"
