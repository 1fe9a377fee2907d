"""The back office of links and tracked sites: what is to be copied into letters and pages stands on their pages."""

import datetime as dt

from django.conf import settings
from django.contrib import admin
from django.db.models import OuterRef, Subquery, Sum
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from partners.admin import PlainAdmin, moment, page_link
from partners.models import Broker, Partner
from touchpoints.tracking.models import LinkDay, TrackedSite, TrackingLink

COUNTED_DAYS = 30
TAG = '<script async src="{script}" data-site="{code}"></script>'
PICTURE = '<img src="{address}.gif" width="1" height="1" alt="">'
COPYABLE = """<p class="copyable"><strong>{}</strong> <code>{}</code>
    <button type="button" class="button-plain" data-copy="{}">Copy</button></p>"""


class TrackingAdmin(PlainAdmin):
    """Rows that are switched off and never deleted: their codes are out in the world."""

    actions = None
    list_filter = ["is_active"]
    search_fields = ["code", "name"]
    search_help_text = "Code or name"
    autocomplete_fields = ["partner", "broker"]
    change_form_outer_after_template = "admin/sections.html"

    class Media:
        js = ["touchpoints/copy.js"]

    def get_readonly_fields(self, request, obj=None):
        return ["code", "created"] if obj else []

    def get_fieldsets(self, request, obj=None):
        return self.fieldsets if obj else self.fieldsets[:-1]

    def has_delete_permission(self, request, obj=None):
        return False

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj:
            context["sections"] = [("Ready to copy", copyable(self.to_copy(request, obj)))]
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    @display(description="Active", boolean=True, ordering="is_active")
    def active(self, row):
        return row.is_active

    @display(description="Partner or broker")
    def payee(self, row):
        return page_link(Partner, row.partner_id) if row.partner_id else page_link(Broker, row.broker_id)

    @display(description="Created")
    def created(self, row):
        return moment(row.created_at)


@admin.register(TrackingLink)
class TrackingLinkAdmin(TrackingAdmin):
    list_display = ["name", "path", "target_url", "channel", "payee", "clicks", "opens", "active"]
    list_filter = ["is_active", "channel"]
    empty_title = "No links yet"
    empty_help = "A link counts its clicks and says who sent the visitor. Add one for a letter, a partner or an ad."
    fieldsets = [
        (None, {"fields": ["name", "code", "target_url", "is_active"]}),
        ("What its touches say", {"fields": ["channel", "source", "medium", "campaign", "content", "term"]}),
        ("Whose they are", {"fields": ["partner", "broker", "referral_code"]}),
        ("E-mail", {"fields": ["opens_are_touches"]}),
        ("Trace", {"fields": ["created"]}),
    ]

    def get_queryset(self, request):
        since = timezone.now().astimezone(dt.UTC).date() - dt.timedelta(days=COUNTED_DAYS - 1)
        days = LinkDay.objects.filter(link=OuterRef("pk"), day__gte=since).order_by().values("link")
        sums = {f"recent_{what}": Subquery(days.annotate(n=Sum(what)).values("n")) for what in ("clicks", "opens")}
        return super().get_queryset(request).annotate(**sums)

    def to_copy(self, request, link):
        address = request.build_absolute_uri(f"/t/{link.code}")
        yield "Address", address
        yield "Pixel", PICTURE.format(address=address)
        if self.has_change_permission(request, link):
            yield "Secret that signs leads", link.secret

    @display(description="Address")
    def path(self, link):
        return format_html("<code>/t/{}</code>", link.code)

    @display(description=f"Clicks, {COUNTED_DAYS} days", ordering="recent_clicks")
    def clicks(self, link):
        return f"{link.recent_clicks or 0:,}"

    @display(description=f"Opens, {COUNTED_DAYS} days", ordering="recent_opens")
    def opens(self, link):
        return f"{link.recent_opens or 0:,}"


@admin.register(TrackedSite)
class TrackedSiteAdmin(TrackingAdmin):
    list_display = ["name", "code", "shown_origins", "payee", "active"]
    empty_title = "No sites yet"
    empty_help = "Add a site, copy its script tag into its pages, and its visitors' arrivals become touchpoints."
    fieldsets = [
        (None, {"fields": ["name", "code", "origins", "is_active"]}),
        ("Whose its touches are", {"fields": ["partner", "broker"]}),
        ("Trace", {"fields": ["created"]}),
    ]

    def to_copy(self, request, site):
        # Not by its hashed name: the tag stays in pages for years, the script changes.
        script = request.build_absolute_uri(f"/{settings.STATIC_URL.strip('/')}/touchpoints/tracker.js")
        yield "Script tag", TAG.format(script=script, code=site.code)

    @display(description="Origins")
    def shown_origins(self, site):
        return ", ".join(site.origins)


def copyable(texts):
    """Texts with a button each that copies them."""
    return format_html_join("", COPYABLE, ((name, text, text) for name, text in texts))
