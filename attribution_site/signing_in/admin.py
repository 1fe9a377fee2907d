"""Who signed in, who failed to and who is locked out: read, never written. An administrator unlocks."""

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from axes.utils import reset
from django.contrib import admin, messages
from django_otp.plugins.otp_static import admin as static_admin  # noqa: F401
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp import admin as totp_admin  # noqa: F401
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.decorators import display

# Importing their admin above registered them, and it shows secrets. A device is removed on its user's page.
admin.site.unregister([TOTPDevice, StaticDevice])


class ReadOnly(ModelAdmin):
    search_fields = ["username", "ip_address"]
    search_help_text = "user name, address"
    list_filter = ["attempt_time"]
    list_filter_submit = True
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(AccessLog)
class SignInAdmin(ReadOnly):
    list_display = ["attempt_time", "username", "step", "ip_address", "logout_time", "user_agent"]
    fields = ["attempt_time", "username", "step", "ip_address", "logout_time", "user_agent", "path_info"]
    empty_title = "Nobody has signed in yet"

    @display(description="By", ordering="path_info")
    def step(self, log):
        if log.path_info.endswith("/login/"):
            return "Password"
        return "Second factor" if "/sign-in/" in log.path_info else "–"


@admin.register(AccessFailureLog)
class FailedSignInAdmin(ReadOnly):
    list_display = ["attempt_time", "username", "ip_address", "path_info", "locked_out", "user_agent"]
    fields = list_display
    list_filter = ["attempt_time", "locked_out"]
    empty_title = "No sign-in has failed"


@admin.register(AccessAttempt)
class AttemptAdmin(ReadOnly):
    list_display = ["username", "ip_address", "failures_since_start", "attempt_time", "user_agent"]
    fields = list_display
    actions = ["unlock"]
    empty_title = "Nobody is being counted"

    @admin.action(
        description="Unlock: forget what was wrong of these names and from these addresses", permissions=["unlock"]
    )
    def unlock(self, request, queryset):
        for attempt in list(queryset):
            self.log_change(request, attempt, f"Unlocked {attempt.username} and {attempt.ip_address}.")
            reset(ip=attempt.ip_address, username=attempt.username, ip_or_username=True)
        messages.success(request, "Unlocked. They can try again now.")

    def has_unlock_permission(self, request):
        return request.user.is_superuser
