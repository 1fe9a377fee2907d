"""The back office of partners and brokers, and what every back office page of the product shares."""

from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import display

from partners.models import Broker, Partner

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


class PlainAdmin(ModelAdmin):
    """The look that all lists share."""

    list_per_page = 50
    list_filter_submit = True
    list_fullwidth = True
    show_full_result_count = False
    empty_value_display = NOTHING
    # What an empty list says, and the command or page that fills it.
    empty_title = ""
    empty_help = ""

    class Media:
        css = {"all": ["attribution/admin.css"]}


class ReadOnlyAdmin(PlainAdmin):
    """Rows that the back office shows and never writes."""

    actions = None
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


class PayeeAdmin(PlainAdmin):
    list_display = ["name", "id", "shown_status", "contact_name", "contact_email", "touches", "records"]
    list_filter = ["status"]
    search_fields = ["id", "name", "contact_name", "contact_email"]
    search_help_text = "Name, id or contact"
    readonly_fields = ["touches", "records", "created", "updated"]
    fieldsets = [
        (None, {"fields": ["id", "name", "status"]}),
        ("Contact", {"fields": ["contact_name", "contact_email", "contact_phone"]}),
        ("What they brought", {"fields": ["touches", "records"]}),
        ("Times", {"fields": ["created", "updated"]}),
    ]
    add_fieldsets = fieldsets[:2]
    actions = None

    def get_readonly_fields(self, request, obj=None):
        """Touchpoints and records know their payee by its id: once given, it stays."""
        return [*self.readonly_fields, "id"] if obj else []

    def has_delete_permission(self, request, obj=None):
        """A payee is closed, not deleted: rows that name it outlive it."""
        return False

    @display(
        description="Status",
        ordering="status",
        label={"Active": "success", "Suspended": "warning", "Closed": "danger"},
    )
    def shown_status(self, payee):
        return payee.get_status_display()

    @display(description="Created")
    def created(self, payee):
        return moment(payee.created_at)

    @display(description="Last changed")
    def updated(self, payee):
        return moment(payee.updated_at)

    @display(description="Touchpoints")
    def touches(self, payee):
        kind = payee._meta.model_name
        return list_link("touchpoints_touchpoint", "Show", **{f"{kind}_id": payee.pk})

    @display(description="Records")
    def records(self, payee):
        kind = payee._meta.model_name
        return list_link("attribution_attributionrecord", "Show", payee=f"{kind}:{payee.pk}")


@admin.register(Partner)
class PartnerAdmin(PayeeAdmin):
    empty_title = "No partners yet"
    empty_help = "Add the first one here: touchpoints may name only partners that exist."


@admin.register(Broker)
class BrokerAdmin(PayeeAdmin):
    empty_title = "No brokers yet"
    empty_help = "Add the first one here: touchpoints may name only brokers that exist."


def payee_link(kind, pk):
    """A link to the payee that a record names by kind and id."""
    models = {"partner": Partner, "broker": Broker}
    return page_link(models[kind], pk) if kind in models else "The house"
