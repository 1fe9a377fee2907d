"""The back office's looks and its sidebar, grouped by job. `settings.UNFOLD`."""

from django.templatetags.static import static
from django.urls import reverse, reverse_lazy
from django.utils.functional import SimpleLazyObject


def _list(title, icon, label):
    app, model = label.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": lambda request: request.user.has_perm(f"{app}.view_{model}"),
    }


def _webhooks_switched_off():
    """Beside the menu's line: how many webhooks gave up. Asked anew for each page, as the menu is copied for it."""
    from partners.models import WebhookEndpoint

    return WebhookEndpoint.objects.filter(status=WebhookEndpoint.Status.DISABLED).count()


def _disputes_overdue():
    """Beside the queues: what is due and nobody has done. Counted no further than a person reads."""
    from disputes.models import Dispute

    return Dispute.objects.overdue().order_by()[:1000].count()


def _accounts_waiting():
    """Beside the bank accounts: how many wait for a second person."""
    from payouts.models import BankAccount

    return BankAccount.objects.filter(status=BankAccount.Status.PROPOSED).order_by()[:1000].count()


def _page(title, icon, name, *permissions):
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name),
        "permission": lambda request: request.user.has_perms(permissions),
        "active": lambda request: request.path == reverse(name),
    }


def _in_queues(request):
    """The pages below have lines of their own."""
    return request.path.startswith(reverse("admin:disputes_dispute_changelist")) and not request.path.endswith("-csv/")


def _in_payouts(request):
    """The overview below has a line of its own."""
    payouts, overview = reverse("admin:payouts_payout_changelist"), reverse("admin:payouts_payout_overview")
    return request.path.startswith(payouts) and request.path != overview


def _group(title, *items):
    return {"title": title, "separator": True, "items": list(items)}


UNFOLD = {
    "SITE_TITLE": "Attribution",
    "SITE_HEADER": "Attribution",
    "SITE_SUBHEADER": "Who earned what",
    "SITE_SYMBOL": "hub",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("reports/icon.svg")}],
    "SITE_URL": None,
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "reports.dashboard.front_page",
    # Tailwind's blue: links and buttons stand apart from the neutral rest, on white and on black.
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254.604)",
            "100": "oklch(93.2% .032 255.585)",
            "200": "oklch(88.2% .059 254.128)",
            "300": "oklch(80.9% .105 251.813)",
            "400": "oklch(70.7% .165 254.624)",
            "500": "oklch(62.3% .214 259.815)",
            "600": "oklch(54.6% .245 262.881)",
            "700": "oklch(48.8% .243 264.376)",
            "800": "oklch(42.4% .199 265.638)",
            "900": "oklch(37.9% .146 265.522)",
            "950": "oklch(28.2% .091 267.935)",
        },
    },
    "ACCOUNT": {
        "navigation": [
            {"title": "Your sign-in", "link": reverse_lazy("sign-in")},
            {"title": "Change password", "link": reverse_lazy("admin:password_change")},
        ]
    },
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {"title": "Overview", "icon": "monitoring", "link": reverse_lazy("admin:index")},
                ]
            },
            _group(
                "Disputes",
                _list("Queues", "gavel", "disputes.dispute")
                | {"badge": SimpleLazyObject(_disputes_overdue), "badge_variant": "danger", "active": _in_queues},
                _page("File from CSV", "upload_file", "admin:disputes_dispute_file_csv", "disputes.add_dispute"),
                _page(
                    "Resolve from CSV", "rule_folder", "admin:disputes_dispute_resolve_csv", "disputes.resolve_dispute"
                ),
                _page(
                    "Dispute report", "query_stats", "dispute-report", "disputes.view_dispute", "reports.view_report"
                ),
            ),
            _group(
                "Leads",
                _list("Touchpoints", "ads_click", "touchpoints.touchpoint"),
                _list("Conversions", "task_alt", "conversions.conversion"),
                _list("Links", "link", "touchpoints.trackinglink"),
                _list("Sites", "language", "touchpoints.trackedsite"),
            ),
            _group(
                "Attribution",
                _list("Records", "pie_chart", "attribution.attributionrecord"),
                _list("Adjustments", "difference", "attribution.adjustment"),
                _list("Settlements", "balance", "attribution.settlement"),
                _list("Model lab", "science", "attribution.comparison"),
                _list("Runs", "bolt", "attribution.run"),
                _list("Findings", "rule", "attribution.finding"),
                _list("Verifications", "fact_check", "attribution.verification"),
                _list("Configurations", "tune", "attribution.modelconfig"),
                _list("Trainings", "school", "attribution.training"),
                _list("Payable model", "handshake", "attribution.payablemodel"),
            ),
            _group(
                "Payouts",
                _page("Overview", "space_dashboard", "admin:payouts_payout_overview", "payouts.view_payout"),
                _list("Payouts", "payments", "payouts.payout") | {"active": _in_payouts},
                _list("Payout runs", "playlist_add_check", "payouts.payoutrun"),
                _list("Bank files", "send_money", "payouts.export"),
                _page("Statements", "receipt", "statement-page", "payouts.view_payout"),
                _list("Ledger", "account_balance", "payouts.entry"),
                _list("Proposed adjustments", "edit_note", "payouts.proposal"),
                _list("Holds", "pan_tool", "payouts.hold"),
                _list("Terms", "contract", "payouts.terms"),
                _list("Groups", "groups", "payouts.payeegroup"),
                _list("Members of groups", "group_add", "payouts.groupmembership"),
                _list("Approval rules", "rule_settings", "payouts.approvalrule"),
                _list("Reconciliation", "balance", "payouts.reconciliation"),
                _list("Bank accounts", "account_balance", "payouts.bankaccount")
                | {"badge": SimpleLazyObject(_accounts_waiting), "badge_variant": "warning"},
            ),
            _group(
                "People",
                _list("Partners", "group", "partners.partner"),
                _list("Brokers", "support_agent", "partners.broker"),
                _list("Webhooks", "webhook", "partners.webhookendpoint")
                | {"badge": SimpleLazyObject(_webhooks_switched_off), "badge_variant": "danger"},
                _list("API keys", "key", "partners.apikey"),
            ),
            _group(
                "Reports",
                _list("Kept reports", "description", "reports.report"),
                _list("Spend", "receipt_long", "reports.spend"),
            ),
            _group("Control", _list("Audit log", "policy", "attribution_site.auditlog")),
            _group(
                "Administration",
                _list("Users", "person", "auth.user"),
                _list("Roles", "shield_person", "auth.group"),
                _list("Timetable", "schedule", "django_celery_beat.periodictask"),
                _list("Sign-ins", "login", "axes.accesslog"),
                _list("Failed sign-ins", "gpp_bad", "axes.accessfailurelog"),
                _list("Lock-outs", "lock_clock", "axes.accessattempt"),
            ),
        ],
    },
}
