"""The face that both imports have in the terminal."""

import sys
from zoneinfo import available_timezones

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from touchpoints.importing.chunks import Unreadable
from touchpoints.importing.kinds import Kind
from touchpoints.importing.mapping import Mapping, mapping_of_flags, read_mapping
from touchpoints.importing.running import Options, import_file

SHOWN_REASONS = 10


class ImportCommand(BaseCommand):
    kind: Kind

    def add_arguments(self, parser):
        add = parser.add_argument
        add("file", help="csv, csv.gz or parquet")
        add("--mapping", metavar="FILE", help="a TOML file that says which column fills which field")
        add("--map", action="append", default=[], metavar="FIELD=COLUMN", help="fill a field from a column")
        add("--set", action="append", default=[], metavar="FIELD=VALUE", help="the same value for every row")
        add(
            "--values",
            action="append",
            default=[],
            metavar="COLUMN:VALUE=VALUE",
            help="what a value of a column becomes; COLUMN:VALUE=FIELD:VALUE,FIELD:VALUE to fill several fields",
        )
        add("--where", action="append", default=[], metavar="COLUMN=VALUE", help="take only these rows")
        add("--delimiter", default=",", help="of a csv file (default: a comma)")
        add("--timezone", metavar="ZONE", help="the zone of times without an offset, such as Europe/Berlin")
        add("--rejected", metavar="PATH", help="where rejected rows go (default: FILE.rejected.csv)")
        add("--dry-run", action="store_true", help="check and report; store nothing")
        add("--strict", action="store_true", help="exit with 2 if a row was rejected")

    def handle(self, *, file, **flags):
        if flags["timezone"] and flags["timezone"] not in available_timezones():
            raise CommandError(f"There is no time zone {flags['timezone']}; give one such as Europe/Berlin.")
        if len(flags["delimiter"]) != 1 or not flags["delimiter"].isascii():
            raise CommandError("--delimiter takes one character, such as ';'.")
        bar = tqdm(unit_scale=True, leave=False, disable=not sys.stderr.isatty())
        try:
            with bar:
                summary = import_file(
                    path=file, kind=self.kind, options=options_of(flags), progress=lambda *at: move(bar, *at)
                )
        except Unreadable as error:
            raise CommandError(f"{file}: {error} Nothing was stored.") from error
        self.report(summary, flags["dry_run"])
        if summary.failure:
            raise CommandError(f"{file}: {summary.failure} The rows before it are dealt with as told above.")
        if flags["strict"] and summary.rejected:
            raise CommandError(f"{summary.rejected:,} rows were rejected.", returncode=2)

    def report(self, summary, dry_run):
        write = self.stdout.write
        stored = "good" if dry_run else "stored"
        write(f"{self.kind.noun}: {summary.read:,} rows read, {summary.stored:,} {stored}, ", ending="")
        write(f"{summary.duplicates:,} duplicates, {summary.rejected:,} rejected", ending="")
        write(f", {summary.left_out:,} left out by the filter." if summary.left_out else ".")
        for reason, count in summary.reasons.most_common(SHOWN_REASONS):
            write(f"  {count:>9,}  {reason}")
        if len(summary.reasons) > SHOWN_REASONS:
            write(f"  and {len(summary.reasons) - SHOWN_REASONS} more reasons")
        if summary.rejected:
            write(f"Rejected rows are in {summary.rejected_path}.")
        if summary.unused_columns:
            write(f"Columns not used: {', '.join(summary.unused_columns)}.")
        write(f"{summary.seconds:.1f} s, {summary.rows_per_second:,.0f} rows/s.")
        if dry_run:
            write("Dry run: nothing was stored, and nothing was looked up among the stored rows.")


def options_of(flags):
    flagged = mapping_of_flags(flags["map"], flags["set"], flags["values"], flags["where"])
    return Options(
        mapping=flagged.over(read_mapping(flags["mapping"]) if flags["mapping"] else Mapping()),
        rejected_path=flags["rejected"],
        delimiter=flags["delimiter"],
        local_zone=flags["timezone"],
        dry_run=flags["dry_run"],
    )


def move(bar, position, size, unit):
    bar.total, bar.unit = size, unit
    bar.update(position - bar.n)
