"""What the API's schema tells of statements."""

from attribution_site.api.schema.operation import BINARY_FILE, TEXT_FILE, Operation, PageOf
from attribution_site.api.schema.shapes import (
    COUNT,
    DAY,
    FREE,
    ID,
    MOMENT,
    MONEY,
    NUMBER,
    TEXT,
    WHOLE,
    each,
    or_null,
    ref,
    shape,
)
from payouts import statements
from payouts.api.statements import StatementLineSerializer, StatementSerializer

ENUMS = {"StatementFigure": list(statements.FIGURES)}
SHAPES = {
    "StatementPeriod": shape(
        "`name` is as a month or a quarter is asked for.", name=TEXT, start_date=DAY, end_date=DAY
    ),
    "StatementBalance": shape(
        "opening + earned + adjusted − reversed − paid = closing, over all lines of the period.",
        currency=TEXT,
        **dict.fromkeys(["opening", *statements.FIGURES, "closing"], MONEY),
        kinds=each(ref("StatementKind")),
    ),
    "StatementKind": shape(
        "All lines of a kind; the amount has the sign that it has in the balance.",
        kind=ref("EntryKind"),
        count=COUNT,
        amount=MONEY,
    ),
}
FIELDS = {
    StatementLineSerializer: {
        "figure": ref("StatementFigure"),
        "lead_id": or_null(TEXT),
        "policy_number": or_null(TEXT),
        **dict.fromkeys(["conversion_id", "attribution_id"], or_null(ID)),
        "conversion_type": or_null(ref("ConversionType")),
        "occurred_at": or_null(MOMENT),
        "model": or_null(ref("AttributionModel")),
        "credit": or_null(NUMBER | {"description": "The share of the conversion, 0 to 1."}),
        "share": or_null(MONEY | {"description": "Of the conversion's commission, before the terms."}),
        "payout_number": or_null(WHOLE | {"description": "Of the payout that pays it, once that is approved."}),
        "working": FREE | {"description": "The terms, and what they made of the share."},
    }
}
OPERATIONS = {
    ("GET", "statements"): Operation(
        "getStatement",
        "Get the statement of a payee and a period",
        {200: PageOf(StatementLineSerializer, name="Statement", filtered=False)},
        parameters=(StatementSerializer,),
        answers_also={"text/csv": TEXT_FILE, "application/pdf": BINARY_FILE},
        description="Of a month or a quarter (`period`), or of the days from `startDate` through `endDate`, UTC. "
        "Partners and brokers may leave out whose. Every figure is a sum of the ledger's entries, over all lines; the "
        "lines come in pages. A file has them all, and takes no `cursor` and no `pageSize`.",
        refusals=(404,),
    ),
}
