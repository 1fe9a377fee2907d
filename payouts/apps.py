from django.apps import AppConfig


class Payouts(AppConfig):
    name = "payouts"

    def ready(self):
        from prometheus_client import REGISTRY

        from payouts.metrics import LedgerCollector

        REGISTRY.register(LedgerCollector())
