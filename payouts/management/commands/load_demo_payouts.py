from django.conf import settings
from django.core.management import BaseCommand, CommandError

from attribution_site.errors import DomainError
from payouts import demo


class Command(BaseCommand):
    help = "A quarter of the demo's commission, approved and ready to be paid, once."

    def handle(self, **options):
        if settings.PRODUCTION:
            raise CommandError("Demo payouts are made on development installations only.")
        try:
            count = demo.load()
        except DomainError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{count:,} demo records are ready to be paid." if count else "The demo payouts are already there."
        )
