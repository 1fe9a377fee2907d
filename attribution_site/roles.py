"""Who may do what, in two tables: the staff's roles, as Django groups, and the scopes of programs' keys."""

from django.apps import apps as registry
from django.contrib.auth.management import create_permissions

READ_ALL = [
    "partners.view_partner",
    "partners.view_broker",
    "touchpoints.view_touchpoint",
    "touchpoints.view_trackedsite",
    "touchpoints.view_trackinglink",
    "conversions.view_conversion",
    "conversions.view_reversal",
    "attribution.view_attributionrecord",
    "attribution.view_adjustment",
    "attribution.view_run",
    "attribution.view_shard",
    "attribution.view_finding",
    "attribution.view_comparison",
    "attribution.view_modelconfig",
    "attribution.view_payablemodel",
    "attribution.view_training",
    "attribution.view_verification",
    "attribution.view_settlement",
    "disputes.view_dispute",
    *(f"payouts.view_{kind}" for kind in ("payout", "payoutrun", "entry", "proposal", "hold", "export", "bankfile")),
    "payouts.view_bankaccount",  # masked
    "payouts.view_reconciliation",
    *(f"payouts.view_{kind}" for kind in ("terms", "payeegroup", "groupmembership", "approvalrule")),
    "reports.view_report",
    "reports.view_spend",
]

# Who may try models out in the lab: nothing of it is ever paid, but it takes a worker.
TRY_OUT = ["attribution.add_comparison", "attribution.delete_comparison"]

# Which keys there are is for the staff: no key of a program reads of others.
READ_KEYS = ["partners.view_apikey"]

# Whoever knows a webhook's URL may be able to write to it: as with keys, the scope "read" is not enough.
READ_WEBHOOKS = ["partners.view_webhookendpoint", "partners.view_webhookmessage"]
WRITE_WEBHOOKS = [f"partners.{verb}_webhookendpoint" for verb in ("add", "change", "delete")]

# To file one, and to take part in it. Deciding is a permission of its own.
WRITE_DISPUTES = ["disputes.add_dispute", "disputes.change_dispute"]

WRITE_SPEND = ["reports.add_spend", "reports.change_spend"]

# What is agreed with payees, and what is approved by rule.
AGREEMENTS = ("terms", "payeegroup", "groupmembership", "approvalrule")

# Who has one of these moves money, or makes others who do. They sign in with a second factor, and their sessions end
# sooner. What comes to move money is one more line here; tests/site/test_permissions_of_money.py wants each permission
# said to do so or not to.
MOVES_MONEY = (
    "attribution.change_attributionrecord",  # approve
    "attribution.add_modelconfig",  # by which rule it is shared, and by which model it is paid
    "attribution.add_training",
    "conversions.add_conversion",
    "conversions.change_conversion",
    "conversions.add_reversal",
    "disputes.resolve_dispute",
    "payouts.add_payoutrun",
    "payouts.change_payout",
    "payouts.approve_payout",
    *(f"payouts.{verb}_{kind}" for kind in ("proposal", "hold", "bankaccount") for verb in ("add", "change")),
    *(f"payouts.{verb}_{kind}" for kind in AGREEMENTS for verb in ("add", "change")),
    # Whose money it is, and the keys of programs that may do all of this.
    *(f"partners.{verb}_{kind}" for verb in ("add", "change") for kind in ("partner", "broker")),
    "partners.add_apikey",
    *(f"auth.{verb}_{kind}" for verb in ("add", "change") for kind in ("user", "group")),
    # What beat runs, a person chooses here.
    "django_celery_beat.add_periodictask",
    "django_celery_beat.change_periodictask",
)

READ_SIGN_INS = ["axes.view_accesslog", "axes.view_accessfailurelog", "axes.view_accessattempt"]

# Who did what and from where is told to those who look after it, and to administrators.
READ_AUDIT = ["attribution_site.view_auditlog"]

# Making a key is left to administrators. Operations may end one that got out.
ROLES = {
    "Operations": [
        *READ_ALL,
        *READ_KEYS,
        *READ_WEBHOOKS,
        *WRITE_WEBHOOKS,
        *TRY_OUT,
        *WRITE_SPEND,
        "partners.change_apikey",
        "touchpoints.add_touchpoint",
        "touchpoints.change_touchpoint",
        "touchpoints.delete_touchpoint",
        "touchpoints.add_identity",
        *(f"touchpoints.{verb}_{kind}" for verb in ("add", "change") for kind in ("trackedsite", "trackinglink")),
        "conversions.add_conversion",
        "conversions.change_conversion",
        "conversions.add_reversal",
        "attribution.add_run",
        "attribution.change_run",
        *WRITE_DISPUTES,
        "disputes.resolve_dispute",
    ],
    "Finance": [
        *READ_ALL,
        *READ_KEYS,
        *READ_WEBHOOKS,
        *TRY_OUT,
        *WRITE_SPEND,
        "partners.add_partner",
        "partners.change_partner",
        "partners.add_broker",
        "partners.change_broker",
        "attribution.change_attributionrecord",
        "payouts.add_payoutrun",  # prepare
        "payouts.change_payout",  # submit, hold back, export, say that it is paid, void
        "payouts.approve_payout",  # of another's
        *(f"payouts.{verb}_{kind}" for verb in ("add", "change") for kind in ("proposal", "hold", "bankaccount")),
        *(f"payouts.{verb}_{kind}" for verb in ("add", "change") for kind in AGREEMENTS),
    ],
    "Analyst": [*READ_ALL, *READ_KEYS, *READ_WEBHOOKS, *TRY_OUT],
    "Auditor": [*READ_ALL, *READ_KEYS, *READ_WEBHOOKS, *READ_SIGN_INS, *READ_AUDIT],
}

# The scopes of a key (`partners.models.Scope`): of programs that work for the house …
SCOPES = {
    "ingest": ["touchpoints.add_touchpoint", "touchpoints.add_identity", "conversions.add_conversion"],
    "read": READ_ALL,
    "touchpoints:write": [
        *(f"touchpoints.{verb}_touchpoint" for verb in ("add", "change", "delete")),
        "touchpoints.add_identity",
    ],
    "conversions:write": [
        "conversions.add_conversion",
        "conversions.change_conversion",
        "conversions.add_reversal",
    ],
    "attribution:write": [*TRY_OUT, "attribution.add_run", "attribution.change_run"],
    "records:write": ["attribution.change_attributionrecord"],
    "partners:write": [f"partners.{verb}_{kind}" for verb in ("add", "change") for kind in ("partner", "broker")],
    "spend:write": WRITE_SPEND,
    "configurations:write": ["attribution.add_modelconfig", "attribution.add_training"],
    "webhooks:write": [*READ_WEBHOOKS, *WRITE_WEBHOOKS],
    "disputes:write": [*WRITE_DISPUTES, "disputes.view_dispute", "disputes.resolve_dispute"],
}
# … and of those of a partner or broker, who meet only what is their own.
BOUND_SCOPES = {
    "ingest": ["touchpoints.add_touchpoint"],
    "partner": [
        "partners.view_partner",
        "partners.view_broker",
        *(f"partners.{verb}_apikey" for verb in ("view", "add", "change")),
        *READ_WEBHOOKS,
        *WRITE_WEBHOOKS,
        *(f"touchpoints.{verb}_touchpoint" for verb in ("view", "add", "change", "delete")),
        "attribution.view_attributionrecord",
        "attribution.view_adjustment",
        "disputes.view_dispute",
        *WRITE_DISPUTES,
        "payouts.view_payout",
        "payouts.view_terms",
        "payouts.view_bankaccount",
        "payouts.add_bankaccount",  # propose: the house confirms
    ],
}


def moves_money(user):
    return user.is_superuser or any(user.has_perm(permission) for permission in MOVES_MONEY)


def permissions_of(scopes, *, is_bound):
    """The permissions that a key with these scopes has."""
    table = BOUND_SCOPES if is_bound else SCOPES
    return frozenset(permission for scope in scopes for permission in table.get(scope, ()))


def sync_roles(*, app_config, using, apps=registry, **_):
    """Give each role exactly its permissions. Runs after every migrate, once the last app has its own."""
    if app_config.label != "reports":
        return
    create_permissions(app_config, apps=apps, using=using, verbosity=0)
    group_model = apps.get_model("auth", "Group")
    permissions = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in apps.get_model("auth", "Permission").objects.using(using).select_related("content_type")
    }
    for name, wanted in ROLES.items():
        group, _created = group_model.objects.using(using).get_or_create(name=name)
        group.permissions.set([permissions[label] for label in wanted])
