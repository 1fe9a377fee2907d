from django.apps import AppConfig


class Disputes(AppConfig):
    name = "disputes"
