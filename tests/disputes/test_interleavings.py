"""Filing, resolving, calculating and reversing one conversion all at once, in ever other orders: what RULES.md promises
holds after each. INTERLEAVINGS=100000 looks for longer; INTERLEAVINGS_SEED=… has the same people do the same again.
"""

import datetime as dt
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, connection

import attribution.operations
from attribution.models import AttributionRecord
from attribution_site.errors import DomainError
from conversions.models import Conversion
from partners.models import Broker, Partner
from tests.attribution.worlds import NOW, stored
from tests.disputes.doings import BROKERS, MODELS, PARTNERS, Doings, NothingToDo
from tests.disputes.invariants import breaches, forbidden_versions, outdated, shares
from tests.factories import UserFactory
from touchpoints.models import Touchpoint

INTERLEAVINGS = int(os.environ.get("INTERLEAVINGS", 1000))
SEED = int(os.environ.get("INTERLEAVINGS_SEED", 1))
ROUNDS = 8  # on one conversion, so that later ones begin with what earlier ones left
AT_ONCE = 4
# What moves no money, whatever it does beside.
QUIET = ["file", "file_missing", "take", "ask", "answer", "go_on", "withdraw", "reject", "appeal", "simulate",
         "approve", "pay", "suspend"]  # fmt: skip
LOUD = {"resolve": 12, "reverse": 2, "recalculate": 3, "run": 1, "late_touch": 2, "change_value": 4, "give_by_hand": 2}
OFTEN = {"file": 8, "approve": 4, "pay": 3, "appeal": 3, "ask": 4, "answer": 5, "go_on": 2}
RARE = {"answer", "go_on", "change_value"}
# The database's own words for what doors show as refusals.
REFUSED = {"conversion_with_frozen_records", "conversion_reversed"}

pytestmark = pytest.mark.django_db(transaction=True)


def conversions(chance, count):
    """Each of a lead of its own, with touches of several payees, calculated."""
    Partner.objects.bulk_create(Partner(pk=pk, name=pk) for _, pk in PARTNERS)
    Broker.objects.bulk_create(Broker(pk=pk, name=pk) for _, pk in BROKERS)
    made = [conversion(chance, number) for number in range(count)]
    Conversion.objects.bulk_create(made)
    Touchpoint.objects.bulk_create(touch for each in made for touch in touches(chance, each.lead_id))
    for shard in attribution.operations.start_run(model_names=MODELS, queue=False).shards.all():
        attribution.operations.calculate_shard(shard.pk)
    return [each.pk for each in made]


def conversion(chance, number):
    currency = chance.choice(["USD", "USD", "JPY"])
    unit = Decimal(1) if currency == "JPY" else Decimal("0.01")
    return Conversion(
        lead_id=f"lead-{number}",
        type="policy_bound",
        currency=currency,
        value=chance.choice([7, 1000, chance.randint(1, 10**7)]) * unit,
        commission_amount=chance.choice([0, 1, 100, chance.randint(1, 10**6)]) * unit,
        occurred_at=NOW,
    )


def touches(chance, lead):
    for number in range(chance.choice([0, 1, 2, 2, 3, 3, 3, 4, 4, 5])):
        kind, pk = chance.choice([*PARTNERS, *BROKERS, ("house", None)])
        yield Touchpoint(
            lead_id=lead,
            channel=chance.choice(["partner_referral", "broker_referral", "paid_search"]),
            timestamp=NOW - dt.timedelta(days=20 - number, seconds=chance.randint(0, 9)),
            partner_id=pk if kind == "partner" else None,
            broker_id=pk if kind == "broker" else None,
        )


def chosen(chance):
    """What is done at once: often a file, a resolve, a calculation and a reversal; sometimes one thing by itself."""
    if chance.random() < 0.25:
        return ["file", "resolve", "recalculate", "reverse"]
    quiet = dict.fromkeys(QUIET, 1) | OFTEN
    weights = quiet if chance.random() < 0.2 else quiet | LOUD
    return chance.choices([*weights], [*weights.values()], k=chance.choice([1, 2, 2, 3, 3]))


def attempt(doings, name):
    """What came of it: done, or who refused it. Anything else, a deadlock above all, is an error."""
    try:
        doings.do(name)
    except (DomainError, ValidationError, ObjectDoesNotExist, NothingToDo) as error:
        return type(error).__name__
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name not in REFUSED:
            raise
        return "refused"
    return "done"


class Interleaving:
    def __init__(self, conversion_id, people, seed):
        self.conversion_id, self.people, self.seed = conversion_id, people, seed

    def play(self, pool):
        chance = random.Random(self.seed)
        names = chosen(chance)
        before = shares(self.conversion_id)
        works = [
            pool.submit(attempt, Doings(self.conversion_id, self.people, random.Random(f"{self.seed}-{number}")), name)
            for number, name in enumerate(names)
        ]
        told = f"INTERLEAVINGS_SEED={SEED}, {self.seed}: {names}"
        errors = [each.exception() for each in works if each.exception()]
        assert not errors, (told, errors)
        assert breaches([self.conversion_id]) == [], told
        if set(names) <= set(QUIET):
            assert shares(self.conversion_id) == before, told
        return [(name, each.result()) for name, each in zip(names, works, strict=True)]


def test_whatever_happens_at_once_to_a_conversion_its_money_stays_right():
    ids = conversions(random.Random(SEED), -(-INTERLEAVINGS // ROUNDS))
    people = [UserFactory(role="Operations") for _ in range(4)]
    check_done(played(list(enumerate(ids)), people))
    check_all(ids)


def played(places, people):
    """These conversions, one after the other, by as many threads as do something at once."""
    outcomes = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for place, conversion_id in places:
            # So that what comes first has something to decide.
            if place % 3:
                attempt(Doings(conversion_id, people, random.Random(place)), "file")
            for number in range(ROUNDS):
                outcomes += Interleaving(conversion_id, people, f"{SEED}-{place}-{number}").play(pool)
        everybody = threading.Barrier(AT_ONCE)
        list(pool.map(lambda _: (everybody.wait(), connection.close()), range(AT_ONCE)))
    return outcomes


def check_done(outcomes):
    """Each kind was done, not refused each time: else nothing was tried. Some are so rarely possible that whoever comes
    first among the threads decides whether they ever are."""
    done = {name for name, outcome in outcomes if outcome == "done"}
    if INTERLEAVINGS >= 1000:
        assert {*QUIET, *LOUD} - done <= RARE, {*QUIET, *LOUD} - done


def check_all(ids):
    assert forbidden_versions(ids) == []
    calculate()
    assert breaches(ids) == []
    assert outdated(ids) == []
    before = stored(without=())
    calculate()
    assert stored(without=()) == before
    assert attribution.operations.verify_records().differences == []
    attribution.operations.refresh_daily_credit()
    assert attribution.operations.daily_credit_differences() == []
    settled = AttributionRecord.objects.filter(settlement_id__isnull=False).order_by("pk")
    for record in settled[:50]:
        attribution.operations.explain(record_id=record.pk)


def calculate():
    run = attribution.operations.start_run(model_names=MODELS, queue=False)
    for shard in run.shards.all():
        assert attribution.operations.calculate_shard(shard.pk)
