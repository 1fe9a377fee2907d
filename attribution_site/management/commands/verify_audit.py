import sys

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from attribution_site.audit import operations


class Command(BaseCommand):
    help = "Hold the audit log against its seals, and the rows against the log. Exit code 1 when something is off."

    def add_arguments(self, parser):
        parser.add_argument(
            "--expect",
            metavar="NUMBER:DIGEST",
            help="a seal as it was logged or noted elsewhere: shows whether seals were taken away at the end",
        )

    def handle(self, *args, expect=None, **options):
        with tqdm(total=1, disable=None, file=sys.stderr) as bar:

            def progress(done, total, doing):
                bar.total, bar.n = total, done
                bar.set_description(doing)

            verification = operations.verify_audit(
                expected=_expected(expect), progress=progress, found=lambda finding: self.stdout.write(finding.text)
            )
        told = f"{verification.rows_checked:,} audit rows under {verification.seals_checked:,} seals"
        if verification.findings_count:
            raise CommandError(f"{verification.findings_count:,} findings in {told}. docs/audit.md says what to do.")
        self.stdout.write(f"All is as it was: {told}.")


def _expected(text):
    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not number.isdecimal() or not digest:
        raise CommandError("Give --expect as NUMBER:DIGEST, such as 120:3f0c….")
    return int(number), digest
