from django.apps import AppConfig


class Attribution(AppConfig):
    name = "attribution"
