"""What the API's schema tells of payouts."""

from attribution_site.api.schema.operation import Operation, PageOf
from attribution_site.api.schema.shapes import FREE, ID, MOMENT, MONEY, TEXT, or_null, ref
from payouts.api import payouts
from payouts.models import Entry, Payout

ENUMS = {
    "PayoutStatus": Payout.Status.values,
    "PayoutMethod": Payout.Method.values,
    "EntryKind": Entry.Kind.values,
}
NAMES = {payouts.PaymentSerializer: "PayoutPayment"}
DATE = {"type": "string", "format": "date"}
FIELDS = {
    payouts.PayoutSerializer: {
        "payee_type": ref("ClaimantType"),
        "period_start": or_null(DATE),
        "prepared_by": or_null(TEXT) | {"description": "Of the house; told to the house alone."},
        **dict.fromkeys(["approved_at", "paid_at", "voided_at"], or_null(MOMENT)),
    },
    payouts.PayoutLineSerializer: {
        **dict.fromkeys(["attribution_id", "conversion_id"], or_null(ID)),
        "lead_id": or_null(TEXT),
        "share": or_null(MONEY),
        "working": FREE | {"description": "The terms, and what they made of the share."},
    },
}
ONE = "payouts/{id}"
DETAIL = payouts.PayoutDetailSerializer

OPERATIONS = {
    ("GET", "payouts"): Operation(
        "listPayouts",
        "List payouts, the latest first",
        {200: PageOf(payouts.PayoutSerializer)},
        description="A partner or broker sees its own once they are approved.",
    ),
    ("GET", ONE): Operation(
        "getPayout",
        "Get a payout, with its lines",
        {200: DETAIL},
        description="Each line is an entry of the ledger; the lines of a payout add up to its total.",
    ),
    ("POST", f"{ONE}/approve"): Operation(
        "approvePayout",
        "Approve a payout that somebody else prepared",
        {200: DETAIL},
        takes=payouts.PayoutApprovalSerializer,
        refusals=(409,),
        description="A person does, not a key; nor who prepared it or decided a dispute in it. The approval is of the "
        "lines with this hash, and of no others.",
    ),
    ("POST", f"{ONE}/pay"): Operation(
        "payPayout",
        "Say that the bank has paid a payout",
        {200: DETAIL},
        takes=payouts.PaymentSerializer,
        refusals=(409,),
        description="Of one that is approved. Repeating it changes nothing.",
    ),
    ("POST", f"{ONE}/void"): Operation(
        "voidPayout",
        "Undo a payout that is not paid",
        {200: DETAIL},
        takes=payouts.PayoutVoidSerializer,
        refusals=(409,),
        description="What it held is open again, for another payout. Repeating it changes nothing.",
    ),
}
