"""What is nobody's app: users, roles and the timetable, in the look of the rest. For administrators."""

from functools import partial

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.urls import path
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from attribution_site.audit import admin as audit  # noqa: F401 (registers its page)
from attribution_site.audit.history import WithAuditHistory
from attribution_site.signing_in.models import Authenticator
from attribution_site.signing_in.removal import remove_device

# Importing their admin above registered them, in Django's own look.
admin.site.unregister([User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule])


@admin.register(User)
class StaffAdmin(WithAuditHistory, UserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "email", "is_active", "is_superuser", "last_login"]

    def get_urls(self):
        view = self.admin_site.admin_view(partial(remove_device, self))
        return [path("<int:pk>/second-factor/", view, name="auth_user_second_factor"), *super().get_urls()]

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        context["device"] = obj and Authenticator.objects.filter(user=obj, confirmed=True).first()
        context["may_remove_device"] = request.user.is_superuser
        return super().render_change_form(request, context, add, change, form_url, obj)


@admin.register(Group)
class RoleAdmin(WithAuditHistory, GroupAdmin, ModelAdmin):
    pass


class TaskForm(beat.PeriodicTaskForm):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = UnfoldAdminSelectWidget(choices=self.fields["regtask"].choices)


@admin.register(PeriodicTask)
class TimetableAdmin(beat.PeriodicTaskAdmin, ModelAdmin):
    form = TaskForm


@admin.register(IntervalSchedule)
class IntervalAdmin(ModelAdmin):
    pass


@admin.register(CrontabSchedule)
class CrontabAdmin(beat.CrontabScheduleAdmin, ModelAdmin):
    pass
