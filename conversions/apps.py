from django.apps import AppConfig


class Conversions(AppConfig):
    name = "conversions"
