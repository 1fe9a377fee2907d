// From a touch to an explained commission and a dispute about it, with types that are generated from the schema:
// ATTRIBUTION_URL=https://… ATTRIBUTION_KEY=atk_… ATTRIBUTION_DECIDER_KEY=atk_… npm run walk
import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

type Touchpoint = components["schemas"]["Touchpoint"];
type Refusal = components["schemas"]["Refusal"];

const { ATTRIBUTION_URL, ATTRIBUTION_KEY, ATTRIBUTION_DECIDER_KEY } = process.env;
if (!ATTRIBUTION_URL || !ATTRIBUTION_KEY || !ATTRIBUTION_DECIDER_KEY)
  throw new Error("Set ATTRIBUTION_URL, ATTRIBUTION_KEY and ATTRIBUTION_DECIDER_KEY.");

const api = createClient<paths>({
  baseUrl: `${ATTRIBUTION_URL}/api/v1/attribution`,
  headers: { Authorization: `Api-Key ${ATTRIBUTION_KEY}` },
});

/** What was answered; a refusal becomes an error that says why. */
function answered<T>({ data, error, response }: { data?: T; error?: Refusal; response: Response }): T {
  if (data !== undefined) return data;
  const why = error?.errors.map(({ attr, detail }) => (attr ? `${attr}: ${detail}` : detail)).join(" ");
  throw new Error(`${response.status} ${response.url}: ${why}`);
}

// 1. A touchpoint. The idempotency key makes it safe to send the request again.
const stored = answered(
  await api.POST("/touchpoints", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body: {
      leadId: "lead-123",
      sessionId: "sess-456",
      channel: "paid_search",
      source: "google",
      medium: "cpc",
      campaign: "home-insurance-q4",
      term: "home insurance quotes",
      referralCode: "PARTNER001",
      partnerId: "partner-abc",
    },
  }),
);
// An array in the body would be answered with what became of each item.
const touchpoint: Touchpoint = "leadId" in stored ? stored : fail("one touchpoint");

// 2. A conversion.
const conversion = answered(
  await api.POST("/conversions", {
    body: {
      leadId: "lead-123",
      type: "policy_bound",
      value: 1500.0,
      currency: "USD",
      policyId: "policy-789",
      policyNumber: "POL-2024-001",
      commissionRate: 0.1,
    },
  }),
);

// 3. Who would get what: nothing is stored.
const calculation = answered(
  await api.POST("/attribution/calculate", {
    body: { leadId: "lead-123", model: "position_based", conversionValue: 1500.0, commissionRate: 0.1 },
  }),
);

// 4. A report. With `format` it would be a file.
const today = new Date().toISOString().slice(0, 10);
const report = answered(
  await api.GET("/reports/attribution", {
    params: { query: { startDate: today, endDate: today, model: "position_based", channel: "paid_search" } },
  }),
);
if (typeof report === "string") throw new Error("A file was not asked for.");

// 5. Why a record is what it is, a dispute about it, and its resolution.
answered(await api.POST("/attribution/calculate-and-save", { body: { leadId: "lead-123", conversionId: conversion.id } }));
const records = answered(
  await api.GET("/attributions", { params: { query: { conversionId: conversion.id, model: "position_based" } } }),
);
const record = records.results.find(({ touchpointId }) => touchpointId === touchpoint.id) ?? fail("the touch's record");
const explanation = answered(await api.GET("/attributions/{id}/explain", { params: { path: { id: record.id } } }));

const filed = answered(
  await api.POST("/disputes", {
    body: {
      attributionId: record.id,
      disputeType: "partner",
      reason: "Incorrect channel attribution",
      evidence: { originalSource: "partner_referral", attributedChannel: "direct", timestamps: [touchpoint.timestamp] },
    },
  }),
);
// An array, or CSV, would be answered with what became of each item.
const dispute = typeof filed !== "string" && "number" in filed ? filed : fail("one dispute");
const resolved = answered(
  await api.PUT("/disputes/{id}/resolve", {
    params: { path: { id: dispute.id } },
    // With another key: who files a dispute never decides it.
    headers: { Authorization: `Api-Key ${ATTRIBUTION_DECIDER_KEY}` },
    body: {
      status: "resolved",
      resolution: "Adjusted attribution to correct channel",
      // A quarter of the touch goes to the house.
      adjustments: { way: "split", touchpointId: touchpoint.id, payeeType: "house", percentage: 25 },
      resolvedBy: "admin-user",
    },
  }),
);

function fail(missing: string): never {
  throw new Error(`There is no ${missing}.`);
}

console.log(
  JSON.stringify({
    touchpoint: touchpoint.id,
    conversion: { id: conversion.id, commissionAmount: conversion.commissionAmount },
    calculation: calculation.attributions.map(({ percentage, revenue }) => ({ percentage, revenue })),
    report: { id: report.reportId, totalConversions: report.summary.totalConversions },
    record: { model: record.model, commissionAmount: record.commissionAmount },
    explanation: explanation.inWords,
    dispute: {
      id: dispute.id,
      status: resolved.status,
      resolvedBy: resolved.resolvedBy,
      changes: resolved.changes.map(({ payeeType, commissionAfter }) => [payeeType, commissionAfter]),
    },
  }),
);
