"""Who may do what, under audit: users, roles, who is in which, and what each permits."""

from django.contrib.auth.models import Group, User

from attribution_site.audit.tracking import audited

OURS = {"app_label": "attribution_site"}


class OfDjango:
    """The tables are Django's; a proxy is what triggers can be declared on without a migration in Django's own app."""

    proxy = True
    default_permissions = ()


# Never the password's hash; and signing in is no change.
@audited(fields=["id", "username", "email", "is_active", "is_staff", "is_superuser"], name="PersonEvent", **OURS)
class Person(User):
    class Meta(OfDjango):
        verbose_name = "user"


@audited(name="RoleEvent", **OURS)
class Role(Group):
    class Meta(OfDjango):
        verbose_name = "role"


@audited(name="MembershipEvent", **OURS)
class Membership(User.groups.through):  # type: ignore[name-defined]
    class Meta(OfDjango):
        verbose_name = "role of a user"


@audited(name="PermittedEvent", **OURS)
class Permitted(Group.permissions.through):  # type: ignore[name-defined]
    class Meta(OfDjango):
        verbose_name = "permission of a role"


@audited(name="PersonPermittedEvent", **OURS)
class PersonPermitted(User.user_permissions.through):  # type: ignore[name-defined]
    class Meta(OfDjango):
        verbose_name = "permission of a user"
