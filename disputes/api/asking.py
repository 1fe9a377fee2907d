"""Who asks, as the operations know them, and what they may ask about."""

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef
from rest_framework.exceptions import ErrorDetail, PermissionDenied, ValidationError

from attribution.models import AttributionRecord
from attribution_site.api.access import person_of
from conversions.models import Conversion
from disputes.actors import Actor
from partners.models import payee_of
from touchpoints.models import Touchpoint


def actor_of(request):
    payee = payee_of(request.user)
    key_id = getattr(request.user, "key_id", None)
    return Actor(user=person_of(request.user), key_id=key_id, payee=tuple(payee) if payee else None)


def house_of(request):
    """The asker, where only the house may ask: a partner or broker has the permission for other things."""
    actor = actor_of(request)
    if not actor.is_house:
        raise PermissionDenied
    return actor


def decider_of(request, named=None):
    """Who decides. A program of the house may do so for one of its people, a person for nobody else."""
    asker = house_of(request)
    if named is None:
        return asker
    if asker.user is not None:
        if named != asker.user.get_username():
            raise _refused("Whoever is signed in decides in their own name.", "not_yours")
        return asker
    return Actor(user=_person(named), key_id=asker.key_id)


def _person(username):
    person = get_user_model().objects.filter(username=username, is_active=True).first()
    if person is None or not person.has_perm("disputes.resolve_dispute"):
        raise _refused(f"Nobody called {username} may decide disputes.", "not_allowed")
    return person


def _refused(message, code):
    return ValidationError({"resolved_by": [ErrorDetail(message, code=code)]})


def check_is_the_askers(request, *, record_id=None, conversion_id=None):
    """A partner or broker claims about its own records, and of conversions about those that it has a part in: by a
    record, or by a touch that was known before the conversion was. The rest does not exist."""
    if payee_of(request.user) is None:
        return
    records = AttributionRecord.objects.visible_to(request.user)
    if record_id is not None:
        records.get(pk=record_id)
    if conversion_id is not None and not records.filter(conversion_id=conversion_id).exists():
        touches = Touchpoint.objects.visible_to(request.user).filter(
            lead_id=OuterRef("lead_id"), received_at__lte=OuterRef("created_at")
        )
        Conversion.objects.filter(Exists(touches)).get(pk=conversion_id)
