from django.conf import settings
from django.core.management import BaseCommand, CommandError

from attribution_site.errors import DomainError
from disputes.demo import load
from payouts import demo


class Command(BaseCommand):
    help = "Some forty invented disputes about the demo's leads, of all types and states, once."

    def handle(self, **options):
        if settings.PRODUCTION:
            raise CommandError("Demo disputes are made on development installations only.")
        try:
            made = load.load(pay=demo.pay)
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{made} demo disputes are in." if made else "The demo disputes are already there.")
