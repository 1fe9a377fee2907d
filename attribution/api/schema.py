"""What the API's schema tells of calculation, records, models, runs, trainings and comparisons."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.utils import OpenApiParameter

from attribution.api import comparisons, configurations, conversions, records, runs, trainings
from attribution.api.calculation import CalculateAndSaveSerializer, CalculateSerializer
from attribution.api.shapes import SHAPES as SHAPES
from attribution.models import AttributionModel, AttributionRecord, Comparison, Run, Training
from attribution_site.api.schema.operation import TEXT_FILE, Operation, PageOf
from attribution_site.api.schema.shapes import COUNT, FREE, ID, MOMENT, TEXT, YES_NO, each, or_null, ref
from conversions.models import Reversal

ENUMS = {
    "AttributionModel": AttributionModel.values,
    "AttributionStatus": AttributionRecord.Status.values,
    "PayeeType": AttributionRecord.Payee.values,
    "ReversalReason": Reversal.Reason.values,
    "RunStatus": Run.Status.values,
    "TrainingStatus": Training.Status.values,
    "ComparisonStatus": Comparison.Status.values,
}

WORKED = {"started_at": or_null(MOMENT), "finished_at": or_null(MOMENT)}


class ParametersForm(OpenApiSerializerFieldExtension):
    target_class = "attribution.api.calculation.ParametersField"

    def map_serializer_field(self, auto_schema, direction):
        told = ref("AttributionParameters")
        return or_null(told) if self.target.allow_null else told


NAMES = {
    records.RecordSerializer: "AttributionRecord",
    records.RecordDetailSerializer: "AttributionRecordDetail",
    records.RecordAdjustmentSerializer: "RecordAdjustment",
    records.RecordChangeSerializer: "AttributionChange",
}
FIELDS = {
    conversions.AdjustmentSerializer: {"payee_type": ref("PayeeType")},
    records.RecordSerializer: {
        "training_id": or_null(ID),
        "conversion_type": ref("ConversionType"),
        "fallback": or_null(ref("AttributionModel")),
    },
    runs.RunSerializer: {
        "models": each(ref("AttributionModel")),
        "start_date": or_null(MOMENT),
        "end_date": or_null(MOMENT),
        "progress": ref("Progress"),
        "counts": ref("RunCounts"),
        **WORKED,
    },
    runs.RunDetailSerializer: {"errors": each(ref("RunError")), "errors_total": COUNT},
    trainings.TrainingSerializer: {"progress": ref("Progress"), "effective_from": or_null(MOMENT), **WORKED},
    trainings.TrainingDetailSerializer: {"effects": or_null(each(ref("TrainingEffect")))},
    comparisons.ComparisonSerializer: {
        "start_date": MOMENT,
        "end_date": MOMENT,
        "contenders": each(ref("ComparedContender")),
        "progress": ref("Progress"),
        **WORKED,
    },
    comparisons.ComparisonDetailSerializer: {"result": or_null(ref("ComparisonResult"))},
    configurations.ConfigurationSerializer: {
        "parameters": FREE,
        "effective_until": or_null(MOMENT),
        "payable": YES_NO,
        "payable_periods": each(ref("PayablePeriod")),
        "created_by": or_null(TEXT),
    },
    configurations.ConfigurationDetailSerializer: {"trainings": each(ref("ConfigurationTraining"))},
}

VERSION = OpenApiParameter("version", {"type": "integer", "minimum": 0, "maximum": 10**9 - 1})
FORMAT = OpenApiParameter("format", {"type": "string", "enum": [*comparisons.FORMATS], "default": "json"})
RECORD, RUN = records.RecordDetailSerializer, runs.RunDetailSerializer

CALCULATION = {
    ("POST", "attribution/calculate"): Operation(
        "calculateAttribution",
        "Calculate what a lead's touches earn; nothing is stored",
        {200: ref("Calculation")},
        takes=CalculateSerializer,
        description="For the conversion named, or with a value given a hypothetical one now, or the lead's latest. "
        "`config` tries parameters without saving them.",
    ),
    ("POST", "attribution/calculate-and-save"): Operation(
        "calculateAndSaveAttribution",
        "Calculate a lead's conversions and store the records",
        {200: ref("SavedCalculations")},
        takes=CalculateAndSaveSerializer,
    ),
    ("GET", "attribution/batch"): Operation("listRuns", "List batch runs", {200: PageOf(runs.RunSerializer)}),
    ("POST", "attribution/batch"): Operation(
        "startRun", "Calculate many conversions in the background", {202: ref("RunStarted")}, runs.RunRequestSerializer
    ),
    ("GET", "attribution/batch/{run_id}"): Operation("getRun", "See how far a run is", {200: RUN}),
    ("POST", "attribution/batch/{run_id}/cancel"): Operation("cancelRun", "Cancel a run", {200: RUN}),
}
REVERSALS = {
    ("POST", "conversions/{id}/reverse"): Operation(
        "reverseConversion",
        "Reverse a conversion, in full or in part",
        {201: conversions.ReversalSerializer},
        takes=conversions.ReversalRequestSerializer,
        description="Without an amount: all that is left. Records that are not approved yet are calculated again on "
        "what is left; for the others `adjustments` are booked.",
    ),
    ("GET", "conversions/{id}/reversals"): Operation(
        "listReversals",
        "List a conversion's reversals",
        {200: PageOf(conversions.ReversalSerializer, filtered=False)},
    ),
}
RECORDS = {
    ("GET", "attributions"): Operation(
        "listAttributions", "List attribution records", {200: PageOf(records.RecordSerializer)}
    ),
    ("GET", "attributions/{id}"): Operation("getAttribution", "Get an attribution record", {200: RECORD}),
    ("PUT", "attributions/{id}"): Operation(
        "updateAttribution", "Change a record's status or payee", {200: RECORD}, records.RecordChangeSerializer
    ),
    ("PATCH", "attributions/{id}"): Operation(
        "changeAttribution", "Change a record's status or payee", {200: RECORD}, ref("AttributionChangeRequest")
    ),
    ("GET", "attributions/{id}/explain"): Operation(
        "explainAttribution",
        "Tell how a record came about, to the cent",
        {200: ref("Explanation")},
        description="To a partner or broker the rest of the journey is blurred.",
        refusals=(409,),
    ),
}
MODELS = {
    ("GET", "attribution/models"): Operation("listModels", "List the models", {200: PageOf(ref("Model"), "Model")}),
    ("GET", "attribution/models/{model}/config"): Operation(
        "getModelConfig",
        "Get a model's configuration",
        {200: configurations.ConfigurationDetailSerializer},
        description="The one in effect, or the version that is asked for.",
        parameters=(VERSION,),
    ),
    ("GET", "attribution/models/{model}/config/history"): Operation(
        "listModelConfigs", "List a model's configurations", {200: PageOf(configurations.ConfigurationSerializer)}
    ),
    ("POST", "attribution/models/config"): Operation(
        "setModelConfig",
        "Add a configuration",
        {201: configurations.ConfigurationDetailSerializer},
        takes=configurations.ConfigurationRequestSerializer,
        description="A new version: none is ever changed.",
        refusals=(404,),
    ),
    ("GET", "attribution/trainings"): Operation(
        "listTrainings", "List trainings of the data-driven model", {200: PageOf(trainings.TrainingSerializer)}
    ),
    ("POST", "attribution/trainings"): Operation(
        "startTraining",
        "Train the data-driven model",
        {202: ref("TrainingStarted")},
        takes=trainings.TrainingRequestSerializer,
    ),
    ("GET", "attribution/trainings/{training_id}"): Operation(
        "getTraining", "Get a training, with what was learnt", {200: trainings.TrainingDetailSerializer}
    ),
    ("GET", "attribution/comparisons"): Operation(
        "listComparisons", "List comparisons", {200: PageOf(comparisons.ComparisonSerializer)}
    ),
    ("POST", "attribution/comparisons"): Operation(
        "startComparison",
        "Compare what several configurations would have given",
        {202: ref("ComparisonStarted")},
        takes=comparisons.ComparisonRequestSerializer,
        headers={"Location": "Where the comparison is to be asked about."},
    ),
    ("GET", "attribution/comparisons/{comparison_id}"): Operation(
        "getComparison",
        "Get a comparison, with its result once there is one",
        {200: comparisons.ComparisonDetailSerializer},
        parameters=(FORMAT,),
        answers_also={"text/csv": TEXT_FILE},
        refusals=(409,),
    ),
    ("DELETE", "attribution/comparisons/{comparison_id}"): Operation(
        "deleteComparison", "Delete a comparison of one's own", {204: None}
    ),
}
OPERATIONS = CALCULATION | REVERSALS | RECORDS | MODELS
