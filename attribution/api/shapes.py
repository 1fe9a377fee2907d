"""The shapes of answers about attribution that no serializer makes, for the API's schema."""

from attribution.engine.parameters import (
    MAX_LOOKBACK_DAYS,
    MAX_MARKOV_ORDER,
    MAX_POSITION_WEIGHT,
    STATES,
    WEIGH_BY,
)
from attribution.explained import Alternative, Part, Rounding, Settled, SettledShare, Touch
from attribution.explained import Share as AlternativeShare
from attribution.models import Settlement
from attribution.operations.calculations import Calculation, Share
from attribution.plain_words import LEFT_OUT, SOURCES, WHY_PAYEE
from attribution_site.api.schema.shapes import (
    COUNT,
    FREE,
    ID,
    MOMENT,
    MONEY,
    NUMBER,
    TEXT,
    WHOLE,
    YES_NO,
    each,
    of_dataclass,
    one_of,
    or_null,
    ref,
    shape,
)

MODEL, CHANNEL, CONVERSION_TYPE = ref("AttributionModel"), ref("TouchpointType"), ref("ConversionType")
PAYEE_TYPE = ref("PayeeType")
CREDIT = NUMBER | {"minimum": 0, "maximum": 1}
PERCENTAGE = NUMBER | {"minimum": 0, "maximum": 100}
DAYS = {"type": "integer", "minimum": 1, "maximum": MAX_LOOKBACK_DAYS}
FALLBACK = or_null(TEXT) | {"description": "The model that shared instead, where the data-driven one knew nothing."}

PARAMETERS = {
    "type": "object",
    "description": "A configuration. What is left out has its default.",
    "additionalProperties": False,
    "properties": {
        "lookbackDays": DAYS | {"default": 90},
        "lookbackDaysByType": {
            "type": "object",
            "propertyNames": CONVERSION_TYPE,
            "additionalProperties": DAYS,
            "examples": [{"policy_bound": 30}],
        },
        "lookbackSteps": {"type": ["integer", "null"], "minimum": 1},
        "halfLifeDays": {"type": "number", "exclusiveMinimum": 0, "default": 7},
        "positionWeights": {
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": {"type": "number", "minimum": 0, "maximum": MAX_POSITION_WEIGHT},
            "contains": {"exclusiveMinimum": 0},
            "description": "First, all between, last.",
        },
        "excludedChannels": each(CHANNEL),
        "excludeDirect": YES_NO,
        "collapseRepeats": YES_NO,
        "restartAfterConversion": YES_NO,
        "states": one_of(*STATES),
        "markovOrder": {"oneOf": [{"type": "integer", "minimum": 1, "maximum": MAX_MARKOV_ORDER}, one_of("auto")]},
        "weighBy": one_of(*WEIGH_BY),
        "trainingDays": DAYS | {"default": 90},
        "minimumConversions": {"type": "integer", "minimum": 1},
    },
}

CALCULATION = {
    **of_dataclass(
        Calculation,
        model=MODEL,
        conversion_value=MONEY,
        commission_amount=MONEY,
        attributions=each(ref("AttributionShare")),
        unattributed=MONEY,
    )["properties"],
    "fallback": FALLBACK,
}
# What is stored may have no commission, and without records nobody calculated it.
STORED = {
    "commissionAmount": or_null(MONEY),
    "calculatedAt": or_null(MOMENT),
    "records": each(ref("AttributionRecord")),
}

CALCULATIONS = {
    "AttributionParameters": PARAMETERS,
    "Calculation": shape(**CALCULATION),
    "SavedCalculation": shape(**CALCULATION | STORED),
    "AttributionShare": of_dataclass(
        Share, channel=CHANNEL, credit=CREDIT, percentage=PERCENTAGE, revenue=MONEY, commission=MONEY
    ),
    "SavedCalculations": shape(
        lead_id=TEXT,
        calculations=each(ref("SavedCalculation")),
        disagreements=each(ref("Disagreement")),
    ),
    "Disagreement": shape(
        "What frozen records kept from being stored; `detail` has what each payee has and would have.",
        conversion_id=ID,
        model=MODEL,
        detail=FREE,
    ),
}

EXPLANATIONS = {
    "Explanation": shape(
        record=ref("ExplainedRecord"),
        in_words=each(TEXT),
        source=one_of(*SOURCES),
        source_in_words=TEXT,
        conversion=ref("ExplainedConversion"),
        rule=ref("ExplainedRule"),
        journey=ref("ExplainedJourney"),
        rounding=shape(revenue=or_null(ref("Rounding")), commission=or_null(ref("Rounding"))),
        payee=shape(type=PAYEE_TYPE, id=TEXT, reason=one_of(*WHY_PAYEE), in_words=TEXT),
        settlement=or_null(ref("ExplainedSettlement")),
        stored_totals=shape(records=COUNT, credit=NUMBER, revenue=MONEY, commission=MONEY),
        replays=or_null(YES_NO),
        differences=each(shape(what=TEXT, detail=FREE)),
        other_models=each(ref("OtherModel")),
    ),
    "ExplainedSettlement": of_dataclass(
        Settled,
        way=one_of(*Settlement.Way.values),
        reason=or_null(TEXT) | {"description": "For the house alone."},
        credit=CREDIT,
        revenue=MONEY,
        commission=MONEY,
        shares=each(ref("SettledShare")),
    ),
    "SettledShare": of_dataclass(
        SettledShare,
        channel=or_null(CHANNEL),
        payee_type=PAYEE_TYPE,
        **dict.fromkeys(("credit_before", "credit_after"), CREDIT),
        **dict.fromkeys(("revenue_before", "revenue_after", "commission_before", "commission_after"), or_null(MONEY)),
    ),
    "ExplainedRecord": shape(
        id=ID,
        conversion_id=ID,
        touchpoint_id=ID,
        model=MODEL,
        status=ref("AttributionStatus"),
        payable=YES_NO,
        credit=CREDIT,
        percentage=PERCENTAGE,
        currency=TEXT,
        revenue_attributed=MONEY,
        commission_amount=MONEY,
        payee_type=PAYEE_TYPE,
        payee_id=TEXT,
        payee_pinned=YES_NO,
        position=COUNT,
        journey_length=COUNT,
        run_id=or_null(ID),
        calculated_at=MOMENT,
    ),
    "ExplainedConversion": shape(
        id=ID,
        type=CONVERSION_TYPE,
        occurred_at=MOMENT,
        previous_conversion_at=or_null(MOMENT),
        currency=TEXT,
        value=or_null(MONEY),
        commission_amount=or_null(MONEY),
    ),
    "ExplainedRule": shape(
        model=MODEL,
        config_version=WHOLE,
        effective_from=MOMENT,
        parameters=FREE,
        fallback=FALLBACK,
        training=or_null(ref("ExplainedTraining")),
    ),
    "ExplainedTraining": shape(
        id=ID,
        number=WHOLE,
        start_date=MOMENT,
        end_date=MOMENT,
        order=or_null(WHOLE),
        journeys=COUNT,
        conversions=COUNT,
        effective_from=or_null(MOMENT),
        data_hash=TEXT,
    ),
    "ExplainedJourney": shape(
        touches_known=COUNT,
        touches_counted=COUNT,
        not_shown=shape(
            "The sums of the touches that are not in the list.",
            sometimes=("touches", "credit", "revenue", "commission"),
            touches=COUNT,
            credit=NUMBER,
            revenue=MONEY,
            commission=MONEY,
        ),
        touches=each(ref("ExplainedTouch")),
    ),
    "ExplainedTouch": of_dataclass(
        Touch,
        percentage=PERCENTAGE,
        channel=or_null(CHANNEL),
        payee_type=PAYEE_TYPE,
        left_out_by=or_null(one_of(*LEFT_OUT)),
        credit=CREDIT,
        revenue=or_null(ref("AmountPart")),
        commission=or_null(ref("AmountPart")),
        effect=or_null(ref("StateEffect")),
    ),
    "AmountPart": of_dataclass(Part, whole=MONEY, remainder=MONEY, share=MONEY),
    "StateEffect": shape(
        state=or_null(each(or_null(TEXT))),
        **dict.fromkeys(("removal_effect", "removal_effect_value", "low", "high"), or_null(NUMBER)),
    ),
    "Rounding": of_dataclass(Rounding, total=MONEY, unit=NUMBER, whole=MONEY),
    "OtherModel": of_dataclass(
        Alternative, model=MODEL, this=or_null(ref("OtherShare")), shares=each(ref("OtherShare"))
    ),
    "OtherShare": of_dataclass(AlternativeShare, credit=CREDIT, revenue=MONEY, commission=MONEY),
}

WORK = {
    "Progress": shape(done=COUNT, total=COUNT),
    "RunCounts": shape(
        "Of records; of conversions in `unattributed`.",
        **dict.fromkeys(("written", "replaced", "unchanged", "frozen", "unattributed"), COUNT),
    ),
    "RunStarted": shape(run_id=ID, status=ref("RunStatus")),
    "RunError": shape(conversion_id=or_null(ID), model=or_null(TEXT), code=TEXT, detail=FREE),
    "TrainingStarted": shape(training_id=ID, number=WHOLE, status=ref("TrainingStatus")),
    "TrainingEffect": shape(
        "What was learnt of one state: what of the conversions, and of their value, would be lost without it.",
        state=each(or_null(TEXT)),
        **dict.fromkeys(
            (
                *("removal_effect", "low", "high", "conversions"),
                *("removal_effect_value", "value", "shapley_set_game", "shapley_rate_game"),
            ),
            or_null(NUMBER),
        ),
    ),
    "Model": shape(
        model=MODEL,
        label=TEXT,
        description=TEXT,
        payable=YES_NO,
        payable_from=or_null(MOMENT),
        payable_until=or_null(MOMENT),
        current_version=or_null(WHOLE),
        next_version=or_null(WHOLE),
        next_effective_from=or_null(MOMENT),
    ),
    "ConfigurationTraining": shape(
        number=WHOLE,
        status=ref("TrainingStatus"),
        start_date=MOMENT,
        end_date=MOMENT,
        order=or_null(WHOLE),
        journeys=COUNT,
        conversions=COUNT,
        effective_from=or_null(MOMENT),
    ),
    "PayablePeriod": {
        "type": "object",
        "properties": {"from": MOMENT, "until": or_null(MOMENT)},
        "required": ["from", "until"],
    },
}
SUMS = {"conversions": NUMBER, "revenue": MONEY, "commission": MONEY}
CONTENDER = {"model": or_null(MODEL), "version": or_null(WHOLE), "parameters": or_null(FREE), "label": TEXT}
ROW = {"others": COUNT, "contenders": each(ref("ComparedSums"))}
LAB = {
    "ComparisonStarted": shape(comparison_id=ID, status=ref("ComparisonStatus")),
    "ComparedContender": shape("All null: as it was paid.", **CONTENDER),
    "ComparisonResult": shape(
        totals=shape(conversions=COUNT, revenue=MONEY, commission=MONEY),
        contenders=each(ref("ContenderTotals")),
        channels=each(shape(channel=or_null(CHANNEL), **ROW)),
        sources=each(shape(channel=or_null(CHANNEL), source=or_null(TEXT), **ROW)),
        campaigns=each(shape(campaign=or_null(TEXT), **ROW)),
        payees=each(shape(payee_type=or_null(PAYEE_TYPE), payee_id=or_null(TEXT), payee_name=or_null(TEXT), **ROW)),
    ),
    "ContenderTotals": shape(
        **CONTENDER,
        attributed_conversions=COUNT,
        revenue=MONEY,
        commission=MONEY,
        unattributed_conversions=COUNT,
        unattributed_revenue=MONEY,
        unattributed_commission=MONEY,
        shared_by_position=COUNT,
        commission_moved=MONEY,
        payees_gaining=COUNT,
        payees_losing=COUNT,
        learnt=or_null(shape(order=WHOLE, journeys=COUNT, conversions=COUNT)),
        note=or_null(TEXT),
    ),
    "ComparedSums": shape(
        "What one group earns under one contender; deltas are against the first.",
        **SUMS,
        percentage=NUMBER,
        **{f"{name}_delta": of for name, of in SUMS.items()},
    ),
}

SHAPES = CALCULATIONS | EXPLANATIONS | WORK | LAB
