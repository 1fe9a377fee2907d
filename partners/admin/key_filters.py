"""By what the list of keys is narrowed."""

from unfold.contrib.filters.admin import DropdownFilter

from partners.models import ApiKey, Scope


class StateFilter(DropdownFilter):
    title = "status"
    parameter_name = "state"

    def lookups(self, request, model_admin):
        return ApiKey.State.choices

    def queryset(self, request, queryset):
        return queryset.filter(state=self.value()) if self.value() in ApiKey.State.values else queryset


class ScopeFilter(DropdownFilter):
    title = "scope"
    parameter_name = "scope"

    def lookups(self, request, model_admin):
        return [(scope, scope) for scope in Scope.values]

    def queryset(self, request, queryset):
        return queryset.filter(scopes__contains=[self.value()]) if self.value() in Scope.values else queryset


class HolderFilter(DropdownFilter):
    title = "whose"
    parameter_name = "whose"
    conditions: dict[str | None, dict[str, object]] = {
        "partner": {"partner__isnull": False},
        "broker": {"broker__isnull": False},
        "house": {"partner": None, "broker": None},
    }

    def lookups(self, request, model_admin):
        return [("partner", "Partners'"), ("broker", "Brokers'"), ("house", "The house's")]

    def queryset(self, request, queryset):
        return queryset.filter(**self.conditions.get(self.value(), {}))
