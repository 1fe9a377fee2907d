"""Of each permission it is said whether who has it moves money, and so needs a second factor. A new one is for its
author to sort in: into `roles.MOVES_MONEY`, or here."""

import pytest
from django.contrib.auth.models import Permission, User

from attribution_site import roles

# Work that is done by people and programs, and moves nothing by itself: money follows from a calculation, or from what
# somebody else decides.
NO_MONEY = {
    *roles.TRY_OUT,
    *roles.WRITE_WEBHOOKS,
    *roles.WRITE_SPEND,
    *roles.WRITE_DISPUTES,
    "attribution.add_run",
    "attribution.change_run",
    "partners.change_apikey",  # ends one; another is made by who may add one
    *(f"touchpoints.{verb}_touchpoint" for verb in ("add", "change", "delete")),
    "touchpoints.add_identity",
    *(f"touchpoints.{verb}_{kind}" for verb in ("add", "change") for kind in ("trackedsite", "trackinglink")),
}
# Django makes permissions for every table. These are asked for nowhere: nobody writes there but the product itself, or
# administrators, who have a second factor whatever else they have.
NO_DOOR = """
    admin.logentry attribution.adjustment attribution.changedday attribution.dailycredit attribution.finding
    attribution.keptjourney attribution.payablemodel attribution.settlement attribution.settlementline
    attribution.shard attribution.verification attribution_site.keptanswer auth.permission axes.accessattempt
    axes.accessattemptexpiration axes.accessfailurelog axes.accesslog contenttypes.contenttype
    conversions.dailytouches disputes.evidence disputes.message disputes.party django_celery_beat.clockedschedule
    django_celery_beat.crontabschedule django_celery_beat.intervalschedule django_celery_beat.periodictasks
    django_celery_beat.solarschedule otp_static.staticdevice otp_static.statictoken otp_totp.totpdevice
    partners.webhookattempt partners.webhookmessage pghistory.context pghistory.events pghistory.middlewareevents
    payouts.approval payouts.bankfile payouts.download payouts.entry payouts.export payouts.exported payouts.leftout
    payouts.openentry payouts.payoutline payouts.reconciliation payouts.tobook reports.report
    saved_filters.savedfilter sessions.session signing_in.session touchpoints.changedday touchpoints.latelead
    touchpoints.linkday
""".split()  # noqa: SIM905
# The other verbs of tables that have a door for some.
NO_SUCH_DOOR = {
    *(f"attribution.{verb}_{kind}" for verb in ("change", "delete") for kind in ("modelconfig", "training")),
    "attribution.add_attributionrecord",
    "attribution.delete_attributionrecord",
    "attribution.change_comparison",
    "attribution.delete_run",
    "auth.delete_user",
    "auth.delete_group",
    "conversions.delete_conversion",
    "conversions.change_reversal",
    "conversions.delete_reversal",
    "disputes.delete_dispute",
    "django_celery_beat.delete_periodictask",
    *(f"partners.delete_{kind}" for kind in ("apikey", "broker", "partner")),
    "payouts.add_payout",
    "payouts.change_payoutrun",
    *(
        f"payouts.delete_{kind}"
        for kind in ("payout", "payoutrun", "proposal", "hold", "bankaccount", *roles.AGREEMENTS)
    ),
    "reports.delete_spend",
    "touchpoints.change_identity",
    *(f"touchpoints.delete_{kind}" for kind in ("identity", "trackedsite", "trackinglink")),
}


def is_sorted_in(label):
    app, _, codename = label.partition(".")
    verb, _, kind = codename.partition("_")
    # To read moves nothing, and tables of the audit log are written by triggers.
    by_nature = verb == "view" or kind.endswith("event")
    return by_nature or label in {*roles.MOVES_MONEY, *NO_MONEY, *NO_SUCH_DOOR} or f"{app}.{kind}" in NO_DOOR


@pytest.mark.django_db
def test_of_each_permission_it_is_said_whether_it_moves_money():
    known = {f"{p.content_type.app_label}.{p.codename}" for p in Permission.objects.select_related("content_type")}
    assert {label for label in known if not is_sorted_in(label)} == set()
    assert {*roles.MOVES_MONEY, *NO_MONEY, *NO_SUCH_DOOR} <= known, "one that is no more"


def test_none_is_said_to_do_both():
    assert not set(roles.MOVES_MONEY) & {*NO_MONEY, *NO_SUCH_DOOR}


def test_a_role_has_no_permission_without_a_door():
    given = {label for labels in roles.ROLES.values() for label in labels}
    assert {label for label in given if ".view_" not in label} <= {*roles.MOVES_MONEY, *NO_MONEY}


@pytest.mark.django_db
@pytest.mark.parametrize("codename", ["add_apikey", "add_reversal", "change_conversion", "add_modelconfig"])
def test_one_that_moves_money_is_enough(codename):
    user = User.objects.create_user("ana")
    assert not roles.moves_money(user)
    user.user_permissions.add(Permission.objects.get(codename=codename))
    assert roles.moves_money(User.objects.get(pk=user.pk))
