"""What the API's schema tells of reports and spend."""

from attribution_site.api.schema.operation import BINARY_FILE, TEXT_FILE, ListOf, OneOf, Operation, PageOf
from attribution_site.api.schema.shapes import (
    COUNT,
    DAY,
    FREE,
    ID,
    MONEY,
    NUMBER,
    TEXT,
    WHOLE,
    each,
    or_null,
    ref,
    shape,
)
from reports import exports
from reports.api import MAX_SPEND_ITEMS, FormatSerializer, ReportSerializer, SpendSerializer

SHARE = NUMBER | {"description": "0 to 1."}
CREDITED = {"conversions": NUMBER, "total_revenue": MONEY, "total_commission": MONEY}
COST = {"spend": or_null(MONEY), "roas": or_null(NUMBER), "cpa": or_null(NUMBER)}
# null: touches without a campaign, and names that are not known any more.
NAME = or_null(TEXT)


def _of_payees(kind):
    return shape(
        **{f"{kind}_id": TEXT, f"{kind}_name": NAME},
        total_touchpoints=COUNT,
        **CREDITED,
        top_channels=each(ref("TopChannel")),
    )


SHAPES = {
    "AttributionReport": shape(
        report_id=ID,
        period=shape("As it was asked for.", start=TEXT, end=TEXT),
        model=ref("AttributionModel"),
        config_version=or_null(WHOLE),
        config_versions=each(WHOLE),
        currency=TEXT,
        other_currencies=each(TEXT),
        filters=FREE,
        summary=ref("ReportSummary"),
        by_channel=each(ref("ChannelAttributionSummary")),
        by_partner=each(ref("PartnerAttributionSummary")),
        by_broker=each(ref("BrokerAttributionSummary")),
        by_campaign=each(ref("CampaignAttributionSummary")),
        trend=each(ref("AttributionTrend")),
    ),
    "ReportSummary": shape(
        total_conversions=COUNT,
        total_revenue=MONEY,
        total_commission=MONEY,
        reversed_revenue=MONEY,
        attributed_conversions=NUMBER,
        attributed_revenue=MONEY,
        attributed_commission=MONEY,
        payable_commission=MONEY,
        filtered_out_revenue=MONEY,
        filtered_out_commission=MONEY,
        unattributed_revenue=MONEY,
        unattributed_commission=MONEY,
        **COST,
        roi=or_null(NUMBER),
    ),
    "ChannelAttributionSummary": shape(
        channel=ref("TouchpointType"),
        total_touchpoints=COUNT,
        converting_touchpoints=COUNT,
        conversion_rate=SHARE,
        **CREDITED,
        attribution_percentage=NUMBER,
        **COST,
    ),
    "PartnerAttributionSummary": _of_payees("partner"),
    "BrokerAttributionSummary": _of_payees("broker"),
    "TopChannel": shape(channel=ref("TouchpointType"), count=COUNT, revenue=MONEY),
    "CampaignAttributionSummary": shape(campaign=NAME, **CREDITED, **COST),
    "AttributionTrend": shape(
        date=DAY, conversions=NUMBER, revenue=MONEY, commission=MONEY, total_conversions=COUNT, total_revenue=MONEY
    ),
}
FILES = {"text/csv": TEXT_FILE, exports.XLSX: BINARY_FILE}
OF_FILES = {"Content-Location": "Of a file: the kept report that it is of."}

OPERATIONS = {
    ("GET", "reports/attribution"): Operation(
        "generateAttributionReport",
        "Generate a report, which is kept",
        {200: ref("AttributionReport")},
        parameters=(ReportSerializer,),
        answers_also=FILES,
        headers=OF_FILES,
        description="Without a model: the one that commission is paid under at the end of the period.",
    ),
    ("GET", "reports/attribution/{id}"): Operation(
        "getAttributionReport",
        "Read a report again, as it was answered",
        {200: ref("AttributionReport")},
        parameters=(FormatSerializer,),
        answers_also=FILES,
        headers=OF_FILES,
    ),
    ("GET", "spend"): Operation("listSpend", "List what was spent, the latest first", {200: PageOf(SpendSerializer)}),
    ("POST", "spend"): Operation(
        "saveSpend",
        "Tell what a day of a channel cost, or of many",
        {201: SpendSerializer, 200: OneOf((SpendSerializer, ref("BulkAnswer")))},
        takes=OneOf((SpendSerializer, ListOf(SpendSerializer, MAX_SPEND_ITEMS))),
        takes_also={"text/csv": TEXT_FILE},
        description="The newest word on a day, channel, campaign, partner and currency is kept: 201 for a new row, 200 "
        "for one that was there. An array, or CSV with the fields as its columns, is answered by 200, with what became "
        "of each item.",
    ),
    ("GET", "spend/{id}"): Operation("getSpend", "Get a row of spend", {200: SpendSerializer}),
}
