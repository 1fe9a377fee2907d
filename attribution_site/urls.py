"""Every route."""

from django.contrib import admin
from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from attribution.api.calculation import CalculationViewSet
from attribution.api.comparisons import ComparisonViewSet
from attribution.api.configurations import ConfigurationViewSet
from attribution.api.conversions import ConversionViewSet
from attribution.api.metrics import metrics
from attribution.api.records import RecordViewSet
from attribution.api.runs import RunViewSet
from attribution.api.trainings import TrainingViewSet
from attribution_site import health
from attribution_site.api import errors
from attribution_site.api.schema import pages
from attribution_site.saved_filters import views as saved_filters
from attribution_site.signing_in import account
from attribution_site.signing_in import views as signing_in
from conversions.api import TouchpointViewSet
from disputes.admin.leads import lead_page
from disputes.api import AdjustmentViewSet, DisputeViewSet, EvidenceViewSet, MessageViewSet
from partners.api import BrokerViewSet, KeyViewSet, PartnerViewSet
from partners.webhooks.api import DeliveryViewSet, WebhookViewSet
from payouts.admin import statements
from payouts.api import BankAccountViewSet, PayoutViewSet, StatementViewSet
from reports.admin import dispute_report, search
from reports.api import ReportViewSet, SpendViewSet
from touchpoints.tracking import views as tracking
from touchpoints.tracking.api import VisitorViewSet


class Router(SimpleRouter):
    """A view with `replace` takes a PUT where its list is."""

    def get_method_map(self, viewset, method_map):
        of_list = "list" in method_map.values()
        return super().get_method_map(viewset, {**method_map, "put": "replace"} if of_list else method_map)


router = Router(trailing_slash=False)
router.register("touchpoints", TouchpointViewSet, "touchpoint")
router.register("conversions", ConversionViewSet, "conversion")
router.register("attribution/batch", RunViewSet, "run")
router.register("attribution/trainings", TrainingViewSet, "training")
router.register("attribution/comparisons", ComparisonViewSet, "comparison")
router.register("attribution", CalculationViewSet, "calculation")
router.register("attributions", RecordViewSet, "attribution")
router.register("partners", PartnerViewSet, "partner")
router.register("brokers", BrokerViewSet, "broker")
router.register("webhooks", WebhookViewSet, "webhook")
router.register("keys", KeyViewSet, "key")
router.register("disputes", DisputeViewSet, "dispute")
router.register("adjustments", AdjustmentViewSet, "adjustment")
router.register("payouts", PayoutViewSet, "payout")
router.register("bank-accounts", BankAccountViewSet, "bank-account")
router.register("spend", SpendViewSet, "spend")
router.register("visitors", VisitorViewSet, "visitor")

TOUCHPOINTS_OF_LEAD = r"^leads/(?P<lead_id>[^/\x00-\x1f\x7f]{1,64})/touchpoints\Z"
DELIVERIES = "webhooks/<webhook_id>/deliveries"
EVIDENCE, MESSAGES = "disputes/<dispute_id>/evidence", "disputes/<dispute_id>/messages"
touchpoints_of_lead = TouchpointViewSet.as_view({"get": "list"}, keyset=("timestamp", "id"))
api = [
    re_path(TOUCHPOINTS_OF_LEAD, touchpoints_of_lead, name="lead-touchpoints"),
    path("reports/attribution", ReportViewSet.as_view({"get": "attribution"}), name="report-attribution"),
    path("reports/attribution/<pk>", ReportViewSet.as_view({"get": "retrieve"}, detail=True), name="report-detail"),
    path("attribution/models", ConfigurationViewSet.as_view({"get": "models"}), name="models"),
    path("attribution/models/config", ConfigurationViewSet.as_view({"post": "create"}), name="config-create"),
    path("attribution/models/<model>/config", ConfigurationViewSet.as_view({"get": "current"}), name="config"),
    path("attribution/models/<model>/config/history", ConfigurationViewSet.as_view({"get": "history"}), name="configs"),
    path(DELIVERIES, DeliveryViewSet.as_view({"get": "list"}), name="deliveries"),
    path(f"{DELIVERIES}/<pk>", DeliveryViewSet.as_view({"get": "retrieve"}, detail=True), name="delivery"),
    path(f"{DELIVERIES}/<pk>/replay", DeliveryViewSet.as_view({"post": "replay"}, detail=True), name="replay"),
    path(EVIDENCE, EvidenceViewSet.as_view({"get": "list", "post": "create"}), name="evidence"),
    path(f"{EVIDENCE}/<evidence_id>", EvidenceViewSet.as_view({"get": "retrieve"}, detail=True), name="evidence-item"),
    path(
        f"{EVIDENCE}/<evidence_id>/content",
        EvidenceViewSet.as_view({"get": "content"}, detail=True),
        name="evidence-content",
    ),
    path("statements", StatementViewSet.as_view({"get": "statement"}), name="statement"),
    path(MESSAGES, MessageViewSet.as_view({"get": "list", "post": "create"}), name="messages"),
    *router.urls,
]

sign_in = [
    path("", account.overview, name="sign-in"),
    path("code/", signing_in.code, name="sign-in-code"),
    path("cancel/", signing_in.cancel, name="sign-in-cancel"),
    path("set-up/", account.set_up, name="sign-in-set-up"),
    path("recovery-codes/", account.renew_codes, name="sign-in-codes"),
    path("turn-off/", account.turn_off, name="sign-in-off"),
    path("sign-out-everywhere/", account.sign_out_everywhere, name="sign-out-everywhere"),
]

# Pages of the back office that are about no one table. Before Django's own, whose search they take the place of.
console = [
    path("touchpoints/lead/<path:lead_id>/", admin.site.admin_view(lead_page), name="lead-page"),
    path("search/", admin.site.admin_view(search.search), name="search-everything"),
    path("dispute-report/", admin.site.admin_view(dispute_report.page), name="dispute-report"),
    path("dispute-report/<section>.csv", admin.site.admin_view(dispute_report.as_csv), name="dispute-report-csv"),
    path("statements/", admin.site.admin_view(statements.page), name="statement-page"),
    path("statements/file.<form>", admin.site.admin_view(statements.file), name="statement-file"),
    path("saved-filters/", admin.site.admin_view(saved_filters.save), name="saved-filters"),
    path("saved-filters/<int:pk>/", admin.site.admin_view(saved_filters.change), name="saved-filter"),
]

urlpatterns = [
    # Before the admin's own page of this address.
    path("admin/login/", signing_in.login),
    path("admin/sign-in/", include(sign_in)),
    path("admin/", include(console)),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics),
    path("api/v1/attribution/", include(api)),
    path("api/schema", pages.schema, name="api-schema"),
    path("api/docs", pages.Docs.as_view(), name="api-docs"),
    path("t/collect", tracking.collect, name="tracking-collect"),
    path("t/<str:code>.gif", tracking.pixel, name="tracking-pixel"),
    path("t/<str:code>", tracking.follow, name="tracking-link"),
    # Also keeps Django from trying a path of the API again with a slash behind it.
    re_path(r"^api(/|\Z)", errors.not_found),
]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
