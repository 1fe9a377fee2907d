"""What requests about disputes take."""

from decimal import Decimal

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from attribution.models import AttributionRecord
from attribution.settling import HOUSE, Decision, HandShare, NewTouch, Way
from attribution_site.api.fields import Flag, Moment, Money, Number, StrictSerializer, StrictUUID, Text
from disputes.api.fields import DisputeNumber, EvidenceField, PayeeId, Percentage
from disputes.models import Dispute
from disputes.operations import LONGEST_RESOLUTION
from touchpoints.models import Channel

CLAIMANTS = ["partner", "broker"]
PAYEES = AttributionRecord.Payee.choices
DECISIONS = [Dispute.Status.RESOLVED.value, Dispute.Status.REJECTED.value]
# Earlier decisions about one conversion.
MOST_UNDONE = 100


def _refused(name, message, code="invalid"):
    return ValidationError({name: [ErrorDetail(message, code=code)]})


def claimant_of(values):
    """Kind and id of the claimant, if one is named; both or none of the two are."""
    kind, pk = values.get("claimant_type"), values.get("claimant_id")
    if bool(kind) != bool(pk):
        name = "claimant_id" if kind else "claimant_type"
        raise _refused(name, "Give claimantType and claimantId, or none of them.", "required")
    return (kind, pk) if kind else None


def payee_of_values(values):
    """The payee that a decision names, or None. The house has no id."""
    kind, pk = values.get("payee_type"), values.get("payee_id")
    if kind == "house" and not pk:
        return HOUSE
    if kind == "house" or bool(kind) != bool(pk):
        message = "Only with the payeeType partner or broker." if pk else f"Which {kind}?"
        raise _refused("payee_id", message, "invalid" if pk else "required")
    return (kind, pk) if kind else None


class ClaimSerializer(StrictSerializer):
    attribution_id = StrictUUID(required=False, allow_null=True)
    conversion_id = StrictUUID(required=False, allow_null=True)
    dispute_type = serializers.ChoiceField(Dispute.Type.choices)
    reason = Text(max_length=4000)
    evidence = EvidenceField(required=False)
    expected_amount = Money(required=False, allow_null=True, min_value=Decimal("0.01"))
    claimant_type = serializers.ChoiceField(CLAIMANTS, required=False, allow_null=True)
    claimant_id = PayeeId()

    def validate(self, attrs):
        claim = {name: attrs.get(name) for name in ("dispute_type", "reason", "evidence", "expected_amount")}
        return {
            "record_id": attrs.get("attribution_id"),
            "conversion_id": attrs.get("conversion_id"),
            "claimant": claimant_of(attrs),
            "claim": claim,
        }


class AppealSerializer(StrictSerializer):
    reason = Text(max_length=4000)
    claimant_type = serializers.ChoiceField(CLAIMANTS, required=False, allow_null=True)
    claimant_id = PayeeId()

    def validate(self, attrs):
        return {"reason": attrs["reason"], "claimant": claimant_of(attrs)}


class MissingTouchSerializer(StrictSerializer):
    channel = serializers.ChoiceField(Channel.choices)
    timestamp = Moment()
    source = Text(required=False, allow_null=True, max_length=255)  # type: ignore[assignment]
    campaign = Text(required=False, allow_null=True, max_length=255)

    def validate(self, attrs):
        return NewTouch(**attrs)


class HandShareSerializer(StrictSerializer):
    touchpoint_id = StrictUUID()
    payee_type = serializers.ChoiceField(PAYEES, required=False, allow_null=True)
    payee_id = PayeeId()
    percentage = Percentage()

    def validate(self, attrs):
        return HandShare(attrs["touchpoint_id"], attrs["percentage"], payee_of_values(attrs))


class DecisionSerializer(StrictSerializer):
    """What shall be done to the shares. Which fields count is the way's."""

    way = serializers.ChoiceField(Way.choices)
    touchpoint_id = StrictUUID(required=False, allow_null=True)
    payee_type = serializers.ChoiceField(PAYEES, required=False, allow_null=True)
    payee_id = PayeeId()
    percentage = Percentage(required=False, allow_null=True)
    shares = serializers.ListField(child=HandShareSerializer(), required=False, max_length=1000)
    spread = Flag(required=False)
    touch = MissingTouchSerializer(required=False, allow_null=True)

    def validate(self, attrs):
        return decision_of(attrs)


def decision_of(values):
    return Decision(
        way=values["way"],
        touchpoint_id=values.get("touchpoint_id"),
        payee=payee_of_values(values),
        percentage=values.get("percentage"),
        touch=values.get("touch"),
        shares=values.get("shares", ()),
        spread=values.get("spread", False),
    )


class TrialSerializer(StrictSerializer):
    decision = DecisionSerializer()


def _check_outcome(attrs, *decided):
    """A rejection has its reason and moves no money; following the claim has none."""
    if attrs["status"] == Dispute.Status.REJECTED:
        if not attrs.get("rejection"):
            raise _refused("rejection", "Choose the reason.", "required")
        for name in decided:
            if attrs.get(name) is not None:
                raise _refused(name, "A rejection moves no money.")
    elif attrs.get("rejection"):
        raise _refused("rejection", "Only with the status rejected.")


class ResolutionSerializer(StrictSerializer):
    status = serializers.ChoiceField(DECISIONS)
    resolution = Text(max_length=LONGEST_RESOLUTION)
    rejection = serializers.ChoiceField(Dispute.Rejection.choices, required=False, allow_null=True)
    adjustments = DecisionSerializer(required=False, allow_null=True)
    confirm_undoing = serializers.ListField(child=StrictUUID(), required=False, max_length=MOST_UNDONE)
    resolved_by = Text(required=False, allow_null=True, max_length=150)

    def validate(self, attrs):
        _check_outcome(attrs, "adjustments")
        return attrs


class ResolutionLineSerializer(StrictSerializer):
    """One decision of many: flat, as lines of CSV are."""

    id = StrictUUID(required=False, allow_null=True)
    number = DisputeNumber(required=False, allow_null=True)
    status = serializers.ChoiceField(DECISIONS)
    resolution = Text(max_length=LONGEST_RESOLUTION)
    rejection = serializers.ChoiceField(Dispute.Rejection.choices, required=False, allow_null=True)
    way = serializers.ChoiceField(Way.choices, required=False, allow_null=True)
    touchpoint_id = StrictUUID(required=False, allow_null=True)
    payee_type = serializers.ChoiceField(PAYEES, required=False, allow_null=True)
    payee_id = PayeeId()
    percentage = Percentage(required=False, allow_null=True)
    confirm_undoing = serializers.ListField(child=StrictUUID(), required=False, max_length=MOST_UNDONE)
    resolved_by = Text(required=False, allow_null=True, max_length=150)

    def validate(self, attrs):
        if (attrs.get("id") is None) == (attrs.get("number") is None):
            raise _refused("id", "Give the id or the number of the dispute.", "required")
        _check_outcome(attrs, "way")
        return attrs | {"adjustments": decision_of(attrs) if attrs.get("way") else None}


class QuestionSerializer(StrictSerializer):
    question = Text(max_length=5000)


class AnswerSerializer(StrictSerializer):
    answer = Text(max_length=5000)


class AssignmentSerializer(StrictSerializer):
    assigned_to = Text(max_length=150)
    take_over = Flag(required=False)


class GoOnSerializer(StrictSerializer):
    reason = Text(max_length=1000)


class WithdrawalSerializer(StrictSerializer):
    reason = Text(max_length=1000, required=False, allow_null=True)


class SaidSerializer(StrictSerializer):
    body = Text(max_length=5000)
    to = Number(max_digits=18, decimal_places=0, min_value=1, required=False, allow_null=True)
    internal = Flag(required=False)
