"""From a touch to an explained commission and a dispute about it, with the client that openapi-python-client makes of
the schema:

openapi-python-client generate --url https://…/api/schema --config config.yml --meta none
ATTRIBUTION_URL=https://… ATTRIBUTION_KEY=atk_… ATTRIBUTION_DECIDER_KEY=atk_… python walk.py
"""

import datetime as dt
import json
import os
import uuid

from attribution_client import AuthenticatedClient
from attribution_client.api.attribution import calculate_and_save_attribution, calculate_attribution
from attribution_client.api.attributions import explain_attribution, list_attributions
from attribution_client.api.conversions import create_conversion
from attribution_client.api.disputes import create_dispute, resolve_dispute
from attribution_client.api.reports import generate_attribution_report
from attribution_client.api.touchpoints import create_touchpoint
from attribution_client.models import (
    AttributionModel,
    CalculateAndSaveRequest,
    CalculateRequest,
    ConversionRequest,
    ConversionType,
    DisputeClaimRequest,
    DisputeClaimRequestEvidence,
    DisputeDecided,
    DisputeDecisionRequest,
    DisputeResolutionRequest,
    DisputeType,
    PayeeType,
    Refusal,
    SettlementWay,
    TouchpointRequest,
    TouchpointType,
)


def answered(answer):
    """What was answered; a refusal becomes an error that says why."""
    if answer is None or isinstance(answer, Refusal):
        reasons = answer.errors if answer else []
        raise RuntimeError("; ".join(f"{reason.attr}: {reason.detail}" for reason in reasons))
    return answer


def client_with(key):
    return AuthenticatedClient(
        base_url=f"{os.environ['ATTRIBUTION_URL']}/api/v1/attribution",
        token=key,
        prefix="Api-Key",
        raise_on_unexpected_status=True,
    )


api = client_with(os.environ["ATTRIBUTION_KEY"])

# 1. A touchpoint. The idempotency key makes it safe to send the request again.
touchpoint = answered(
    create_touchpoint.sync(
        client=api,
        idempotency_key=str(uuid.uuid4()),
        body=TouchpointRequest(
            lead_id="lead-123",
            session_id="sess-456",
            channel=TouchpointType.PAID_SEARCH,
            source="google",
            medium="cpc",
            campaign="home-insurance-q4",
            term="home insurance quotes",
            referral_code="PARTNER001",
            partner_id="partner-abc",
        ),
    )
)

# 2. A conversion.
sale = ConversionRequest(
    lead_id="lead-123",
    type_=ConversionType.POLICY_BOUND,
    value=1500.00,
    currency="USD",
    policy_id="policy-789",
    policy_number="POL-2024-001",
    commission_rate=0.10,
)
conversion = answered(create_conversion.sync(client=api, body=sale))

# 3. Who would get what: nothing is stored.
trial = CalculateRequest(
    lead_id="lead-123", model=AttributionModel.POSITION_BASED, conversion_value=1500.00, commission_rate=0.10
)
calculation = answered(calculate_attribution.sync(client=api, body=trial))

# 4. A report.
today = dt.datetime.now(dt.UTC).date().isoformat()
report = answered(
    generate_attribution_report.sync(
        client=api,
        start_date=today,
        end_date=today,
        model=AttributionModel.POSITION_BASED,
        channel=TouchpointType.PAID_SEARCH,
    )
)

# 5. Why a record is what it is, a dispute about it, and its resolution.
saved = CalculateAndSaveRequest(lead_id="lead-123", conversion_id=conversion.id)
answered(calculate_and_save_attribution.sync(client=api, body=saved))
records = answered(
    list_attributions.sync(client=api, conversion_id=conversion.id, model=AttributionModel.POSITION_BASED)
)
record = next(each for each in records.results if each.touchpoint_id == touchpoint.id)
explanation = answered(explain_attribution.sync(record.id, client=api))

claim = DisputeClaimRequest(
    attribution_id=record.id,
    dispute_type=DisputeType.PARTNER,
    reason="Incorrect channel attribution",
    evidence=DisputeClaimRequestEvidence.from_dict(
        {
            "originalSource": "partner_referral",
            "attributedChannel": "direct",
            "timestamps": [touchpoint.timestamp.isoformat()],
        }
    ),
)
dispute = answered(create_dispute.sync(client=api, body=claim))
resolution = DisputeResolutionRequest(
    status=DisputeDecided.RESOLVED,
    resolution="Adjusted attribution to correct channel",
    # A quarter of the touch goes to the house.
    adjustments=DisputeDecisionRequest(
        way=SettlementWay.SPLIT, touchpoint_id=touchpoint.id, payee_type=PayeeType.HOUSE, percentage=25
    ),
    resolved_by="admin-user",
)
# With another key: who files a dispute never decides it.
decider = client_with(os.environ["ATTRIBUTION_DECIDER_KEY"])
resolved = answered(resolve_dispute.sync(dispute.id, client=decider, body=resolution))

print(
    json.dumps(
        {
            "touchpoint": str(touchpoint.id),
            "conversion": {"id": str(conversion.id), "commissionAmount": conversion.commission_amount},
            "calculation": [{"percentage": s.percentage, "revenue": s.revenue} for s in calculation.attributions],
            "report": {"id": str(report.report_id), "totalConversions": report.summary.total_conversions},
            "record": {"model": record.model, "commissionAmount": record.commission_amount},
            "explanation": explanation.in_words,
            "dispute": {
                "id": str(dispute.id),
                "status": resolved.status,
                "resolvedBy": resolved.resolved_by,
                "changes": [[change.payee_type, change.commission_after] for change in resolved.changes],
            },
        }
    )
)
