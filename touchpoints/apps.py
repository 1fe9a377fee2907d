from django.apps import AppConfig


class Touchpoints(AppConfig):
    name = "touchpoints"
