from django import template

from attribution_site.saved_filters.models import SavedFilter
from attribution_site.saved_filters.views import kept_part

register = template.Library()


@register.simple_tag(takes_context=True)
def saved_filters(context, changelist):
    """The reader's filters of this list, which of them is on, and what could be saved now."""
    request, label = context["request"], changelist.opts.label_lower
    now = kept_part(request.GET.urlencode())
    mine = list(SavedFilter.objects.filter(owner=request.user, list=label))
    return {
        "list": label,
        "query": now,
        "chips": [{"saved": each, "active": each.query == now} for each in mine],
        "active": next((each for each in mine if each.query == now), None),
    }
