"""What can be told. An app that has more to tell adds its events here and publishes them where they happen."""

from typing import NamedTuple


class Event(NamedTuple):
    description: str
    # Partners and brokers may ask for it, and are told what is their own. Everything else is for the house alone.
    for_payees: bool = False


PING = "ping"
ENDPOINT_DISABLED = "endpoint.disabled"
RECORDS_CHANGED = "records.changed"

EVENTS = {
    "conversion.created": Event("A conversion was stored."),
    "conversion.updated": Event("A conversion was changed."),
    "conversion.reversed": Event("A conversion was reversed, in full or in part."),
    RECORDS_CHANGED: Event("Records were made, replaced or taken away, or went to another payee.", for_payees=True),
    "record.calculated": Event("The hold of a record was ended by hand.", for_payees=True),
    "record.approved": Event("A record was approved.", for_payees=True),
    "dispute.filed": Event("A dispute was filed: told to its claimant.", for_payees=True),
    "dispute.share_may_change": Event("A dispute may change a share of yours.", for_payees=True),
    "dispute.information_requested": Event("The claimant of a dispute is asked something.", for_payees=True),
    "dispute.information_given": Event("The claimant of a dispute answered."),
    "dispute.message": Event("Something was said in a dispute.", for_payees=True),
    "dispute.evidence_added": Event("Evidence was added to a dispute."),
    "dispute.resolved": Event("A dispute was resolved.", for_payees=True),
    "dispute.rejected": Event("A dispute was rejected.", for_payees=True),
    "dispute.withdrawn": Event("A dispute was withdrawn.", for_payees=True),
    "payout.approved": Event("A payout was approved.", for_payees=True),
    "payout.paid": Event("A payout was paid.", for_payees=True),
    "payout.void": Event("An approved payout was made void: what it held is paid by another.", for_payees=True),
    ENDPOINT_DISABLED: Event("A webhook was switched off because it kept failing."),
}
FOR_PAYEES = [name for name, event in EVENTS.items() if event.for_payees]
