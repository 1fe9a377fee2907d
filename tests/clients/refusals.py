"""Why a request of the right form may be refused: what no schema can say, by operation.

Each line is a field and the code of the refusal, or the code alone where it is of the request as a whole. Whatever else
refuses such a request is a fault of the schema, or of the product."""

# It names what is not there, or not the asker's.
UNKNOWN_PAYEE = {f"{kind}Id {code}" for kind in ("partner", "broker") for code in ("unknown", "does_not_exist")}
UNKNOWN_CURRENCY = {"currency unknown_currency", "currency unsupported_currency"}
# Cursors are signed: only one that a list gave will do.
CURSOR = {"cursor invalid"}


def moment(*names):
    """The calendar has bounds that move with today."""
    return {f"{name} {code}" for name in names for code in ("too_early", "in_the_future", "out_of_range")}


PERIOD = moment("startDate", "endDate") | {"endDate end_before_start", "endDate period_too_long"}
# An id stays what it is; a body may hold it, as the answer to a reading does.
FIXED_ID = {"id fixed"}
# Which fields go together, or exclude one another.
PAYEE_BY_TYPE = {f"payeeId {code}" for code in ("required", "invalid", "does_not_exist", "inactive_payee")}
CLAIMANT = {"claimantId required", "claimantType required", "claimantId does_not_exist"}
# Of a model's parameters: what is a whole number by value may still be none by its form, and what is too large.
PARAMETERS = {f"{name} invalid" for name in ("lookbackSteps", "lookbackDaysByType", "minimumConversions", "parameters")}
# What a decision may do with the shares of the touches that are there.
DECISION = PAYEE_BY_TYPE | {
    *("touchpointId unknown_touchpoint", "touch required", "shares required", "shares repeated", "shares invalid"),
    *("percentage invalid", "shares exceeds_conversion", "shares unbalanced", "amount invalid"),
    *("touchpointId after_conversion", "amount exceeds_conversion"),
}
# A record's status changes by hand only in some ways; a change that changes nothing is none.
RECORD = PAYEE_BY_TYPE | {"invalid", "not_allowed_now"}
# Where a webhook may go: only outer https addresses.
ADDRESS = {"url not_allowed"}
WHOSE = {"partnerId fixed", "brokerId fixed", "brokerId one_payee"}
SALE = moment("occurredAt") | UNKNOWN_CURRENCY | {"value too_precise", "value out_of_range"}
TOUCH = moment("timestamp") | UNKNOWN_PAYEE | {"timestamp required", "timestamp too_old", "id reserved"}
# The old one goes on for some hours: the bounds are in words.
OVERLAP = {"overlapHours out_of_range"}

BEYOND_THE_SCHEMA: dict[str, set[str]] = {
    "DELETE /attribution/comparisons/{comparisonId}": {"not_yours"},
    "GET /adjustments": CURSOR,
    "GET /attributions": CURSOR,
    # The house has no role in a dispute.
    "GET /disputes": CURSOR | {"role only_for_payees"},
    "GET /leads/{leadId}/touchpoints": CURSOR,
    "GET /payouts": CURSOR
    | UNKNOWN_CURRENCY
    | {
        f"{name} {code}"
        for name in ("number", "partnerId", "brokerId")
        for code in ("invalid", "max_value", "min_value", "null_characters_not_allowed")
    },
    # A month or a quarter, or both days: and of whom, unless one asks of oneself.
    "GET /statements": CURSOR
    | {"period required", "period two_periods", "startDate required", "endDate required", "endDate no_period"}
    | {"partnerId required", "brokerId two_payees", "cursor no_pages", "pageSize no_pages"},
    # A section is of a CSV file, which has one table.
    "GET /reports/attribution": PERIOD | UNKNOWN_PAYEE | UNKNOWN_CURRENCY | {"section not_csv"},
    "GET /reports/attribution/{id}": {"section not_csv"},
    # A blank is no value.
    "GET /touchpoints": CURSOR | {"partnerId blank", "brokerId blank"},
    "GET /webhooks/{webhookId}/deliveries": CURSOR,
    "PATCH /attributions/{id}": RECORD,
    "PATCH /brokers/{id}": FIXED_ID,
    "PATCH /conversions/{id}": SALE,
    "PATCH /partners/{id}": FIXED_ID,
    # What names the touch cannot change.
    "PATCH /touchpoints/{id}": TOUCH | FIXED_ID | {"leadId fixed"},
    "PATCH /webhooks/{webhookId}": ADDRESS | WHOSE | {"events invalid_choice"},
    "POST /attribution/batch": moment("startDate", "endDate") | {"endDate invalid"},
    # A hypothetical conversion has a value and no id; a lead without conversions has nothing to calculate.
    "POST /attribution/calculate": PARAMETERS
    | UNKNOWN_CURRENCY
    | {f"{name} invalid" for name in ("conversionValue", "commissionRate", "conversionType", "config")}
    | {"conversionId unknown_conversion", "nothing_to_calculate"},
    "POST /attribution/calculate-and-save": {"conversionId unknown_conversion", "nothing_to_calculate"},
    "POST /attribution/comparisons": PERIOD
    | PARAMETERS
    | UNKNOWN_CURRENCY
    | {"model required", "version unknown_version", "repeated", "startDate no_conversions"},
    # A version changes something, from an instant that no other takes effect at, within ten years.
    "POST /attribution/models/config": PARAMETERS
    | {f"effectiveFrom {code}" for code in ("taken", "min_value", "max_value")}
    | {"parameters nothing_changes", "effectiveFrom reprices_approved"},
    "POST /attribution/trainings": moment("end")
    | {
        "configVersion unknown_version",
        "days no_conversions",
        "days before_configuration",
    },
    # One that is there already may be sent without its name.
    "POST /brokers": {"name required"},
    "POST /conversions": SALE,
    "POST /conversions/{id}/reverse": moment("occurredAt")
    | {"occurredAt before_conversion", "amount exceeds_conversion", "amount too_precise"},
    # In arrays each item may be of what is not there. One disputes a record, or for a missing touch a conversion.
    "POST /disputes": CLAIMANT
    | {"not_found", "claimantId not_yours", "conversionId invalid", "attributionId required", "conversionId required"}
    # Evidence is data of any form, but of texts.
    | {"evidence not_text", "not_text"},
    "POST /disputes/resolve": DECISION
    | {
        "not_found",
        "not_allowed_now",
        "id required",
        "rejection required",
        "rejection invalid",
        "resolvedBy not_yours",
    },
    # What a file is, is seen by its name and bytes.
    "POST /disputes/{disputeId}/evidence": {f"file {code}" for code in ("unsupported_type", "required", "bad_name")}
    | {"not_text", "too_deep", "too_large"},
    "POST /disputes/{disputeId}/messages": {
        *("body required", "to does_not_exist", "to not_for_payees", "internal not_for_payees", "to invalid"),
    },
    "POST /disputes/{id}/appeal": CLAIMANT | {"not_yours_to_do"},
    "POST /disputes/{id}/assign": {"assignedTo does_not_exist"},
    # Blanks say nothing.
    "POST /disputes/{id}/answer": CLAIMANT | {"answer required"},
    "POST /disputes/{id}/simulate": DECISION,
    "POST /disputes/{id}/withdraw": {"not_yours_to_do"},
    # Which scopes a key may have depends on whose it is.
    "POST /keys": UNKNOWN_PAYEE
    | {"scopes not_for_payees", "scopes payee_missing", "scopes more_than_yours"}
    | {"expiresAt in_the_past", "brokerId one_payee"},
    "POST /keys/{id}/rotate": OVERLAP,
    "POST /partners": {"name required"},
    # Which of its fields belong to the method, and what a bank's number is, has check digits and lists.
    "POST /bank-accounts": {
        f"{name} {code}"
        for name in ("holder", "currency", "accountType", "number", "routing", "bic", "payeeId", "payeeType")
        for code in ("invalid", "required", "does_not_exist", "not_for_payees", "blank")
    },
    "POST /payouts/{id}/approve": {"linesHash invalid"},
    "POST /payouts/{id}/pay": {"paidAt in_the_future", "paidAt invalid"},
    "POST /payouts/{id}/void": {"reason required"},
    # No two items of an array are about the same.
    "POST /spend": UNKNOWN_CURRENCY
    | UNKNOWN_PAYEE
    | moment("day")
    | {"amount too_precise", "amount out_of_range", "amount repeated"},
    "POST /touchpoints": TOUCH,
    # A partner is told of its part of what happens.
    "POST /webhooks": ADDRESS | UNKNOWN_PAYEE | {"events invalid_choice", "brokerId one_payee"},
    "POST /webhooks/{webhookId}/rotate-secret": OVERLAP,
    "PUT /attributions/{id}": RECORD,
    "PUT /brokers": {"name required", "id repeated"},
    "PUT /brokers/{id}": FIXED_ID | {"name required"},
    "PUT /conversions/{id}": SALE,
    # Whoever decides does so in their own name, and says why a dispute is rejected.
    "PUT /disputes/{id}/resolve": DECISION
    | {"resolvedBy not_yours", "resolvedBy not_allowed", "rejection required", "rejection invalid"}
    | {"adjustments invalid", "resolution required"},
    "PUT /partners": {"name required", "id repeated"},
    "PUT /partners/{id}": FIXED_ID | {"name required"},
    "PUT /touchpoints/{id}": TOUCH | FIXED_ID | {"leadId fixed"},
    "PUT /webhooks/{webhookId}": ADDRESS | WHOSE | {"events invalid_choice"},
}


def beyond_the_schema(operation, errors):
    """Whether each of them is of the kind that no schema of this operation can tell."""
    return BEYOND_THE_SCHEMA.get(operation, set()).issuperset(map(_reason, errors))


def _reason(error):
    """The last name in the path to what is refused; of an item of an array as a whole, the code alone."""
    *_, last = ["", *(error["attr"] or "").split(".")]
    return f"{last} {error['code']}" if last and not last.isdigit() else error["code"]
