"""Calculate attribution for stored conversions, through the workers or in this process."""

import datetime as dt
import re
import time
from argparse import ArgumentTypeError

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from attribution import operations
from attribution.engine.models import MODELS
from attribution.models import Run, Shard


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument(
            "--model",
            action="append",
            dest="models",
            choices=list(MODELS),
            help="Repeat for several; all models if not given.",
        )
        parser.add_argument("--start", type=_start, help="First day (UTC), or a time with its offset.")
        parser.add_argument("--end", type=_end, help="Last day (UTC), or the time before which they lie.")
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
                self.stderr.write("Workers do it; if none is running this waits. --in-process does it here.")
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


def _start(text):
    return _moment(text, dt.timedelta())


def _end(text):
    """A day that is named is in: the period ends with its last moment."""
    return _moment(text, dt.timedelta(days=1))


def _moment(text, of_a_day):
    """A bare date is a day of UTC; a time says its offset, as everywhere."""
    day = re.fullmatch(r"\d{4}-\d\d-\d\d", text) and parse_date(text)
    if day:
        return dt.datetime.combine(day, dt.time(), dt.UTC) + of_a_day
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ArgumentTypeError(
            f"{text!r} is neither a date (2026-01-31) nor a time with an offset (2026-01-31T09:30Z)."
        )
    return moment


def work_off(run, bar):
    for shard in run.shards.order_by("number"):
        operations.calculate_shard(shard.pk)
        bar.update(shard.conversions_total)
    run.refresh_from_db()
    if not run.is_over:  # a worker has taken one of them up
        follow(run, bar)


def follow(run, bar):
    """Show the workers' progress until the run is over."""
    while True:
        bar.n = sum(run.shards.filter(status=Shard.Status.DONE).values_list("conversions_done", flat=True))
        bar.refresh()
        run.refresh_from_db()
        if run.is_over:
            return
        time.sleep(0.5)
