"""What the forms of a case share: they look alike, and an operation's refusals stand beside their fields."""

from django import forms
from django.core.exceptions import ValidationError

from attribution.admin.adding import OperationForm
from attribution.settling import HOUSE
from attribution_site.errors import DomainError
from disputes import operations


class CaseForm(OperationForm):
    use_required_attribute = True
    # What an operation calls an argument that the form calls otherwise.
    also_called: dict[str, str] = {}

    is_conflict = is_over = False

    def __init__(self, *arguments, **named):
        named.setdefault("label_suffix", "")
        super().__init__(*arguments, **named)

    def try_out(self, work):
        """What the work gives; None where it is refused, which the form then says."""
        try:
            return work()
        except ValidationError as error:
            self.refuse(error)
        except DomainError as error:
            self.conflict(str(error), is_over=isinstance(error, operations.DisputeClosed))
        return None

    def conflict(self, text, *, is_over=False):
        self.add_error(None, text)
        self.is_conflict, self.is_over = True, is_over

    def refuse(self, error):
        if not hasattr(error, "error_dict"):
            return self.add_error(None, error)
        for name, texts in error.message_dict.items():
            field = self.also_called.get(name, name)
            for text in texts:
                self.add_error(field if field in self.fields else None, text)
        return None


class PayeeField(forms.CharField):
    """`partner:its-id`, `broker:its-id` or `house`."""

    def clean(self, value):
        text = super().clean(value)
        if not text:
            return None
        if text.lower() == "house":
            return HOUSE
        kind, _, pk = text.partition(":")
        if kind.strip().lower() not in {"partner", "broker"} or not pk.strip():
            raise ValidationError("Give partner:its-id, broker:its-id, or house.", code="invalid")
        return kind.strip().lower(), pk.strip()


def payee_text(payee):
    return "house" if payee[0] == "house" else f"{payee[0]}:{payee[1]}"


def long_text(**more):
    return forms.Textarea(attrs={"rows": 4, "class": "case-input"} | more)


def is_fragment(request):
    """Whether a script of the page asks, and not a person's address bar."""
    return request.headers.get("X-Requested-With") == "fetch"
