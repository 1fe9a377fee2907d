"""The evidence as a person reads it: files by name, what the system found as small tables, data as it is nested."""

from django.db.models import Case, F, JSONField, Q, Value, When
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from disputes.models import Evidence
from partners.admin import moment

# Of longer data only the beginning is shown, and of very long data nothing: it can be downloaded.
INLINE = 32 * 1024
NODES = 400
ROWS = 50
SOURCES = ("claimant", "respondent", "house", "system")
FOUND = [Evidence.Kind.RULE, Evidence.Kind.DUPLICATES, Evidence.Kind.CLICK_IDS, Evidence.Kind.EARLIER]


def by_source(dispute, request):
    shown = Q(kind__in=FOUND, size__lte=8 * INLINE) | Q(kind=Evidence.Kind.JSON, size__lte=INLINE)
    content = Case(When(shown, then=F("content")), default=Value(None), output_field=JSONField())
    items = (
        Evidence.objects.visible_to(request.user)
        .filter(dispute=dispute)
        .select_related("party", "added_by", "added_by_key")
        .defer("content")
        .annotate(shown=content)
    )
    groups: dict[str, list] = {source: [] for source in SOURCES}
    for item in items:
        groups[item.source].append(_item(item, dispute))
    return [{"source": source, "items": items} for source, items in groups.items()]


def _item(item, dispute):
    return {
        "name": item.name,
        "kind": item.kind,
        "type": item.content_type,
        "size": filesizeformat(item.size),
        "sha256": item.sha256,
        "by": str(item.party or item.added_by or item.added_by_key or ""),
        "at": moment(item.added_at),
        "address": reverse("admin:disputes_dispute_evidence", args=[dispute.pk, item.pk]),
        "is_file": item.kind == Evidence.Kind.FILE,
        "blocks": _blocks(item),
        "is_long": item.kind != Evidence.Kind.FILE and item.shown is None,
    }


def _blocks(item):
    content = item.shown
    if content is None:
        return []
    try:
        return list(READ[item.kind](content))
    except (AttributeError, KeyError, TypeError):
        # Filed by an older version, which said it otherwise.
        return [{"lines": nested(content)}]


def _rule(content):
    yield {"texts": [str(text) for text in content["in_words"]]}
    replays = {True: "came out the same to the cent", False: "came out otherwise", None: "could not be tried"}
    yield {"texts": [f"Calculated again at the filing: {replays[content['replays']]}."]}


def _duplicates(content):
    pairs = [[a, b] for a, b in content["repeats"][:ROWS]]
    yield _table("The same source within half an hour", ["Touch", "Touch soon after"], pairs)
    shared = content["sessions_of_several_payees"][:ROWS]
    payees = [[each["session_id"], ", ".join(" ".join(pair) for pair in each["payees"])] for each in shared]
    yield _table("One session, several payees", ["Session", "Payees"], payees)
    others = content["other_conversions_with_the_touch"][:ROWS]
    columns = ["conversion_type", "occurred_at", "credit", "conversion_id"]
    yield _table("The touch in other conversions", ["Type", "When", "Credit", "Id"], _columns(others, columns))
    policy = content["other_conversions_of_the_policy"][:ROWS]
    columns = ["type", "occurred_at", "value", "currency", "id"]
    yield _table("The policy in other conversions", ["Type", "When", "Value", "", "Id"], _columns(policy, columns))


def _click_ids(content):
    twice = [[each["name"], each["value"], len(each["touchpoints"])] for each in content["used_more_than_once"][:ROWS]]
    yield _table("Used more than once", ["Click id", "Value", "Touches"], twice)
    touches = [
        [each["touchpoint_id"], ", ".join(f"{name} {value}" for name, value in each["click_ids"].items())]
        for each in content["touches"][:ROWS]
    ]
    yield _table("By touch", ["Touch", "Click ids"], touches)


def _earlier(content):
    rows = [
        [f"D-{each['number']}", each["dispute_type"], each["claimant_id"], each["status"], each["filed_at"][:10]]
        for each in content[:ROWS]
    ]
    yield _table("Disputes of this lead before", ["Number", "Type", "Claimant", "State", "Filed"], rows)


def _data(content):
    yield {"lines": nested(content)}


READ = {
    Evidence.Kind.RULE: _rule,
    Evidence.Kind.DUPLICATES: _duplicates,
    Evidence.Kind.CLICK_IDS: _click_ids,
    Evidence.Kind.EARLIER: _earlier,
    Evidence.Kind.JSON: _data,
}


def _columns(rows, names):
    return [[_short(each[name]) for name in names] for each in rows]


def _short(value):
    text = str(value)
    return text[:16].replace("T", " ") if text[10:11] == "T" else text.replace("_", " ")


def _table(title, headers, rows):
    return {"title": title, "headers": headers, "rows": rows}


def nested(content, depth=0, name="", lines=None):
    """One line a value, with how deep it lies. Stops after NODES of them."""
    lines = [] if lines is None else lines
    if len(lines) >= NODES:
        return lines
    children = _children(content)
    if children is None:
        lines.append({"depth": min(depth, 12), "name": name, "value": "none" if content is None else str(content)})
        return lines
    if name:
        lines.append({"depth": min(depth, 12), "name": name, "value": "" if content else "empty"})
    for key, value in children:
        nested(value, depth + bool(name), str(key), lines)
    return lines


def _children(content):
    match content:
        case dict():
            return content.items()
        case list():
            return enumerate(content, 1)
        case _:
            return None
