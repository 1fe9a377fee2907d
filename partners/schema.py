"""What the API's schema tells of partners, brokers, keys and webhooks."""

from rest_framework import serializers

from attribution_site.api.schema.operation import ListOf, OneOf, Operation, PageOf
from attribution_site.api.schema.shapes import ID, or_null, ref
from partners.api.keys import KeySerializer, RotationSerializer
from partners.api.payees import MAX_ITEMS, BrokerSerializer, PartnerSerializer
from partners.models import ApiKey, Payee, Scope

ENUMS = {"PayeeStatus": Payee.Status.values, "Scope": Scope.values, "KeyStatus": ApiKey.State.values}
NAMES = {KeySerializer: "ApiKey", RotationSerializer: "KeyRotation"}
FIELDS = {KeySerializer: {"replaced_by": or_null(ID)}}


class PartnerByIdSerializer(PartnerSerializer):
    """The path has the id."""

    class Meta(PartnerSerializer.Meta):
        extra_kwargs = PartnerSerializer.Meta.extra_kwargs | {"id": {"required": False}}


class BrokerByIdSerializer(BrokerSerializer):
    class Meta(BrokerSerializer.Meta):
        extra_kwargs = BrokerSerializer.Meta.extra_kwargs | {"id": {"required": False}}


class NewKeySerializer(KeySerializer):
    key = serializers.CharField(read_only=True, help_text="Told this once.")

    class Meta(KeySerializer.Meta):
        fields = [*KeySerializer.Meta.fields, "key"]


def _of_payees(many, one, serializer, by_id):
    """The same for both kinds. Saving is an upsert by id."""
    kind = one.lower()
    return {
        ("GET", many): Operation(f"list{one}s", f"List {many}", {200: PageOf(serializer)}),
        ("POST", many): Operation(
            f"save{one}",
            f"Create or change one {kind}, or an array of them",
            {201: serializer, 200: OneOf((serializer, ref("BulkAnswer")))},
            takes=OneOf((serializer, ListOf(serializer, MAX_ITEMS))),
            description="By id: 201 for a new one, 200 for one that was there. An array is answered by 200, "
            "with what became of each item.",
        ),
        ("PUT", many): Operation(
            f"replaceAny{one}",
            f"Create or replace one {kind}, or an array of them",
            {201: serializer, 200: OneOf((serializer, ref("BulkAnswer")))},
            takes=OneOf((serializer, ListOf(serializer, MAX_ITEMS))),
            description="As POST, but the contact that an item leaves out is emptied.",
        ),
        ("GET", f"{many}/{{id}}"): Operation(f"get{one}", f"Get a {kind}", {200: serializer}),
        ("PUT", f"{many}/{{id}}"): Operation(
            f"replace{one}",
            f"Create or replace a {kind}",
            {201: serializer, 200: serializer},
            takes=by_id,
            description="The contact that the body leaves out is emptied.",
        ),
        ("PATCH", f"{many}/{{id}}"): Operation(f"change{one}", f"Change a {kind}", {200: serializer}, takes=by_id),
    }


KEYS = {
    ("GET", "keys"): Operation("listKeys", "List keys, the newest first", {200: PageOf(KeySerializer)}),
    ("POST", "keys"): Operation(
        "createKey",
        "Make a key",
        {201: NewKeySerializer},
        takes=KeySerializer,
        description="`key` is in this answer and never again.",
    ),
    ("GET", "keys/{id}"): Operation("getKey", "Get a key", {200: KeySerializer}),
    ("POST", "keys/{id}/rotate"): Operation(
        "rotateKey",
        "Replace a key",
        {201: NewKeySerializer},
        takes=RotationSerializer,
        description="The old one goes on for `overlapHours`, 24 if not given.",
    ),
    ("POST", "keys/{id}/revoke"): Operation(
        "revokeKey", "End a key, within seconds and for good", {200: KeySerializer}
    ),
}

OPERATIONS = {
    **_of_payees("partners", "Partner", PartnerSerializer, PartnerByIdSerializer),
    **_of_payees("brokers", "Broker", BrokerSerializer, BrokerByIdSerializer),
    **KEYS,
}
