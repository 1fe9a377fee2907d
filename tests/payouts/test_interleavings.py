"""People and workers at the money of a few payees, all at once, in ever other orders: the books tie out after each.
INTERLEAVINGS=5000 looks for longer; INTERLEAVINGS_SEED=… has the same people do the same again."""

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connection

from attribution_site.errors import DomainError
from payouts.models import Exported, Payout, PayoutRun
from tests.disputes.doings import NothingToDo
from tests.factories import UserFactory
from tests.payouts import books
from tests.payouts.agreements import sell
from tests.payouts.doings import PAYEES, Doings

INTERLEAVINGS = int(os.environ.get("INTERLEAVINGS", 300))
SEED = int(os.environ.get("INTERLEAVINGS_SEED", 1))
AT_ONCE = 4
SALES = 40
OFTEN = {"approve_record": 5, "build": 5, "submit": 4, "approve": 4, "pay": 4, "void": 3, "export": 3, "file": 3}
NAMES = ["book", "build_again", "hold_back", "send_back", "reissue", "return_payment", "end_dispute", "adjust",
         "reverse"]  # fmt: skip
WEIGHTS = dict.fromkeys(NAMES, 2) | OFTEN
# What could be done twice, or take from each other, three times in ten: what comes before, and what is then at once.
ASKED = "approve_record build submit"
APPROVED = f"{ASKED} approve"
PAIRS = [
    (ASKED, "approve approve"), (ASKED, "approve file"), (ASKED, "send_back approve"),
    ("approve_record", "build build"), ("approve_record", "build file"),
    ("approve_record", "book book"), ("approve_record build", "hold_back submit"),
    (APPROVED, "void pay"), (APPROVED, "pay pay"), (APPROVED, "export export"), (APPROVED, "export void"),
    (APPROVED, "reverse pay"), (f"{APPROVED} file", "end_dispute pay book"), (f"{APPROVED} void", "reissue build"),
    (f"{APPROVED} void", "reissue reissue"), (f"{APPROVED} pay", "return_payment return_payment file"),
]  # fmt: skip

pytestmark = pytest.mark.django_db(transaction=True)


def attempt(doings, name):
    """What came of it: done, or who refused it. Anything else, a deadlock above all, is an error."""
    try:
        getattr(doings, name)()
    except (DomainError, ValidationError, ObjectDoesNotExist, NothingToDo) as error:
        return type(error).__name__
    return "done"


def chosen(chance):
    if chance.random() < 0.3:
        return [each.split() for each in chance.choice(PAIRS)]
    return [], chance.choices([*WEIGHTS], [*WEIGHTS.values()], k=chance.choice([1, 2, 3, 3, 4]))


def play(pool, people, seed):
    before, names = chosen(random.Random(seed))
    for number, name in enumerate(before):
        attempt(Doings(people, random.Random(f"{seed}-before-{number}")), name)
    works = [
        pool.submit(attempt, Doings(people, random.Random(f"{seed}-{number}")), name)
        for number, name in enumerate(names)
    ]
    told = f"INTERLEAVINGS_SEED={SEED}, {seed}: {before}, {names}"
    errors = [each.exception() for each in works if each.exception()]
    assert not errors, (told, errors)
    assert books.off() == {}, told
    assert not PayoutRun.objects.filter(status="failed").exists(), told
    return [(name, each.result()) for name, each in zip(names, works, strict=True)]


def test_whatever_happens_at_once_the_books_tie_out():
    people = [UserFactory(username=f"person-{number}", role="Finance") for number in range(6)]
    chance, outcomes = random.Random(SEED), []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(INTERLEAVINGS):
            if number % 50 == 0:
                for _ in range(SALES):
                    sell(f"{chance.randint(1, 40000) / 100:.2f}", payee=chance.choice(PAYEES))
            outcomes += play(pool, people, f"{SEED}-{number}")
        everybody = threading.Barrier(AT_ONCE)
        list(pool.map(lambda _: (everybody.wait(), connection.close()), range(AT_ONCE)))
    # Each kind was done, not refused each time: else nothing was tried.
    if INTERLEAVINGS >= 300:
        assert {name for name, outcome in outcomes if outcome == "done"} == set(WEIGHTS)
    orders = Exported.objects.filter(refused_in=None).values_list("payout_id", flat=True)
    assert len(orders) == len(set(orders))
    assert Payout.objects.filter(status="paid").exists() or INTERLEAVINGS < 300
