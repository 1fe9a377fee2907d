"""Webhooks in the back office: whether they arrive, at a glance; and what to do if they don't."""

from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from attribution_site.errors import DomainError
from partners.admin.pages import ReadOnlyAdmin, list_link, moment, page_link
from partners.models import Broker, Partner, WebhookEndpoint, WebhookMessage
from partners.webhooks import operations
from partners.webhooks.events import EVENTS, PING
from partners.webhooks.forms import NewWebhookForm, RotationForm, WebhookForm

ASK = "admin/partners/apikey/ask.html"
HEALTH_LABELS = {"Arriving": "success", "Failing": "warning", "Switched off": "danger"}
STATUS_LABELS = {"Pending": "info", "Delivered": "success", "Failed": "danger"}
ATTEMPTS_HEAD = ("At", "Status", "Milliseconds", "Error", "How the answer began")


class HealthFilter(DropdownFilter):
    title = "status"
    parameter_name = "health"
    conditions: dict[str | None, dict[str, object]] = {
        "active": {"status": "active"},
        "failing": {"status": "active", "failing_since__isnull": False},
        "disabled": {"status": "disabled"},
    }

    def lookups(self, request, model_admin):
        return [("active", "On"), ("failing", "Failing"), ("disabled", "Switched off")]

    def queryset(self, request, queryset):
        return queryset.filter(**self.conditions.get(self.value(), {}))


@admin.register(WebhookEndpoint)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ["name", "whose", "health", "delivered", "failed", "waiting", "failing", "shown_events", "created"]
    list_display_links = ["name"]
    list_select_related = ["partner", "broker"]
    list_filter = [HealthFilter]
    search_fields = ["url", "description", "partner__id", "partner__name", "broker__id", "broker__name"]
    search_help_text = "URL, description, partner or broker"
    sortable_by: list[str] = []
    ordering = ["-id"]
    autocomplete_fields = ["partner", "broker"]
    show_add_link = False
    actions_list = ["make"]
    fieldsets = [
        (None, {"fields": ["url", "description", "whose", "shown_events"]}),
        ("The last 24 hours", {"fields": ["delivered", "failed", "waiting", "all_deliveries"]}),
        ("State", {"fields": ["health", "failing", "disabled", "disabled_reason"]}),
        ("Who and when", {"fields": ["id", "created", "created_by"]}),
    ]
    change_form_template = "admin/partners/webhookendpoint/change_form.html"
    empty_title = "No webhooks yet"
    empty_help = "A webhook tells another system what happened here, the moment it happens."

    class Media:
        js = ["partners/keys.js"]

    @action(description="Add a webhook", permissions=["add"], icon="add", variant=ActionVariant.PRIMARY)
    def make(self, request):
        return HttpResponseRedirect(reverse("admin:partners_webhookendpoint_add"))

    def has_add_permission(self, request):
        return request.user.has_perm("partners.add_webhookendpoint")

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user).with_health()

    def get_urls(self):
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"partners_webhookendpoint_{name}")
            for name, view in {
                "edit": self.edit_view,
                "rotate": self.rotate_view,
                "remove": self.remove_view,
                **{name: self._act(name) for name in ACTS},
            }.items()
        ]
        return own + super().get_urls()

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        fields = {f"{name}_id": self._choice_of(name, request) for name in ("partner", "broker")}
        form = NewWebhookForm(request.POST or None, payees=fields)
        if form.is_valid() and (made := self._done(form, operations.create_endpoint, created_by=request.user)):
            LogEntry.objects.log_actions(request.user.pk, [made[0]], ADDITION, "Added.", single_object=True)
            return self._shown_once(request, *made)
        return self._asked(request, form, title="Add a webhook", submit="Add the webhook")

    def edit_view(self, request, pk):
        endpoint = self._changeable(request, pk)
        known = {name: getattr(endpoint, name) for name in ("url", "description", "events")}
        form = WebhookForm(request.POST or None, initial=known)
        if form.is_valid():
            changed = self._done(form, lambda **changes: operations.change_endpoint(endpoint_id=pk, changes=changes))
            if changed:
                self.log_change(request, changed, f"Changed {', '.join(form.changed_data) or 'nothing'}.")
                return self._page(pk)
        return self._asked(request, form, title=f"Change {endpoint}", submit="Save")

    def rotate_view(self, request, pk):
        endpoint = self._changeable(request, pk)
        form = RotationForm(request.POST or None)
        if form.is_valid() and (made := self._done(form, operations.rotate_secret, endpoint_id=pk)):
            self.log_change(request, endpoint, "Rotated the secret.")
            return self._shown_once(request, *made)
        return self._asked(request, form, title=f"A new secret for {endpoint}", submit="Rotate")

    def remove_view(self, request, pk):
        endpoint = self._changeable(request, pk, verb="delete")
        if request.method == "POST":
            operations.delete_endpoint(endpoint_id=pk)
            self.log_change(request, endpoint, "Deleted.")
            messages.success(request, f"{endpoint} is deleted. Nothing is sent there any more.")
            return HttpResponseRedirect(reverse("admin:partners_webhookendpoint_changelist"))
        told = "Nothing is sent there any more, and its secret is forgotten."
        return self._asked(request, forms.Form(), title=f"Delete {endpoint}?", submit="Delete for good", told=told)

    def _act(self, name):
        """A view behind a button: one operation, and what came of it."""

        def view(request, pk):
            endpoint = self._changeable(request, pk)
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            operation, text = ACTS[name]
            try:
                result = operation(endpoint_id=pk)
            except DomainError as error:
                messages.error(request, str(error))
            else:
                self.log_change(request, endpoint, text.format(result))
                messages.success(request, text.format(result))
            return self._page(pk)

        return view

    def _changeable(self, request, pk, verb="change"):
        if not request.user.has_perm(f"partners.{verb}_webhookendpoint"):
            raise PermissionDenied
        return get_object_or_404(WebhookEndpoint.objects.visible_to(request.user), pk=pk)

    def _choice_of(self, name, request):
        return self.formfield_for_foreignkey(WebhookEndpoint._meta.get_field(name), request)

    def _done(self, form, operation, **arguments):
        try:
            return operation(**arguments, **form.arguments())
        except (ValidationError, DomainError) as error:
            form.add_error(None, error if isinstance(error, ValidationError) else str(error))
            return None

    def _page(self, pk):
        return HttpResponseRedirect(reverse("admin:partners_webhookendpoint_change", args=[pk]))

    def _asked(self, request, form, **context):
        context |= {"form": form, "media": self.media + form.media, **self._frame(request)}
        return TemplateResponse(request, ASK, context, status=422 if form.errors else 200)

    def _shown_once(self, request, endpoint, secret):
        context = {**self._frame(request), "title": "The secret", "secret": secret, "stored": endpoint}
        template = "admin/partners/webhookendpoint/shown.html"
        return TemplateResponse(request, template, {**context, "media": self.media})

    def _frame(self, request):
        return {**self.admin_site.each_context(request), "opts": self.opts}

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        context |= {
            "title": str(obj),
            "is_on": obj.status == WebhookEndpoint.Status.ACTIVE,
            "may_change": request.user.has_perm("partners.change_webhookendpoint"),
            "may_delete": request.user.has_perm("partners.delete_webhookendpoint"),
        }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Webhook")
    def name(self, endpoint):
        return format_html("<div>{}</div><small>{}</small>", endpoint.description or "–", endpoint.url[:100])

    @display(description="Whose")
    def whose(self, endpoint):
        if endpoint.partner_id:
            return page_link(Partner, endpoint.partner_id, endpoint.partner.name)
        return page_link(Broker, endpoint.broker_id, endpoint.broker.name) if endpoint.broker_id else "The house"

    @display(description="State", label=HEALTH_LABELS)
    def health(self, endpoint):
        if endpoint.status != WebhookEndpoint.Status.ACTIVE:
            return "Switched off"
        return "Failing" if endpoint.failing_since else "Arriving"

    @display(description="Delivered, 24 h")
    def delivered(self, endpoint):
        return f"{endpoint.delivered:,}"

    @display(description="Failed, 24 h")
    def failed(self, endpoint):
        return self._messages(endpoint, "failed")

    @display(description="Waiting, 24 h")
    def waiting(self, endpoint):
        return self._messages(endpoint, "pending")

    def _messages(self, endpoint, status):
        number = getattr(endpoint, status)
        filters = {"endpoint__id__exact": endpoint.pk, "status__exact": status}
        return list_link("partners_webhookmessage", f"{number:,}", **filters) if number else "0"

    @display(description="Deliveries")
    def all_deliveries(self, endpoint):
        return list_link("partners_webhookmessage", "All of them", endpoint__id__exact=endpoint.pk)

    @display(description="Failing since")
    def failing(self, endpoint):
        return moment(endpoint.failing_since)

    @display(description="Switched off at")
    def disabled(self, endpoint):
        return moment(endpoint.disabled_at)

    @display(description="Events")
    def shown_events(self, endpoint):
        return ", ".join(endpoint.events)

    @display(description="Added")
    def created(self, endpoint):
        return moment(endpoint.created_at)


ACTS: dict[str, tuple[Callable[..., object], str]] = {
    "ping": (operations.ping, "A ping is on its way."),
    "enable": (operations.enable_endpoint, "The webhook is on again."),
    "replay": (operations.replay_failed, "{} failed messages are sent again."),
}


class EventFilter(DropdownFilter):
    title = "event"
    parameter_name = "event"

    def lookups(self, request, model_admin):
        return [(name, name) for name in [*EVENTS, PING]]

    def queryset(self, request, queryset):
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(WebhookMessage)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["event", "webhook", "shown_status", "attempts", "created", "delivered", "next_attempt"]
    list_display_links = ["event"]
    list_select_related = ["endpoint"]
    list_filter = [("status", ChoicesDropdownFilter), EventFilter]
    sortable_by: list[str] = []
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["id", "event", "webhook", "shown_status", "attempts", "next_attempt"]}),
        ("Times", {"fields": ["created", "delivered"]}),
        ("What was signed and sent", {"fields": ["text"]}),
    ]
    sections = ["shown_attempts"]
    change_form_template = "admin/partners/webhookmessage/change_form.html"
    empty_title = "Nothing sent yet"
    empty_help = "Messages to webhooks are kept here for 30 days, with every attempt."

    def lookup_allowed(self, lookup, value, request):
        return lookup == "endpoint__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user)

    def get_urls(self):
        replay = self.admin_site.admin_view(self.replay_view)
        return [path("<uuid:pk>/replay/", replay, name="partners_webhookmessage_replay"), *super().get_urls()]

    def replay_view(self, request, pk):
        if not request.user.has_perm("partners.change_webhookendpoint"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        message = get_object_or_404(self.get_queryset(request), pk=pk)
        try:
            operations.replay_message(message_id=pk)
        except DomainError as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, message, "Sent again.")
            messages.success(request, "It is on its way again.")
        return HttpResponseRedirect(reverse("admin:partners_webhookmessage_change", args=[pk]))

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        may = obj.status != WebhookMessage.Status.PENDING and request.user.has_perm("partners.change_webhookendpoint")
        context |= {"title": str(obj), "may_replay": may}
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Webhook")
    def webhook(self, message):
        return page_link(WebhookEndpoint, message.endpoint_id, str(message.endpoint))

    @display(description="Status", label=STATUS_LABELS)
    def shown_status(self, message):
        return message.get_status_display()

    @display(description="Published")
    def created(self, message):
        return moment(message.created_at)

    @display(description="Delivered")
    def delivered(self, message):
        return moment(message.delivered_at)

    @display(description="Next attempt")
    def next_attempt(self, message):
        return moment(message.next_attempt_at)

    @display(description="Body")
    def text(self, message):
        return format_html('<pre class="code">{}</pre>', message.body)

    @display(description="Attempts")
    def shown_attempts(self, message):
        rows = [
            (moment(each.at), each.status_code or "–", f"{each.duration_ms:,}", each.error or "–", each.answer or "–")
            for each in message.log.all()
        ]
        if not rows:
            return "None yet."
        head = format_html_join("", "<th>{}</th>", ((title,) for title in ATTEMPTS_HEAD))
        body = format_html_join("", "<tr>" + "<td>{}</td>" * len(ATTEMPTS_HEAD) + "</tr>", rows)
        return format_html('<table class="plain"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', head, body)
