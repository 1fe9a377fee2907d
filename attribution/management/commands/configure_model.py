"""Store a new version of a model's configuration; it applies to conversions from an instant on."""

import json

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils.dateparse import parse_datetime

from attribution import operations
from attribution.engine.models import MODELS


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("models", nargs="+", choices=list(MODELS), metavar="model")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="A parameter, its value as JSON: --set lookback_days=31. What is not set takes its default.",
        )
        parser.add_argument("--effective-from", help="ISO time with an offset; now if not given.")
        parser.add_argument("--payable", action="store_true", help="Pay commission under this model from then on.")

    def handle(self, *, models, effective_from, payable, **options):
        since = parse_datetime(effective_from) if effective_from else None
        if effective_from and (since is None or since.tzinfo is None):
            raise CommandError("--effective-from: give an ISO time with an offset, such as 2026-01-01T00:00:00Z.")
        parameters = dict(_pair(text) for text in options["set"])
        try:
            with transaction.atomic():  # all of them or none
                configs = [
                    operations.create_model_config(
                        model=model, parameters=parameters, payable=payable, effective_from=since
                    )
                    for model in models
                ]
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        for config in configs:
            self.stdout.write(f"{config} applies from {config.effective_from:%Y-%m-%d %H:%M %Z}.")


def _pair(text):
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except ValueError:
        raise CommandError(f"--set {text}: the value must be JSON, as in {name}=31 or {name}=true.") from None
