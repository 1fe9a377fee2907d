"""Calculate attribution for stored conversions, through the workers or in this process."""

import time

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware
from tqdm import tqdm

from attribution import operations
from attribution.models import AttributionModel, Run, Shard


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument(
            "--model",
            action="append",
            dest="models",
            choices=AttributionModel.values,
            help="Repeat for several; all models if not given.",
        )
        parser.add_argument("--start", type=_moment, help="First date (or time) of the conversions, inclusive.")
        parser.add_argument("--end", type=_moment, help="Date (or time) before which the conversions lie.")
        parser.add_argument("--lead", action="append", dest="leads", help="Only this lead; repeatable.")
        parser.add_argument("--in-process", action="store_true", help="Do the work here, without a worker.")

    def handle(self, *, models, start, end, leads, in_process, **options):
        try:
            run = operations.start_run(model_names=models, start=start, end=end, lead_ids=leads, queue=not in_process)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        total = sum(run.shards.values_list("conversions_total", flat=True))
        self.stdout.write(f"Run {run.pk}: {total:,} conversions in {run.shards.count()} shards.")
        with tqdm(total=total, unit=" conversions", disable=None) as bar:
            if in_process:
                work_off(run, bar)
            else:
                follow(run, bar)
        self.report(Run.objects.with_counts().get(pk=run.pk))

    def report(self, run):
        self.stdout.write(
            f"{run.get_status_display()}: {run.written:,} records written, {run.replaced:,} replaced,"
            f" {run.unchanged:,} unchanged, {run.frozen:,} frozen; {run.unattributed:,} without a journey."
        )
        if run.findings.exists():
            self.stdout.write(f"{run.findings.count():,} conversions differ from frozen records: see the run.")
        if run.status != Run.Status.FINISHED:
            errors = run.shards.exclude(error="").values_list("error", flat=True)
            raise CommandError(f"The run {run.get_status_display().lower()}. {'; '.join(errors)}")


def _moment(text):
    """A date is its first moment in UTC."""
    moment = parse_datetime(text) if "T" in text else None
    if moment is None and parse_date(text):
        moment = parse_datetime(f"{text}T00:00:00Z")
    if moment is None:
        raise ValueError(text)
    return make_aware(moment) if is_naive(moment) else moment


def work_off(run, bar):
    for shard in run.shards.order_by("number"):
        operations.calculate_shard(shard.pk)
        bar.update(shard.conversions_total)


def follow(run, bar):
    """Show the workers' progress until the run is over."""
    while True:
        bar.n = sum(run.shards.filter(status=Shard.Status.DONE).values_list("conversions_done", flat=True))
        bar.refresh()
        run.refresh_from_db()
        if run.is_over:
            return
        time.sleep(0.5)
