"""What people type to find disputes: a number, a lead, a policy, a partner or broker. Every way goes by an index."""

import re

from django.db.models import Q

from conversions.models import Conversion
from partners.models import Broker, Partner
from touchpoints.admin import as_uuid

NUMBER = re.compile(r"(?:d-?)?(\d{1,18})", re.IGNORECASE)
MOST_CONVERSIONS = 1000
MOST_PAYEES = 50


def found(disputes, term):
    """The disputes that the term may mean."""
    if not term.strip():
        return disputes
    ways = ways_of(term)
    return disputes.none() if ways is None else disputes.filter(ways)


def ways_of(term):
    """As a condition; None for what can be nobody's."""
    term = term.strip()
    if not term or "\0" in term:
        return None
    ways = Q(lead_id=term) | payees_by_name(term)
    if number := NUMBER.fullmatch(term):
        ways |= Q(number=int(number[1]))
    if pk := as_uuid(term):
        ways |= Q(pk=pk) | Q(record_id=pk) | Q(conversion_id=pk)
    named = Conversion.objects.filter(Q(policy_number=term) | Q(policy_id=term) | Q(external_id=term))
    if conversions := list(named.values_list("pk", flat=True)[:MOST_CONVERSIONS]):
        ways |= Q(conversion_id__in=conversions)
    return ways


def payees_by_name(term):
    """Claimants by their id, or by how their name begins. Ids come first from the payees themselves: they are few."""
    ways = Q()
    for kind, model in (("partner", Partner), ("broker", Broker)):
        ids = model.objects.filter(Q(pk=term) | Q(name__istartswith=term)).values_list("pk", flat=True)
        if known := list(ids[:MOST_PAYEES]):
            ways |= Q(claimant_type=kind, claimant_id__in=known)
    return ways
