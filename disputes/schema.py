"""What the API's schema tells of disputes and adjustments."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes

from attribution.models import Adjustment, Settlement, SettlementLine
from attribution_site.api.schema.forms import NO_NUL
from attribution_site.api.schema.operation import BINARY_FILE, TEXT_FILE, ListOf, OneOf, Operation, PageOf
from attribution_site.api.schema.shapes import (
    COUNT,
    FREE,
    ID,
    MOMENT,
    MONEY,
    NUMBER,
    TEXT,
    YES_NO,
    each,
    one_of,
    or_null,
    ref,
    shape,
)
from disputes.api import forms, shapes
from disputes.api.adjustments import BookedAdjustmentSerializer
from disputes.files.kinds import KINDS
from disputes.models import Dispute, Evidence, Message, Party
from disputes.operations.bulk import MOST_ROWS

ENUMS = {
    "DisputeType": Dispute.Type.values,
    "DisputeStatus": Dispute.Status.values,
    "DisputeDecided": forms.DECISIONS,
    "DisputeRejection": Dispute.Rejection.values,
    "DisputeRole": Party.Role.values,
    "ClaimantType": forms.CLAIMANTS,
    "EvidenceSource": Evidence.Source.values,
    "EvidenceKind": Evidence.Kind.values,
    "MessageKind": Message.Kind.values,
    "SettlementWay": Settlement.Way.values,
    "ShareChangeHow": SettlementLine.How.values,
    "AdjustmentKind": Adjustment.Kind.values,
}
ACTIONS = (
    *("message", "note", "evidence", "assign", "take_over", "ask", "answer", "go_on"),
    *("withdraw", "simulate", "resolve", "reject", "appeal"),
)
NAMES = {
    forms.ClaimSerializer: "DisputeClaim",
    forms.AppealSerializer: "DisputeAppeal",
    forms.DecisionSerializer: "DisputeDecision",
    forms.TrialSerializer: "DisputeTrial",
    forms.ResolutionSerializer: "DisputeResolution",
    forms.ResolutionLineSerializer: "DisputeResolutionLine",
    forms.QuestionSerializer: "DisputeQuestion",
    forms.AnswerSerializer: "DisputeAnswer",
    forms.AssignmentSerializer: "DisputeAssignment",
    forms.GoOnSerializer: "DisputeGoOn",
    forms.WithdrawalSerializer: "DisputeWithdrawal",
    forms.SaidSerializer: "DisputeMessage",
    shapes.MessageSerializer: "DisputeMessage",
    shapes.PartySerializer: "DisputeParty",
    shapes.ShareSerializer: "DisputedShare",
    shapes.ChangeSerializer: "ShareChange",
}
PERSON = or_null(TEXT) | {"description": "Of the house; told to the house alone."}
KEY = or_null(ID) | {"description": "The key that was used; told to the house alone."}
CREDIT = NUMBER | {"minimum": 0, "maximum": 1}
FIELDS = {
    shapes.DisputeSerializer: {
        "role": or_null(ref("DisputeRole")),
        "dispute_type": or_null(ref("DisputeType")),
        "claimant_type": or_null(ref("ClaimantType")),
        "model": or_null(ref("AttributionModel")),
        "rejection": or_null(ref("DisputeRejection")),
        "at_stake": or_null(MONEY),
        "expected_amount": or_null(MONEY),
        "overdue": or_null(YES_NO),
        "due_at": or_null(MOMENT),
        **dict.fromkeys(["attribution_id", "appeal_of"], or_null(ID)),
        **dict.fromkeys(["lead_id", "reason", "claimant_id", "resolution"], or_null(TEXT)),
        **dict.fromkeys(["filed_by", "assigned_to", "resolved_by"], PERSON),
        **dict.fromkeys(["filed_by_key", "resolved_by_key"], KEY),
    },
    shapes.DisputeDetailSerializer: {
        "history": each(ref("DisputeMove")),
        "actions": each(one_of(*ACTIONS)),
    },
    shapes.EvidenceSerializer: {
        "payee_type": or_null(ref("ClaimantType")),
        "payee_id": or_null(TEXT),
        "added_by": PERSON,
        "added_by_key": KEY,
    },
    shapes.EvidenceDetailSerializer: {"content": {"description": "Of data; null for a file."}},
    shapes.MessageSerializer: {
        "payee_type": or_null(ref("ClaimantType")),
        "payee_id": or_null(TEXT),
        "author": PERSON,
        "author_key": KEY,
    },
    shapes.PartySerializer: {"payee_type": ref("ClaimantType")},
    shapes.ChangeSerializer: {
        **dict.fromkeys(["attribution_id", "touchpoint_id"], or_null(ID)),
        "touched_at": or_null(MOMENT),
        **dict.fromkeys(["credit_before", "credit_after"], CREDIT),
    },
    BookedAdjustmentSerializer: {
        **dict.fromkeys(["dispute_id", "reversal_id"], or_null(ID)),
        "dispute_number": or_null(COUNT),
        "credit": NUMBER,
    },
}
CHANGE = {
    "attribution_id": or_null(ID),
    "touchpoint_id": or_null(ID),
    "channel": TEXT,
    "touched_at": or_null(MOMENT),
    "payee_type": ref("PayeeType"),
    "payee_id": TEXT,
    "how": ref("ShareChangeHow"),
    "status_before": TEXT,
    "credit_before": CREDIT,
    "credit_after": CREDIT,
    **dict.fromkeys(["revenue_before", "revenue_after", "commission_before", "commission_after"], MONEY),
}
DECIDED = shape(
    "As `adjustments` of a resolution takes it.",
    sometimes=("touchpoint_id", "payee_type", "payee_id", "percentage", "touch", "shares", "spread"),
    way=ref("SettlementWay"),
    touchpoint_id=ID,
    payee_type=ref("PayeeType"),
    payee_id=TEXT,
    percentage=NUMBER,
    touch=shape(channel=ref("TouchpointType"), timestamp=MOMENT, source=or_null(TEXT), campaign=or_null(TEXT)),
    shares=each(
        shape(
            sometimes=("payee_type", "payee_id"),
            touchpoint_id=ID,
            percentage=NUMBER,
            payee_type=ref("PayeeType"),
            payee_id=TEXT,
        )
    ),
    spread=YES_NO,
)
SHAPES = {
    "DisputeMove": shape(
        "From status to status. Who, and why, is told to the house alone.",
        at=MOMENT,
        status=ref("DisputeStatus"),
        by=or_null(TEXT),
        reason=or_null(TEXT),
    ),
    "DisputeOption": shape(
        "What one way to resolve would do to every payee, or why it can't be done.",
        label=TEXT,
        decision=DECIDED,
        refusal=or_null(TEXT),
        currency=or_null(TEXT),
        commission_moved=or_null(MONEY),
        payees=each(ref("DisputeOptionOfPayee")),
        changes=each(shape(**CHANGE)),
        other_conversions=each(ref("ReachedConversion")),
        undoes=each(ref("UndoneDecision")),
    ),
    "ReachedConversion": shape(
        "Another conversion of the lead that an inserted touch counts for. `calculated`: its records are calculated"
        " anew; `proposed`: some are decided, so that the difference is proposed and nothing is booked; `stays`: a"
        " dispute settled it.",
        conversion_id=ID,
        type=ref("ConversionType"),
        occurred_at=MOMENT,
        currency=TEXT,
        outcome=one_of("calculated", "proposed", "stays"),
        payees=each(
            shape(
                payee_type=ref("PayeeType"),
                payee_id=TEXT,
                **dict.fromkeys(["revenue_before", "revenue_after", "commission_before", "commission_after"], MONEY),
            )
        ),
    ),
    "UndoneDecision": shape(
        "An earlier decision about the conversion, and in words what of it would change. What is `toConfirm` must be"
        " named in the `confirmUndoing` of a resolution, by its `settlementId`.",
        settlement_id=ID,
        dispute_id=ID,
        way=ref("SettlementWay"),
        reason=TEXT,
        decided_at=MOMENT,
        told=each(TEXT),
        to_confirm=YES_NO,
    ),
    "DisputeOptionOfPayee": shape(
        "`paid`: of what the payee has, what was paid out. `adjusted`: what would be booked beside decided records.",
        payee_type=ref("PayeeType"),
        payee_id=TEXT,
        **dict.fromkeys(["revenue_before", "revenue_after", "commission_before", "commission_after"], MONEY),
        paid=MONEY,
        adjusted=MONEY,
    ),
    "DisputeOptions": shape(dispute_id=ID, options=each(ref("DisputeOption"))),
}


class EvidenceForm(OpenApiSerializerFieldExtension):
    target_class = "disputes.api.fields.EvidenceField"

    def map_serializer_field(self, auto_schema, direction):
        return dict(DATA)


class NumberForm(OpenApiSerializerFieldExtension):
    target_class = "disputes.api.fields.DisputeNumber"

    def map_serializer_field(self, auto_schema, direction):
        return {
            "oneOf": [
                {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
                {"type": "string", "pattern": "^(D-)?[0-9]{1,18}$"},
            ]
        }


DATA = FREE | {
    "minProperties": 1,
    "propertyNames": {"type": "string", "pattern": NO_NUL},
    "description": "Of any form, to 256 KiB and 20 levels.",
    "examples": [{"originalSource": "partner_referral"}],
}
FILE_FORM = {
    "type": "object",
    "properties": {"file": BINARY_FILE | {"description": "With its name. What it may be: docs/api.md."}},
    "required": ["file"],
    "additionalProperties": False,
}
ONE = "disputes/{id}"
DETAIL, DISPUTE = shapes.DisputeDetailSerializer, shapes.DisputeSerializer
EVIDENCE = "disputes/{dispute_id}/evidence"
OF_DISPUTE = (OpenApiParameter("dispute_id", OpenApiTypes.UUID, "path"),)
CSV = {"text/csv": TEXT_FILE}
IN_BULK = "CSV has the fields as its columns. With `Accept: text/csv` what became of each line is answered as CSV too."

OPERATIONS = {
    ("GET", "disputes"): Operation("listDisputes", "List disputes, the latest first", {200: PageOf(DISPUTE)}),
    ("POST", "disputes"): Operation(
        "createDispute",
        "File a dispute, or many",
        {201: DETAIL, 200: ref("BulkAnswer")},
        takes=OneOf((forms.ClaimSerializer, ListOf(forms.ClaimSerializer, MOST_ROWS))),
        takes_also=CSV,
        answers_also=CSV,
        refusals=(404,),
        description="About a record (`attributionId`) or, of the type `missing`, about a conversion. The record is "
        f"frozen until it is decided. An array is answered by 200, with what became of each item. {IN_BULK}",
    ),
    ("POST", "disputes/resolve"): Operation(
        "resolveDisputes",
        "Decide many disputes",
        {200: ref("BulkAnswer")},
        takes=ListOf(forms.ResolutionLineSerializer, MOST_ROWS),
        takes_also=CSV,
        answers_also=CSV,
        description=IN_BULK,
    ),
    ("GET", ONE): Operation(
        "getDispute",
        "Get a dispute",
        {200: DETAIL},
        description="A partner or broker that claims is told of its own part; one whose share may change that it may, "
        "and what became of it. `actions`: what the asker may do now.",
    ),
    ("POST", f"{ONE}/ask"): Operation(
        "askForInformation",
        "Ask the claimant something; the clock stops",
        {200: DETAIL},
        takes=forms.QuestionSerializer,
    ),
    ("POST", f"{ONE}/answer"): Operation(
        "answerQuestion", "Answer what was asked; the clock goes on", {200: DETAIL}, takes=forms.AnswerSerializer
    ),
    ("POST", f"{ONE}/assign"): Operation(
        "assignDispute",
        "Put a dispute into somebody's hands",
        {200: DETAIL},
        takes=forms.AssignmentSerializer,
        description="By user name; `me` is who is signed in. From another's hands only with `takeOver`.",
    ),
    ("POST", f"{ONE}/go-on"): Operation(
        "goOnWithoutAnswer", "Go on without an answer", {200: DETAIL}, takes=forms.GoOnSerializer
    ),
    ("GET", f"{ONE}/simulate"): Operation(
        "simulateResolutions",
        "What each offered resolution would do to every payee, to the cent",
        {200: ref("DisputeOptions")},
        refusals=(409,),
    ),
    ("POST", f"{ONE}/simulate"): Operation(
        "simulateResolution",
        "What a resolution of one's own would do; nothing is stored",
        {200: ref("DisputeOptions")},
        takes=forms.TrialSerializer,
    ),
    ("PUT", f"{ONE}/resolve"): Operation(
        "resolveDispute",
        "Decide a dispute",
        {200: DETAIL},
        takes=forms.ResolutionSerializer,
        description="With `adjustments` money moves in the same step, to the cent, and the sum stays. `resolvedBy`: a "
        "program of the house decides for one of its people.",
    ),
    ("POST", f"{ONE}/withdraw"): Operation(
        "withdrawDispute", "Withdraw a dispute", {200: DETAIL}, takes=forms.WithdrawalSerializer
    ),
    ("POST", f"{ONE}/appeal"): Operation(
        "appealDispute",
        "Appeal a decision: a dispute of its own, which somebody else decides",
        {201: DETAIL},
        takes=forms.AppealSerializer,
    ),
    ("GET", EVIDENCE): Operation(
        "listEvidence",
        "List the evidence in a dispute",
        {200: PageOf(shapes.EvidenceSerializer)},
        parameters=OF_DISPUTE,
    ),
    ("POST", EVIDENCE): Operation(
        "addEvidence",
        "Add evidence: data, or a file",
        {201: shapes.EvidenceSerializer},
        takes=DATA,
        takes_also={"multipart/form-data": FILE_FORM},
        parameters=OF_DISPUTE,
        description="The same content again is the same item. No item ever changes.",
    ),
    ("GET", f"{EVIDENCE}/{{evidence_id}}"): Operation(
        "getEvidence", "Get an item of evidence", {200: shapes.EvidenceDetailSerializer}, parameters=OF_DISPUTE
    ),
    ("GET", f"{EVIDENCE}/{{evidence_id}}/content"): Operation(
        "getEvidenceContent",
        "Get the bytes that an item's hash is of",
        {200: {}},
        parameters=OF_DISPUTE,
        answers_also={kind.content_type: BINARY_FILE for kind in KINDS if kind.content_type != "application/json"},
    ),
    ("GET", "disputes/{dispute_id}/messages"): Operation(
        "listDisputeMessages",
        "List what was said in a dispute",
        {200: PageOf(shapes.MessageSerializer)},
        parameters=OF_DISPUTE,
    ),
    ("POST", "disputes/{dispute_id}/messages"): Operation(
        "postDisputeMessage",
        "Say something in a dispute",
        {201: shapes.MessageSerializer},
        takes=forms.SaidSerializer,
        parameters=OF_DISPUTE,
        description="The house speaks to the claimant, or to the party that `to` names; with `internal` to itself.",
    ),
    ("GET", "adjustments"): Operation(
        "listAdjustments",
        "List what was added to decided records or taken from them, the latest first",
        {200: PageOf(BookedAdjustmentSerializer)},
    ),
}
