"""What every back office page of the product shares."""

from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin

from attribution_site.audit.history import WithAuditHistory

NOTHING = "–"


def moment(value):
    """A time in the reader's zone; the tooltip has the seconds and the zone."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}" class="moment">{}</time>',
        value.isoformat(),
        f"{local:%Y-%m-%d %H:%M:%S} {timezone.get_current_timezone_name()}",
        f"{local:%Y-%m-%d %H:%M}",
    )


def page_link(model, pk, text=None):
    """A link to the page of one row, by its id alone: no query."""
    if pk in (None, ""):
        return NOTHING
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[pk])
    return format_html('<a class="row-link" href="{}">{}</a>', url, text or pk)


def list_link(label, text, **filters):
    """A link to a list with its filters set; `label` is app_model, so that no app is imported for it."""
    url = f"{reverse(f'admin:{label}_changelist')}?{urlencode(filters)}"
    return format_html('<a class="row-link" href="{}">{}</a>', url, text)


class PlainAdmin(WithAuditHistory, ModelAdmin):
    """The look that all lists share."""

    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False
    empty_value_display = NOTHING
    # What an empty list says, and the command or page that fills it.
    empty_title = ""
    empty_help = ""
    list_before_template = "admin/saved_filters.html"

    class Media:
        css = {"all": ["attribution/admin.css"]}


class ReadOnlyAdmin(PlainAdmin):
    """Rows that the back office shows and never writes."""

    actions: list[str] | None = None
    # Methods whose tables stand below the fields. A read-only field would run their queries several times.
    sections: list[str] = []
    change_form_outer_after_template = "admin/sections.html"

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        shown = [getattr(self, name) for name in self.sections]
        context["sections"] = [(section.short_description, section(obj)) for section in shown]
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


def words_of(error):
    """A refusal in words for a person: of bad input each text with the field it is about."""
    if hasattr(error, "error_dict"):
        texts = ((name, text) for name, found in error.message_dict.items() for text in found)
        return " ".join(text if name == "__all__" else f"{name}: {text}" for name, text in texts)
    return " ".join(getattr(error, "messages", None) or [str(error) or "It does not exist."])
