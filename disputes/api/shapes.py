"""What is answered about disputes: to the house all, to a partner or broker its own part."""

from rest_framework import serializers

from attribution.models import AttributionRecord, SettlementLine
from attribution_site.api.fields import Money, Number
from disputes.models import Dispute, Evidence, Message, Party
from partners.models import payee_of

# Who of the house does what, no party is told; and which other payee something is of, none either.
PEOPLE = ("filed_by", "filed_by_key", "assigned_to", "resolved_by", "resolved_by_key")
# A respondent learns that its share may change and what became of it, not who claims what.
OF_THE_CLAIM = (
    *("attribution_id", "lead_id", "model", "dispute_type", "reason", "expected_amount", "at_stake"),
    *("claimant_type", "claimant_id", "due_at", "overdue", "resolution", "rejection", "appeal_of"),
)

# The house may file for a payee about another's record: whose lead that is and what it earns, its claimant isn't told.
OF_THE_RECORD = ("attribution_id", "lead_id", "at_stake")


class Username(serializers.CharField):
    def to_representation(self, value):
        return value.get_username()


class ForHouse(serializers.ModelSerializer):
    """Fields that a partner or broker is told nothing of."""

    for_house: tuple[str, ...] = ()

    def to_representation(self, instance):
        request = self.context["request"]
        if payee_of(request.user) is None:
            return super().to_representation(instance)
        for name in self.for_house:
            # Not even read: the tables they are in are shut to a partner's request.
            self.fields.pop(name, None)
        values = super().to_representation(instance)
        return {name: values.get(name) for name in self.Meta.fields}


class DisputeSerializer(ForHouse):
    for_house = PEOPLE
    role = serializers.ChoiceField(Party.Role.choices, source="own_role", allow_null=True)
    attribution_id = serializers.UUIDField(source="record_id")
    filed_by = Username()
    filed_by_key = serializers.UUIDField(source="filed_by_key_id")
    assigned_to = Username()
    resolved_by = Username()
    resolved_by_key = serializers.UUIDField(source="resolved_by_key_id")
    overdue = serializers.SerializerMethodField()

    class Meta:
        model = Dispute
        fields = [
            "id",
            "number",
            "status",
            "role",
            "dispute_type",
            "reason",
            "attribution_id",
            "conversion_id",
            "lead_id",
            "model",
            "currency",
            "expected_amount",
            "at_stake",
            "claimant_type",
            "claimant_id",
            "filed_by",
            "filed_by_key",
            "filed_at",
            "assigned_to",
            "due_at",
            "overdue",
            "closed_at",
            "resolution",
            "rejection",
            "resolved_by",
            "resolved_by_key",
            "appeal_of",
        ]

    def get_overdue(self, dispute) -> bool:
        return dispute.is_overdue(self.context["now"])

    def to_representation(self, instance):
        values = super().to_representation(instance)
        values |= {name: values[name] or None for name in ("resolution", "rejection")}
        if values["role"] == Party.Role.RESPONDENT:
            values |= dict.fromkeys(OF_THE_CLAIM)
        elif values["role"] is not None and not instance.is_of_record:
            values |= dict.fromkeys(OF_THE_RECORD)
        return values


class PartySerializer(serializers.ModelSerializer):
    class Meta:
        model = Party
        fields = ["id", "role", "payee_type", "payee_id", "told_at"]


class EvidenceSerializer(ForHouse):
    for_house = ("added_by", "added_by_key")
    payee_type = serializers.CharField(source="party.payee_type", default=None)
    payee_id = serializers.CharField(source="party.payee_id", default=None)
    added_by = Username()
    added_by_key = serializers.UUIDField(source="added_by_key_id")

    class Meta:
        model = Evidence
        fields = [
            "id",
            "source",
            "payee_type",
            "payee_id",
            "kind",
            "name",
            "content_type",
            "size",
            "sha256",
            "added_by",
            "added_by_key",
            "added_at",
        ]


class EvidenceDetailSerializer(EvidenceSerializer):
    """With what is in it, unless it is a file."""

    content = serializers.JSONField()

    class Meta(EvidenceSerializer.Meta):
        fields = [*EvidenceSerializer.Meta.fields, "content"]


class MessageSerializer(ForHouse):
    for_house = ("author", "author_key")
    from_house = serializers.BooleanField(source="is_from_house")
    party = serializers.IntegerField(source="party_id", allow_null=True)
    payee_type = serializers.CharField(source="party.payee_type", default=None)
    payee_id = serializers.CharField(source="party.payee_id", default=None)
    author = Username()
    author_key = serializers.UUIDField(source="author_key_id")

    class Meta:
        model = Message
        fields = [
            "id",
            "kind",
            "from_house",
            "party",
            "payee_type",
            "payee_id",
            "body",
            "author",
            "author_key",
            "sent_at",
        ]


class ShareSerializer(serializers.ModelSerializer):
    """A record of the conversion as it stands, its adjustments included."""

    net_credit = Number(max_digits=11, decimal_places=10)
    net_revenue = Money()
    net_commission = Money()

    class Meta:
        model = AttributionRecord
        fields = [
            *("id", "touchpoint_id", "payee_type", "payee_id", "status"),
            *("net_credit", "net_revenue", "net_commission"),
        ]


class ChangeSerializer(serializers.ModelSerializer):
    """What one payee had of one touch before the decision, and has after it."""

    attribution_id = serializers.UUIDField(source="record_id")

    class Meta:
        model = SettlementLine
        fields = [
            *("attribution_id", "touchpoint_id", "channel", "touched_at", "payee_type", "payee_id", "how"),
            *("status_before", "credit_before", "credit_after", "revenue_before", "revenue_after"),
            *("commission_before", "commission_after"),
        ]


class DisputeDetailSerializer(DisputeSerializer):
    parties = PartySerializer(many=True)
    records = ShareSerializer(many=True)
    evidence = EvidenceSerializer(many=True)
    changes = ChangeSerializer(many=True)
    history = serializers.ListField(child=serializers.DictField())
    actions = serializers.ListField(child=serializers.CharField())

    class Meta(DisputeSerializer.Meta):
        fields = [
            *DisputeSerializer.Meta.fields,
            *("parties", "records", "evidence", "changes", "history", "actions"),
        ]
