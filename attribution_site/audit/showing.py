"""The audit log in words: who, what, from what to what."""

import json
from collections.abc import Iterable
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse
from django.utils.html import format_html

from attribution_site.audit.reading import Entry
from attribution_site.audit.tracking import BASELINE, DELETE, INSERT, UPDATE
from partners.models import ApiKey

ACTIONS = {INSERT: "Added", UPDATE: "Changed", DELETE: "Deleted", BASELINE: "First seen"}
COLOURS = {INSERT: "success", UPDATE: "info", DELETE: "danger", BASELINE: "default"}
NOTHING = "–"
LONGEST = 60
USERS = ("user_id", "created_by_id")


class Names:
    """Of the users, roles, permissions and keys that some entries name: four queries, however many they are."""

    def __init__(self, entries: Iterable[Entry]):
        entries = list(entries)
        rows = [entry.whole for entry in entries]
        users = {entry.context.get("user") for entry in entries} | {row.get(name) for row in rows for name in USERS}
        self.users = {user.pk: user.get_username() for user in User.objects.filter(pk__in=_known(users, int))}
        self.of = {
            "group_id": self._named(Group, rows, "group_id"),
            "permission_id": self._named(Permission, rows, "permission_id", "codename"),
            **dict.fromkeys(USERS, self.users),
        }
        keys = _known((entry.context.get("key") for entry in entries), UUID)
        self.keys = {str(pk): name for pk, name in ApiKey.objects.filter(pk__in=keys).values_list("pk", "name")}

    def _named(self, model, rows, column, field="name"):
        ids = _known((row.get(column) for row in rows), int)
        return dict(model.objects.filter(pk__in=ids).values_list("pk", field)) if ids else {}

    def who(self, entry: Entry) -> str:
        told = entry.context
        if user := told.get("user"):
            return self.users.get(user, f"user {user}")
        if key := told.get("key"):
            return f"key {self.keys.get(key, key)}"
        if task := told.get("task"):
            return f"task {task.rpartition('.')[2]}"
        if command := told.get("command"):
            return f"manage.py {command} by {told.get('os_user')}"
        return f"SQL: {entry.row['pgh_login']}" + (
            f" ({entry.row['pgh_application']})" if entry.row["pgh_application"] else ""
        )

    def value(self, column: str, value) -> str:
        name = self.of.get(column, {}).get(value)
        return f"{name} ({value})" if name else shown(value)


def _known(values, kind):
    found = set()
    for value in values:
        try:
            found.add(kind(value) if value is not None else None)
        except ValueError:
            continue
    return found - {None}


def shown(value) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def title_of(model) -> str:
    """Such as "API key", not "Api key"."""
    name = str(model.pgh_tracked_model._meta.verbose_name)
    return name[:1].upper() + name[1:]


def object_link(entry: Entry):
    """To the object's own page, if it has one."""
    model = entry.model.pgh_tracked_model._meta.concrete_model
    if entry.action == DELETE or not admin.site.is_registered(model):
        return format_html('<span title="{}">{}</span>', entry.object_id, short(entry.object_id))
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[entry.object_id])
    return format_html('<a class="row-link" href="{}">{}</a>', url, entry.object_id)
