"""Who is told what of a dispute: every event, by each deed that raises it, and whatever its webhooks say to whom."""

import json

import pytest

from attribution.settling import Decision, Way
from disputes import operations
from disputes.actors import Actor
from partners.models import Partner, WebhookMessage
from partners.webhooks.events import EVENTS
from tests.disputes.worlds import file, house, records, sold
from tests.factories import BrokerFactory, WebhookEndpointFactory

pytestmark = pytest.mark.django_db(transaction=True)

CLAIMANT, LOSER, OTHER = (Actor(payee=("partner", f"partner-{number}")) for number in range(3))
# All that a respondent is told, and what only the claimant and the house are.
BLURRED = {"disputeId", "number", "status", "conversionId", "url"}
FULL = BLURRED | {
    *(
        "attributionId",
        "disputeType",
        "claimantType",
        "claimantId",
        "currency",
        "expectedAmount",
        "dueAt",
        "answerDueAt",
    ),
}
SAID = {"messageId", "text"}
SENT = {"evidenceId", "sha256"}
WORDS = {"resolution", "rejection"}
SHARE = {"commissionBefore", "commissionAfter"}
ENDED = {"house": FULL | WORDS, "claimant": FULL | WORDS | SHARE, "loser": BLURRED | SHARE, "other": BLURRED | SHARE}
FILED, MAY_CHANGE = "dispute.filed", "dispute.share_may_change"


def filed(conversion, **values):
    return file(records(conversion)[0], reason="Secret reason.", **values)


def earlier(deed):
    """What it raises is none of the test's."""

    def done(conversion):
        dispute = deed(conversion)
        WebhookMessage.objects.all().delete()
        return dispute

    return done


filed_before = earlier(filed)


def asked(conversion):
    dispute = filed_before(conversion)
    operations.ask_information(dispute_id=dispute.pk, question="Which campaign?", by=house())
    return dispute


def answered(conversion, by=CLAIMANT):
    dispute = earlier(asked)(conversion)
    operations.answer_information(dispute_id=dispute.pk, answer="Spring.", by=by)


def said(conversion, by, to=None):
    dispute = filed_before(conversion)
    party = dispute.parties.get(payee_id=to).pk if to else None
    operations.post_message(dispute_id=dispute.pk, body="We look into it.", by=by, to=party)


def noted(conversion):
    operations.add_note(dispute_id=filed_before(conversion).pk, body="Watch this one.", by=house())


def sent(conversion, by):
    operations.add_json(dispute_id=filed_before(conversion).pk, data={"seen": "by us"}, by=by)


def resolved(conversion, decision=None):
    dispute = filed_before(conversion)
    operations.resolve_dispute(dispute_id=dispute.pk, resolution="So be it.", decision=decision, by=house())


def given(conversion):
    """The second touch, a fifth of all, to the claimant."""
    resolved(conversion, Decision(Way.REASSIGN, records(conversion)[1].touchpoint_id, CLAIMANT.payee))


def rejected(conversion):
    dispute = filed_before(conversion)
    operations.reject_dispute(dispute_id=dispute.pk, rejection="record_is_right", resolution="It is right.", by=house())
    return dispute


def withdrawn(conversion):
    operations.withdraw_dispute(dispute_id=filed_before(conversion).pk, by=CLAIMANT)


def appealed(conversion):
    dispute = earlier(rejected)(conversion)
    operations.appeal_dispute(dispute_id=dispute.pk, reason="Secret reason.", by=CLAIMANT)


# Deed → event → who is told it, and the fields they get. Who is not named is told nothing.
TOLD_OF_FILING = {
    FILED: {"house": FULL, "claimant": FULL},
    MAY_CHANGE: {"loser": BLURRED, "other": BLURRED},
}
TOLD = {
    "filed": (filed, TOLD_OF_FILING),
    "filed with evidence": (
        lambda sale: filed(sale, evidence={"seen": "by us"}),
        TOLD_OF_FILING | {"dispute.evidence_added": {"house": FULL | SENT}},
    ),
    "appealed": (appealed, TOLD_OF_FILING),
    "asked": (asked, {"dispute.information_requested": {"claimant": FULL | SAID}}),
    "answered": (answered, {"dispute.information_given": {"house": FULL | SAID}}),
    "answered by way of the house": (
        lambda sale: answered(sale, by=house()),
        {"dispute.information_given": {"house": FULL | SAID}},
    ),
    "said by the claimant": (lambda sale: said(sale, CLAIMANT), {"dispute.message": {"house": FULL | SAID}}),
    "said by a respondent": (lambda sale: said(sale, LOSER), {"dispute.message": {"house": FULL | SAID}}),
    "said to the claimant": (lambda sale: said(sale, house()), {"dispute.message": {"claimant": FULL | SAID}}),
    "said to a respondent": (
        lambda sale: said(sale, house(), to="partner-1"),
        {"dispute.message": {"loser": BLURRED | SAID}},
    ),
    "noted": (noted, {}),
    "sent by the claimant": (lambda sale: sent(sale, CLAIMANT), {"dispute.evidence_added": {"house": FULL | SENT}}),
    "sent by a respondent": (lambda sale: sent(sale, LOSER), {"dispute.evidence_added": {"house": FULL | SENT}}),
    "resolved": (resolved, {"dispute.resolved": ENDED}),
    "given": (given, {"dispute.resolved": ENDED}),
    "rejected": (rejected, {"dispute.rejected": ENDED}),
    "withdrawn": (withdrawn, {"dispute.withdrawn": ENDED}),
}


@pytest.fixture
def sale():
    """Three payees share it 40, 20 and 40 %. Everybody's webhook asks for all there is; the stranger, a broker, has
    the claimant's id."""
    conversion = sold()
    for who, number in (("claimant", 0), ("loser", 1), ("other", 2)):
        partner = Partner.objects.get(pk=f"partner-{number}")
        WebhookEndpointFactory(description=who, events=list(EVENTS), partner=partner)
    WebhookEndpointFactory(description="stranger", events=list(EVENTS), broker=BrokerFactory(id="partner-0"))
    WebhookEndpointFactory(description="house", events=list(EVENTS))
    return conversion


def told():
    """Event → who → data, of disputes: each is told an event once."""
    bodies = {}
    for message in WebhookMessage.objects.filter(event__startswith="dispute.").select_related("endpoint"):
        to_whom = bodies.setdefault(message.event, {})
        assert message.endpoint.description not in to_whom, "told twice"
        to_whom[message.endpoint.description] = json.loads(message.body)
    return bodies


def test_every_event_has_its_line():
    lines = {event for _deed, events in TOLD.values() for event in events}
    assert lines == {event for event in EVENTS if event.startswith("dispute.")}


@pytest.mark.parametrize("deed", TOLD)
def test_each_is_told_of_its_own_part_alone(sale, deed):
    do, expected = TOLD[deed]
    do(sale)
    bodies = told()
    fields = {event: {who: set(body["data"]) for who, body in named.items()} for event, named in bodies.items()}
    assert fields == expected
    assert words_of_others(bodies) == []


def words_of_others(bodies):
    """What a payee is told of another by id or name, and what the claimant wrote to the house alone."""
    own = {"claimant": "partner-0", "loser": "partner-1", "other": "partner-2"}
    names = {f"{word}{number}" for word in ("partner-", "Partner ") for number in range(3)}
    found = []
    for event, named in bodies.items():
        for who, text in ((who, json.dumps(body)) for who, body in named.items()):
            words = {"Secret reason"} | (names - {own[who]} if who in own else set())
            found += [(event, who, word) for word in words if word in text]
    return found


def test_a_decision_tells_each_what_becomes_of_its_own_share(sale):
    given(sale)
    bodies = told()["dispute.resolved"]
    names = ("commissionBefore", "commissionAfter")
    shares = {who: [body["data"].get(name) for name in names] for who, body in bodies.items()}
    assert shares == {"house": [None, None], "claimant": [4.0, 6.0], "loser": [2.0, 0.0], "other": [4.0, 4.0]}


def test_what_was_refused_is_told_to_nobody(sale):
    dispute = filed_before(sale)
    with pytest.raises(operations.NotYoursToDo):
        operations.withdraw_dispute(dispute_id=dispute.pk, by=LOSER)
    assert told() == {}
