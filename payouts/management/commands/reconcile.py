"""Prove the ledger: every identity over the whole database, each difference by name. Payouts stand still after one."""

from django.core.management.base import BaseCommand, CommandError

from payouts import operations

SHOWN = 20


class Command(BaseCommand):
    help = __doc__

    def handle(self, **options):
        operations.book()
        found = operations.reconcile()
        says = {identity.name: identity.says for identity in operations.IDENTITIES}
        for name, each in found.checked.items():
            self.stdout.write(f"{each['off']:>8,} off  {each['seconds']:>6.2f} s  {says[name]}")
        for each in found.findings[:SHOWN]:
            self.stdout.write(f"{each['identity']}: {each['what']}, {each['here']} here, {each['there']} there")
        if found.differences:
            raise CommandError(f"{found.differences:,} differences. Payouts stand still until there are none.")
        self.stdout.write("The books tie out: 0 differences.")
