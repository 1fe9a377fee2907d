"""Print the attribution report of a period: who earned what, by channel and source."""

import datetime as dt

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from attribution.models import AttributionModel
from reports import operations, queries

LINE = "{:<32} {:>14} {:>16} {:>16}"


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument("--start", type=dt.date.fromisoformat, required=True, help="First day (UTC).")
        parser.add_argument("--end", type=dt.date.fromisoformat, required=True, help="Last day (UTC).")
        parser.add_argument("--model", choices=AttributionModel.values, help="The payable model if not given.")
        parser.add_argument("--currency", help="The house's currency if not given.")

    def handle(self, *, start, end, model, currency, **options):
        try:
            question = operations.ask(
                start=dt.datetime.combine(start, dt.time(), dt.UTC),
                end=dt.datetime.combine(end, dt.time(), dt.UTC) + queries.DAY,
                model=model,
                currency=currency,
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        report = operations.answer(question)
        self.stdout.write(f"{AttributionModel(question.model).label}, {start} to {end}, {question.currency}\n")
        self.lines(queries.by_source(question))
        self.summary(report["summary"])
        if report["other_currencies"]:
            self.stdout.write(f"Also in the period: {', '.join(report['other_currencies'])} (--currency).")

    def lines(self, rows):
        self.stdout.write(LINE.format("channel / source", "conversions", "revenue", "commission"))
        for row in rows:
            name = f"{row.channel} / {row.source or '–'}"
            self.stdout.write(LINE.format(name, f"{row.conversions:.2f}", f"{row.revenue:,}", f"{row.commission:,}"))

    def summary(self, summary):
        for label, name in (
            ("attributed", "attributed_revenue"),
            ("unattributed", "unattributed_revenue"),
            ("total", "total_revenue"),
        ):
            self.stdout.write(LINE.format(label, "", f"{summary[name]:,}", ""))
