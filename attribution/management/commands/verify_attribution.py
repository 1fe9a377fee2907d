"""Calculate stored records again, from their kept journeys and versions, and report every cent that differs."""

import datetime as dt
from argparse import ArgumentTypeError

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from attribution import operations

SHOWN = 20


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--sample", type=_at_least_one, help="Only so many conversions, drawn at random.")
        parser.add_argument("--since", type=_day, help="Only conversions that occurred on this day (UTC) or later.")
        parser.add_argument("--seed", type=int, help="Draws the same sample again; by default the day's number.")

    def handle(self, *, sample, since, seed, **options):
        with tqdm(unit=" conversions", disable=None) as bar:
            verification = operations.verify_records(
                sample=sample, since=since, seed=seed, on_start=lambda total: bar.reset(total), on_progress=bar.update
            )
        seconds = (verification.finished_at - verification.started_at).total_seconds()
        self.stdout.write(
            f"{verification.records_checked:,} records checked in {seconds:.1f} s,"
            f" {verification.records_differing:,} differ."
            f" {verification.records_without_journey:,} without a kept journey could not be checked."
        )
        for each in verification.differences[:SHOWN]:
            self.stdout.write(told(each))
        if verification.differences:
            raise CommandError(f"Verification {verification.pk} found differences; the back office lists them.")


def told(difference):
    what, stored, replayed = difference["what"], difference.get("stored"), difference.get("replayed")
    if "record" not in difference:
        return f"{what}: {', '.join(f'{name} {value}' for name, value in difference.items() if name != 'what')}"
    fields = difference["fields"] or sorted(stored or replayed)
    told = "; ".join(f"{name}: {_side(stored, name)} stored, {_side(replayed, name)} replayed" for name in fields)
    return f"{what}: record {difference['record']} ({difference['model']}). {told}"


def _side(side, name):
    return "nothing" if side is None else side.get(name, "another")


def _at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("Give a whole number from 1.")
    return int(text)


def _day(text):
    try:
        return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date such as 2026-01-31.") from None
