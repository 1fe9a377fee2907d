from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

ONE_TIME = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
DIGITS = ONE_TIME | {"inputmode": "numeric", "maxlength": 7}


class CodeForm(forms.Form):
    """A code of the app; with `recovery`, a recovery code."""

    code = forms.CharField(max_length=40, error_messages={"required": "Type the code first."})

    def __init__(self, *args, recovery=False, **kwargs):
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        field.label = "Recovery code" if recovery else "Code from your app"
        attributes = {"autocomplete": "off", "spellcheck": "false"} if recovery else DIGITS
        field.widget = UnfoldAdminTextInputWidget(attrs={**attributes, "autofocus": True, "class": "code-input"})
        field.widget.is_required = True

    def clean_code(self):
        return "".join(self.cleaned_data["code"].split())


class ProofForm(forms.Form):
    """The password again, and a code of who has a device."""

    password = forms.CharField(
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = forms.CharField(
        label="Code from your app, or a recovery code",
        max_length=40,
        widget=UnfoldAdminTextInputWidget(attrs=ONE_TIME),
    )

    def __init__(self, *args, with_code, **kwargs):
        super().__init__(*args, **kwargs)
        if not with_code:
            del self.fields["code"]

    def clean_code(self):
        return "".join(self.cleaned_data["code"].split())
