"""Who is answered what by the routes outside `/api/v1`: each has its line, or the first test fails.

The admin's pages of tables are Django's own, under the permissions of their models.
"""

import pytest
from django.urls import URLPattern

from attribution_site import urls
from partners.operations import create_key
from tests.access.conftest import client_with
from tests.factories import PartnerFactory, TouchpointFactory
from tests.test_permissions import client_of, patterns

WHO = ("anonymous", "no role", "Operations", "superuser", "a partner's key")
EVERYBODY = (200, 200, 200, 200, 200)
# What only takes POST says so to everybody.
NO_GET = (405, 405, 405, 405, 405)
# A key is nobody in the back office, and nobody is sent to the sign-in.
STAFF = (302, 200, 200, 200, 302)
PERMITTED = (302, 403, 200, 200, 302)

# Pattern → the address that is asked, the statuses for WHO.
ROUTES = {
    "admin/dispute-report/": ("admin/dispute-report/", PERMITTED),
    "admin/dispute-report/<section>.csv": ("admin/dispute-report/weeks.csv", PERMITTED),
    # Who is signed in already goes on.
    "admin/login/": ("admin/login/", (200, 302, 302, 302, 200)),
    "admin/saved-filters/": ("admin/saved-filters/", (302, 405, 405, 405, 302)),
    "admin/saved-filters/<int:pk>/": ("admin/saved-filters/1/", (302, 405, 405, 405, 302)),
    "admin/search/": ("admin/search/", STAFF),
    "admin/sign-in/": ("admin/sign-in/", STAFF),
    "admin/sign-in/cancel/": ("admin/sign-in/cancel/", NO_GET),
    # Nobody here waits for a code.
    "admin/sign-in/code/": ("admin/sign-in/code/", (302, 302, 302, 302, 302)),
    "admin/sign-in/recovery-codes/": ("admin/sign-in/recovery-codes/", STAFF),
    "admin/sign-in/set-up/": ("admin/sign-in/set-up/", STAFF),
    "admin/sign-in/sign-out-everywhere/": ("admin/sign-in/sign-out-everywhere/", NO_GET),
    "admin/sign-in/turn-off/": ("admin/sign-in/turn-off/", STAFF),
    "admin/statements/": ("admin/statements/", PERMITTED),
    # Of which payee is not said.
    "admin/statements/file.<form>": ("admin/statements/file.csv", (302, 403, 400, 400, 302)),
    "admin/touchpoints/lead/<path:lead_id>/": ("admin/touchpoints/lead/lead-1/", PERMITTED),
    "api/docs": ("api/docs", EVERYBODY),
    "api/schema": ("api/schema", EVERYBODY),
    "healthz": ("healthz", EVERYBODY),
    "metrics": ("metrics", (401, 403, 200, 200, 401)),
    # No worker runs here, which everybody may know.
    "readyz": ("readyz", (503, 503, 503, 503, 503)),
    "t/<str:code>": ("t/nobody", (404, 404, 404, 404, 404)),
    # Whatever the code, there is a picture.
    "t/<str:code>.gif": ("t/nobody.gif", EVERYBODY),
    "t/collect": ("t/collect", NO_GET),
}


def elsewhere():
    """The patterns of all routes but those of the API, and of the admin's own site."""
    found = set()
    for each in urls.urlpatterns:
        text = str(each.pattern)
        if isinstance(each, URLPattern):
            found.add(text)
        elif not text.startswith("api/v1/") and each.app_name != "admin":
            found |= {path for path, _view in patterns(each, text)}
    return found - {r"^api(/|\Z)"}


def test_every_route_has_its_line():
    assert elsewhere() == set(ROUTES)


@pytest.mark.parametrize("who", WHO)
def test_each_route_answers_each_as_it_should(db, who):
    TouchpointFactory(lead_id="lead-1", partner_id=PartnerFactory(id="partner-abc").pk)
    if who == "a partner's key":
        client = client_with(create_key(name="n", scopes=["partner"], payee=("partner", "partner-abc"))[1])
    else:
        client = client_of(who)
    statuses = {pattern: client.get(f"/{path}").status_code for pattern, (path, _) in ROUTES.items()}
    assert statuses == {pattern: told[WHO.index(who)] for pattern, (_, told) in ROUTES.items()}
