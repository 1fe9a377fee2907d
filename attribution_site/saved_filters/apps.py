from django.apps import AppConfig


class SavedFilters(AppConfig):
    name = "attribution_site.saved_filters"
    label = "saved_filters"
