"""The back office of partners and brokers."""

from urllib.parse import urlencode

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display

from partners.admin.keys import keys_of
from partners.admin.pages import PlainAdmin, list_link, moment, page_link
from partners.models import Broker, Partner


class PayeeAdmin(PlainAdmin):
    list_display = ["name", "id", "shown_status", "contact_name", "contact_email", "touches", "records"]
    list_filter = ["status"]
    search_fields = ["id", "name", "contact_name", "contact_email"]
    search_help_text = "Name, id or contact"
    readonly_fields = ["touches", "records", "statement", "keys", "created", "updated"]
    fieldsets = [
        (None, {"fields": ["id", "name", "status"]}),
        ("Contact", {"fields": ["contact_name", "contact_email", "contact_phone"]}),
        ("What they brought", {"fields": ["touches", "records", "statement"]}),
        ("API keys", {"fields": ["keys"]}),
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

    def get_fieldsets(self, request, obj=None):
        may_see = request.user.has_perm("partners.view_apikey")
        return [each for each in super().get_fieldsets(request, obj) if may_see or each[0] != "API keys"]

    @display(description="Keys")
    def keys(self, payee):
        return keys_of(payee)

    @display(description="Touchpoints")
    def touches(self, payee):
        kind = payee._meta.model_name
        return list_link("touchpoints_touchpoint", "Show", **{f"{kind}_id": payee.pk})

    @display(description="Records")
    def records(self, payee):
        kind = payee._meta.model_name
        return list_link("attribution_attributionrecord", "Show", payee=f"{kind}:{payee.pk}")

    @display(description="Statement")
    def statement(self, payee):
        asked = urlencode({"payee_type": payee._meta.model_name, "payee_id": payee.pk})
        return format_html('<a class="row-link" href="{}?{}">Show</a>', reverse("statement-page"), asked)


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
