"""API keys in the back office: making one, which is shown once, rotating it, ending it. Nothing else of it changes."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html_join
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from attribution_site.errors import DomainError
from partners import operations
from partners.admin.key_filters import HolderFilter, ScopeFilter, StateFilter
from partners.admin.key_forms import KeyForm, RotationForm
from partners.admin.pages import NOTHING, ReadOnlyAdmin, list_link, moment, page_link
from partners.models import ApiKey, Broker, Partner, Scope

STATE_LABELS = {
    "Active": "success",
    "Expiring": "warning",
    "Expired": "default",
    "Revoked": "danger",
    "Replaced": "default",
}
SHOWN_OF_PAYEE = 20


@admin.register(ApiKey)
class KeyAdmin(ReadOnlyAdmin):
    list_display = ["name", "begins", "state", "whose", "shown_scopes", "used", "ends", "created", "created_by"]
    list_display_links = ["name"]
    list_select_related = ["partner", "broker", "created_by"]
    list_filter = [StateFilter, ScopeFilter, HolderFilter]
    search_fields = ["name", "prefix", "partner__id", "partner__name", "broker__id", "broker__name"]
    search_help_text = "Name, how the key begins, partner or broker"
    sortable_by = ["name", "used", "ends", "created"]
    autocomplete_fields = ["partner", "broker"]
    show_add_link = False
    actions_list = ["make"]
    fields = [
        "name",
        "begins",
        "state",
        "whose",
        "explained",
        "used",
        "ends",
        "revoked",
        "replacement",
        "created",
        "created_by",
    ]
    change_form_template = "admin/partners/apikey/change_form.html"
    empty_title = "No keys yet"
    empty_help = "Programs use the API with a key: make one for each of them."

    class Media:
        js = ["partners/keys.js"]

    @action(description="Make a key", permissions=["add"], icon="add", variant=ActionVariant.PRIMARY)
    def make(self, request):
        return HttpResponseRedirect(reverse("admin:partners_apikey_add"))

    def has_add_permission(self, request):
        return request.user.has_perm("partners.add_apikey")

    def get_queryset(self, request):
        return super().get_queryset(request).visible_to(request.user).with_state()

    def get_urls(self):
        views = {"rotate": self.rotate_view, "revoke": self.revoke_view}
        own = [
            path(f"<uuid:pk>/{name}/", self.admin_site.admin_view(view), name=f"partners_apikey_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        payees = {f"{name}_id": self._choice_of(name, request) for name in ("partner", "broker")}
        form = KeyForm(request.POST or None, payees=payees)
        if form.is_valid() and (made := self._made(form, operations.create_key, by=request.user)):
            LogEntry.objects.log_actions(request.user.pk, [made[0]], ADDITION, "Made.", single_object=True)
            return self._shown_once(request, *made)
        return self._asked(request, form, title="Make a key", act="Make the key")

    def rotate_view(self, request, pk):
        if not self.has_add_permission(request):
            raise PermissionDenied
        old = get_object_or_404(self.get_queryset(request), pk=pk)
        form = RotationForm(request.POST or None)
        if form.is_valid() and (made := self._made(form, operations.rotate_key, key_id=pk, by=request.user)):
            self.log_change(request, old, "Rotated.")
            return self._shown_once(request, *made)
        told = "A new key with the same name and scopes takes its place. A key that ends gets as long a life again."
        return self._asked(request, form, title=f"Rotate {old}", act="Rotate", told=told)

    def revoke_view(self, request, pk):
        if not request.user.has_perm("partners.change_apikey"):
            raise PermissionDenied
        key = get_object_or_404(self.get_queryset(request), pk=pk)
        if request.method == "POST":
            operations.revoke_key(key_id=pk)
            self.log_change(request, key, "Revoked.")
            messages.success(request, f"{key} is revoked. Within seconds nothing takes it any more.")
            return HttpResponseRedirect(reverse("admin:partners_apikey_change", args=[pk]))
        told = "It ends for good, within seconds. What uses it is refused from then on."
        return self._asked(request, forms.Form(), title=f"Revoke {key}?", act="Revoke for good", told=told)

    def _choice_of(self, name, request):
        return self.formfield_for_foreignkey(ApiKey._meta.get_field(name), request)

    def _made(self, form, operation, *, by, **arguments):
        try:
            return operation(**arguments, **form.arguments(), created_by=by)
        except (ValidationError, DomainError) as error:
            form.add_error(None, error if isinstance(error, ValidationError) else str(error))
            return None

    def _asked(self, request, form, **context):
        context |= {"form": form, "media": self.media + form.media, **self._frame(request)}
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/partners/apikey/ask.html", context, status=status)

    def _shown_once(self, request, stored, key):
        """The one page that has the key in it. It is an answer to a POST, so that no address leads back to it."""
        context = {**self._frame(request), "title": "The new key", "key": key, "stored": stored, "media": self.media}
        return TemplateResponse(request, "admin/partners/apikey/shown.html", context)

    def _frame(self, request):
        return {**self.admin_site.each_context(request), "opts": self.opts}

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        works = obj.state in {ApiKey.State.ACTIVE, ApiKey.State.EXPIRING}
        context |= {
            "title": str(obj),
            "may_rotate": works and not obj.replaced_by_id and self.has_add_permission(request),
            "may_revoke": works and request.user.has_perm("partners.change_apikey"),
        }
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Begins with", ordering="prefix")
    def begins(self, key):
        return f"{key.prefix}…"

    @display(description="Status", label=STATE_LABELS)
    def state(self, key):
        return ApiKey.State(key.state).label

    @display(description="Whose")
    def whose(self, key):
        if key.partner_id:
            return page_link(Partner, key.partner_id, key.partner.name)
        return page_link(Broker, key.broker_id, key.broker.name) if key.broker_id else "The house"

    @display(description="Scopes")
    def shown_scopes(self, key):
        return ", ".join(key.scopes)

    @display(description="Scopes")
    def explained(self, key):
        return format_html_join("", "<div>{}: {}</div>", ((scope, Scope(scope).label) for scope in key.scopes))

    @display(description="Last used", ordering="last_used_at")
    def used(self, key):
        return moment(key.last_used_at) if key.last_used_at else "Never"

    @display(description="Ends", ordering="expires_at")
    def ends(self, key):
        return moment(key.expires_at)

    @display(description="Revoked")
    def revoked(self, key):
        return moment(key.revoked_at)

    @display(description="Replaced by")
    def replacement(self, key):
        return page_link(ApiKey, key.replaced_by_id, str(key.replaced_by)) if key.replaced_by_id else NOTHING

    @display(description="Made", ordering="id")
    def created(self, key):
        return moment(key.created_at)


def keys_of(payee):
    """The keys of a partner or broker, for its page: those that work first."""
    keys = payee.keys.with_state().order_by("revoked_at", "-id")[: SHOWN_OF_PAYEE + 1]
    if not keys:
        return NOTHING
    lines = format_html_join(
        "",
        "<div>{} · {}</div>",
        ((page_link(ApiKey, key.pk, str(key)), ApiKey.State(key.state).label) for key in keys[:SHOWN_OF_PAYEE]),
    )
    more = [(list_link("partners_apikey", "All", q=payee.pk),)] if len(keys) > SHOWN_OF_PAYEE else []
    return lines + format_html_join("", "<div>{}</div>", more)
