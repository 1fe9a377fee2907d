"""Train the data-driven model on the journeys of a window."""

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime
from tqdm import tqdm

from attribution import operations
from attribution.models import ModelConfig, Training
from attribution_site.errors import DomainError


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--config", type=int, metavar="VERSION", help="the one in effect if not given")
        parser.add_argument("--end", help="the window's end, an ISO time with an offset; now if not given")
        parser.add_argument("--days", type=int, help="the window's length; the configuration's if not given")
        parser.add_argument(
            "--effective-from", help="ISO time with an offset: who converted before is not credited by it"
        )
        parser.add_argument("--in-process", action="store_true", help="train here and now instead of in a worker")
        parser.add_argument(
            "--no-calculate", action="store_true", help="with --in-process: leave the calculation by it to you"
        )

    def handle(self, *, config, end, days, effective_from, in_process, no_calculate, **options):
        config_id = None if config is None else self.config_id(config)
        moments = {"end": moment("--end", end), "effective_from": moment("--effective-from", effective_from)}
        try:
            training = operations.start_training(config_id=config_id, days=days, queue=not in_process, **moments)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        except DomainError as error:
            raise CommandError(str(error)) from error
        if not in_process:
            self.stdout.write(f"{training} is queued.")
            return
        with tqdm(desc="Training", unit=" steps", disable=None) as bar:
            operations.train(
                training.pk, advance=lambda done, total: show(bar, done, total), calculate=not no_calculate
            )
        self.report(Training.objects.select_related("config").get(pk=training.pk))

    def config_id(self, version):
        try:
            return ModelConfig.objects.get(model="data_driven", version=version).pk
        except ModelConfig.DoesNotExist:
            raise CommandError(f"--config: the data-driven model has no version {version}.") from None

    def report(self, training):
        if training.status != Training.Status.FINISHED:
            raise CommandError(training.error)
        self.stdout.write(
            f"{training}: order {training.order}, {training.journeys:,} journeys, {training.conversions:,} conversions,"
            f" in effect from {training.effective_from:%Y-%m-%d %H:%M %Z}."
        )
        for each in training.effects[:30]:
            state = " / ".join(part or "-" for part in each["state"])
            effect, low, high = (100 * each[name] for name in ("removal_effect", "low", "high"))
            self.stdout.write(f"  {state:40} {effect:6.2f} %   ({low:.2f} to {high:.2f})")


def show(bar, done, total):
    bar.total = total
    bar.update(done - bar.n)


def moment(option, text):
    value = parse_datetime(text) if text else None
    if text and (value is None or value.tzinfo is None):
        raise CommandError(f"{option}: give an ISO time with an offset, such as 2026-01-01T00:00:00Z.")
    return value
