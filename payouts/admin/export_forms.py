"""What the back office asks before a bank file is made, and for the bank's answer to it."""

from django import forms
from django.core import signing
from django.utils import timezone
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from attribution.admin.adding import OperationForm
from payouts import operations
from payouts.exports.results import LONGEST
from payouts.models import Export, Payout

SALT = "payouts.bank-answer"


def today():
    return timezone.now().date()


class MakeForm(OperationForm):
    """`payouts` are the numbers of those that the page showed; `leave_out` of those that were marked there."""

    payouts = forms.CharField(widget=forms.HiddenInput, error_messages={"required": "Choose payouts first."})
    format = forms.ChoiceField(choices=Export.Format.choices, widget=UnfoldAdminSelectWidget)
    execute_on = forms.DateField(
        label="The bank pays on", widget=UnfoldAdminSingleDateWidget, initial=today, help_text="From today on."
    )

    def __init__(self, *args, user, leave_out=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.user, self.leave_out = user, set(leave_out)

    def clean_payouts(self):
        numbers = {each for each in self.cleaned_data["payouts"].split(",") if each not in self.leave_out}
        if not all(each.isdecimal() and len(each) < 18 for each in numbers):
            raise forms.ValidationError("These are no payouts.")
        found = Payout.objects.visible_to(self.user).filter(number__in=map(int, numbers)).order_by("number")
        if not found:
            raise forms.ValidationError("Choose at least one payout.")
        return list(found)

    def arguments(self):
        ids = [each.pk for each in self.cleaned_data["payouts"]]
        return {"payout_ids": ids} | {name: self.cleaned_data[name] for name in ("format", "execute_on")}

    def add_error(self, field, error):
        """Of what is hidden the refusal stands above the form."""
        super().add_error(None if field == "payouts" else field, error)

    def confirmation(self):
        """The same again, to be sent as it was seen."""
        given = self.cleaned_data
        numbers = ",".join(str(each.number) for each in given["payouts"])
        form = MakeForm(initial=given | {"payouts": numbers, "step": "make"}, user=self.user)
        form.fields["step"] = forms.CharField()
        for field in form.fields.values():
            field.widget = forms.HiddenInput()
        return form


class AnswerForm(OperationForm):
    file = forms.FileField(
        label="The bank's answer",
        widget=UnfoldAdminFileFieldWidget,
        max_length=255,
        help_text="CSV, or a status report pain.002. You see what it would book before anything is booked.",
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > LONGEST:
            raise forms.ValidationError(f"At most {LONGEST // 1024 // 1024} MiB.")
        return file


class SeenAnswerForm(OperationForm):
    """The answer as it was looked at, signed by us; `seen` is the digest of what it would do."""

    answer = forms.CharField(widget=forms.HiddenInput)
    seen = forms.CharField(widget=forms.HiddenInput)

    def clean_answer(self):
        try:
            return unpacked(self.cleaned_data["answer"])
        except signing.BadSignature:
            raise forms.ValidationError("That is not what was looked at. Choose the file again.") from None


def packed(name, content):
    """As Latin-1 any bytes are a text."""
    return signing.dumps([name, content.decode("latin-1")], salt=SALT, compress=True)


def unpacked(text):
    name, content = signing.loads(text, salt=SALT, max_age=24 * 3600)
    return {"name": name, "content": content.encode("latin-1")}


def problems_of(payouts, format):
    """Pairs of payout and reason, of those that could not go into such a file."""
    reasons = operations.export_problems(payouts=payouts, format=format)
    return [(each, reasons[each.pk]) for each in payouts if each.pk in reasons]
