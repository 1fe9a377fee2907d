from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.utils import timezone
from tqdm import tqdm

from attribution.demo import load

DEFAULT_LEADS = 20_000


class Command(BaseCommand):
    help = "Fill a fresh database with ninety days of invented insurance leads, and calculate them."

    def add_arguments(self, parser):
        parser.add_argument("--leads", type=int, help=f"how many leads (default {DEFAULT_LEADS:,})")
        parser.add_argument("--days", type=int, default=90, help="how many days, up to last midnight UTC")
        parser.add_argument("--seed", type=int, default=12, help="another seed gives other leads")
        parser.add_argument("--no-calculate", action="store_true", help="leave the attribution to you")
        parser.add_argument("--force", action="store_true", help="load among other data")

    def handle(self, *, leads, days, seed, no_calculate, force, **options):
        wanted = DEFAULT_LEADS if leads is None else leads
        if not 1 <= wanted <= load.MOST_LEADS:
            raise CommandError(f"--leads: give 1 to {load.MOST_LEADS:,}.")
        if not 1 <= days <= 730:
            raise CommandError("--days: give 1 to 730.")
        if seed < 0:
            raise CommandError("--seed: give a whole number from 0.")
        if present := load.leads_loaded():
            return self.already_there(present, leads)
        self.load(wanted, days, seed, force)
        self.create_logins()
        if not no_calculate:
            self.train()
            call_command("calculate_attribution", "--in-process", stdout=self.stdout, stderr=self.stderr)
        return None

    def train(self):
        try:
            call_command("train_model", "--in-process", "--no-calculate", stdout=self.stdout, stderr=self.stderr)
        except CommandError as error:
            # A handful of leads is too little to learn from; the data-driven model then shares by position.
            self.stdout.write(str(error))

    def already_there(self, present, wanted):
        if wanted is not None and wanted > present:
            raise CommandError(
                f"The demo data is already there with {present:,} leads, and it does not grow. "
                f"For {wanted:,} start from an empty database."
            )
        self.stdout.write(f"The demo data is already there ({present:,} leads).")

    def load(self, number, days, seed, force):
        bar = tqdm(total=number, unit=" leads", desc="Demo leads", disable=None)
        try:
            with bar:
                load.load(
                    number=number,
                    days=days,
                    seed=seed,
                    today=timezone.now().date(),
                    among_others=force,
                    advance=bar.update,
                )
        except load.OtherData as error:
            raise CommandError(f"{error} The demo data is for a database of its own; --force mixes it in.") from None
        self.stdout.write(f"{number:,} demo leads over {days} days are in.")

    def create_logins(self):
        if settings.PRODUCTION:
            self.stdout.write("No demo logins: this is a production installation.")
            return
        for username in load.create_logins():
            self.stdout.write(f"Login: {username} / {load.PASSWORD}")
