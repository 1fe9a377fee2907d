"""The back office of touchpoints, and how lists of a hundred million rows stay quick."""

import datetime as dt
import uuid

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter, TextFilter
from unfold.decorators import display

from partners.admin import ReadOnlyAdmin, moment, page_link
from partners.models import Broker, Partner
from touchpoints.models import Touchpoint
from touchpoints.tracking import admin as tracking  # noqa: F401 (registers its pages)

COUNTED = 100_000  # what a list counts exactly, and how far one may page
JOURNEY_SHOWN = 100


class BigPaginator(Paginator):
    """Counts at most so many rows. An unfiltered big table shows the planner's estimate instead."""

    object_list: QuerySet
    counted = COUNTED

    @cached_property
    def count(self):
        if not self.object_list.query.where:
            estimate = estimated_rows(self.object_list.model._meta.db_table)
            if estimate > self.counted:
                return estimate
        return self.object_list.order_by()[: self.counted + 1].count()

    @cached_property
    def num_pages(self):
        # Page 2,000,000 would make the database walk through all the rows before it.
        return max(1, -(-min(self.count, self.counted) // self.per_page))


def estimated_rows(table):
    """Rows by the statistics of the table and its partitions; 0 when there are none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class"
            " WHERE oid = %s::regclass AND relkind = 'r'"
            " OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = %s::regclass)",
            [table, table],
        )
        return cursor.fetchone()[0]


class DayRangeFilter(RangeDateFilter):
    """Whole days of the reader's zone, both included."""

    def queryset(self, request, queryset):
        first, last = (self._day(f"{self.parameter_name}_{end}") for end in ("from", "to"))
        if first:
            queryset = queryset.filter(**{f"{self.field_path}__gte": first})
        if last:
            queryset = queryset.filter(**{f"{self.field_path}__lt": last + dt.timedelta(days=1)})
        return queryset

    def _day(self, name):
        if not (text := self.used_parameters.get(name)):
            return None
        try:
            day = dt.date.fromisoformat(text)
        except ValueError as error:
            raise IncorrectLookupParameters(error) from None
        return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())


def exactly(field, text):
    """A filter by an exact value, typed in: an index finds it, whatever the size of the table."""

    class ExactFilter(TextFilter):
        title = text
        parameter_name = field

        def queryset(self, request, queryset):
            value = (self.value() or "").strip()
            return queryset.filter(**{field: value}) if value else queryset

    return ExactFilter


class BigTableAdmin(ReadOnlyAdmin):
    """A table too big to search by substring: the search box takes whole values of indexed columns, an id,
    or the beginning of the first of `exact_search` followed by a star."""

    paginator = BigPaginator
    exact_search: list[str] = []

    def get_search_fields(self, request):
        return self.exact_search

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.endswith("*"):
            return beginning_with(queryset, self.exact_search[0], term.rstrip("*")), False
        found = Q()
        for field in self.exact_search:
            if self.opts.get_field(field).get_internal_type() != "UUIDField":
                found |= Q(**{field: term})
            elif parsed := as_uuid(term):
                found |= Q(**{field: parsed})
        return queryset.filter(found), False


def beginning_with(queryset, field, prefix):
    """LIKE uses no plain index outside of the C collation; bounds do, and LIKE then says exactly which."""
    bounds = {f"{field}__gte": prefix, f"{field}__lte": f"{prefix}\U0010ffff"}
    return queryset.filter(**bounds, **{f"{field}__startswith": prefix})


def as_uuid(text):
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@admin.register(Touchpoint)
class TouchpointAdmin(BigTableAdmin):
    list_display = ["at", "lead", "channel", "source", "campaign", "partner", "broker"]
    list_display_links = ["at"]
    ordering = ["-timestamp", "-id"]
    sortable_by = ["at"]
    list_filter = [
        ("timestamp", DayRangeFilter),
        ("channel", ChoicesDropdownFilter),
        exactly("partner_id", "partner id"),
        exactly("broker_id", "broker id"),
    ]
    exact_search = ["lead_id", "id"]
    search_help_text = "Whole lead id, touchpoint id, or lead-12*"
    empty_title = "No touchpoints here"
    empty_help = "Touches come in by POST /touchpoints or by manage.py import_touchpoints."
    fieldsets = [
        (None, {"fields": ["lead", "at", "shown_channel", "session_id"]}),
        ("Where it came from", {"fields": ["source", "medium", "campaign", "content", "term"]}),
        ("Whose it is", {"fields": ["partner", "broker", "referral_code"]}),
        ("Trace", {"fields": ["id", "shown_click_ids", "received"]}),
    ]
    readonly_fields = ["lead", "at", "shown_channel", "partner", "broker", "shown_click_ids", "received"]
    sections = ["journey"]

    @display(description="Time", ordering="timestamp")
    def at(self, touch):
        return moment(touch.timestamp)

    @display(description="Received")
    def received(self, touch):
        return moment(touch.received_at)

    @display(description="Click ids")
    def shown_click_ids(self, touch):
        return ", ".join(f"{name}: {value}" for name, value in (touch.click_ids or {}).items()) or None

    @display(description="Channel")
    def shown_channel(self, touch):
        return touch.get_channel_display()

    @display(description="Lead")
    def lead(self, touch):
        return lead_link(touch.lead_id)

    @display(description="Partner")
    def partner(self, touch):
        return page_link(Partner, touch.partner_id)

    @display(description="Broker")
    def broker(self, touch):
        return page_link(Broker, touch.broker_id)

    @display(description="The lead's touches around it")
    def journey(self, touch):
        others = Touchpoint.objects.filter(lead_id=touch.lead_id)
        before = others.filter(timestamp__lte=touch.timestamp).order_by("-timestamp", "-id")
        after = others.filter(timestamp__gt=touch.timestamp).in_time_order()
        half = JOURNEY_SHOWN // 2
        return touch_table([*reversed(before[:half]), *after[:half]], marked=touch.pk)


def lead_link(lead_id):
    """To the page on which all of one lead is seen. It is of the app that knows most, and named by its route alone."""
    return format_html('<a class="row-link" href="{}">{}</a>', reverse("lead-page", args=[lead_id]), lead_id)


def touch_table(touches, *, marked=None):
    """Touches as a table, in the order given. The marked one is where the reader stands."""
    rows = [
        (
            "here" if touch.pk == marked else "",
            page_link(Touchpoint, touch.pk, moment(touch.timestamp)),
            touch.get_channel_display(),
            touch.source or "–",
            touch.campaign or "–",
            touch.partner_id or touch.broker_id or "–",
        )
        for touch in touches
    ]
    return table(["Time", "Channel", "Source", "Campaign", "Partner or broker"], rows)


def table(headers, rows):
    """A plain table; each row starts with its CSS class."""
    head = format_html_join("", "<th>{}</th>", ((header,) for header in headers))
    body = format_html_join(
        "",
        '<tr class="{}">{}</tr>',
        ((css, format_html_join("", "<td>{}</td>", ((cell,) for cell in cells))) for css, *cells in rows),
    )
    return format_html_join(
        "", '<table class="plain"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>', [(head, body)]
    )
