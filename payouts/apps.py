from django.apps import AppConfig


class Payouts(AppConfig):
    name = "payouts"
