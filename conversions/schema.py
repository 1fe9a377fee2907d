"""What the API's schema tells of touchpoints and conversions."""

from attribution_site.api.schema.operation import ListOf, OneOf, Operation, PageOf
from attribution_site.api.schema.shapes import MOMENT, MONEY, TEXT, YES_NO, each, or_null, ref
from conversions.api import ConversionSerializer, TouchpointSerializer
from conversions.models import Conversion
from touchpoints.api import MAX_ITEMS
from touchpoints.models import Channel

ENUMS = {"TouchpointType": Channel.values, "ConversionType": Conversion.Type.values}

FIELDS = {
    TouchpointSerializer: {
        "redacted": or_null(each(TEXT)) | {"description": "The fields that something personal was taken out of."},
        "converted": or_null(YES_NO) | {"description": "null to a key that may write and not read."},
        "conversion_value": or_null(MONEY),
        "conversion_currency": or_null(TEXT),
        "conversion_timestamp": or_null(MOMENT),
    }
}

OWN_ID = "With an `id` of your own (a UUID) send the `timestamp` too: the same again stores nothing and answers 200."
KEEPS = "The time is kept where the body leaves it out, whatever else it leaves out is emptied."

OPERATIONS = {
    ("GET", "touchpoints"): Operation(
        "listTouchpoints", "List touchpoints, the latest first", {200: PageOf(TouchpointSerializer)}
    ),
    ("POST", "touchpoints"): Operation(
        "createTouchpoint",
        "Store one touchpoint, or an array of them",
        {201: TouchpointSerializer, 200: OneOf((TouchpointSerializer, ref("BulkAnswer")))},
        takes=OneOf((TouchpointSerializer, ListOf(TouchpointSerializer, MAX_ITEMS))),
        description=f"{OWN_ID} An array is answered by 200, with what became of each item. "
        "What looks like an e-mail address, a phone, SSN or card number in a text is redacted.",
    ),
    ("GET", "touchpoints/{id}"): Operation("getTouchpoint", "Get a touchpoint", {200: TouchpointSerializer}),
    ("PUT", "touchpoints/{id}"): Operation(
        "replaceTouchpoint",
        "Replace a touchpoint",
        {200: TouchpointSerializer},
        takes=TouchpointSerializer,
        description=KEEPS,
    ),
    ("PATCH", "touchpoints/{id}"): Operation(
        "changeTouchpoint", "Change a touchpoint", {200: TouchpointSerializer}, takes=TouchpointSerializer
    ),
    ("DELETE", "touchpoints/{id}"): Operation(
        "deleteTouchpoint",
        "Delete a touchpoint",
        {204: None},
        description="Not one that carries credit in an approved, disputed or paid record.",
    ),
    ("GET", "leads/{lead_id}/touchpoints"): Operation(
        "listTouchpointsOfLead", "List a lead's touchpoints in time order", {200: PageOf(TouchpointSerializer)}
    ),
    ("GET", "conversions"): Operation(
        "listConversions", "List conversions, the latest first", {200: PageOf(ConversionSerializer)}
    ),
    ("POST", "conversions"): Operation(
        "createConversion",
        "Store a conversion",
        {201: ConversionSerializer, 200: ConversionSerializer},
        takes=ConversionSerializer,
        description="With an `externalId` the same again stores nothing and answers 200; other content is a 409.",
    ),
    ("GET", "conversions/{id}"): Operation("getConversion", "Get a conversion", {200: ConversionSerializer}),
    ("PUT", "conversions/{id}"): Operation(
        "replaceConversion",
        "Replace a conversion",
        {200: ConversionSerializer},
        takes=ConversionSerializer,
        description="Time, currency and external id are kept where the body leaves them out, the rest is emptied.",
    ),
    ("PATCH", "conversions/{id}"): Operation(
        "changeConversion", "Change a conversion", {200: ConversionSerializer}, takes=ConversionSerializer
    ),
}
