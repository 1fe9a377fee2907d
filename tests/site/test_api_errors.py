"""One shape of refusal, whoever refuses: a view, REST framework, Django itself."""

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from attribution_site import urls
from attribution_site.api import errors
from attribution_site.errors import DomainError
from tests.api import BASE, refused
from tests.factories import UserFactory


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1/attribution",
        f"{BASE}/",
        f"{BASE}/nothing",
        f"{BASE}/touchpoints/",
        f"{BASE}/conversions/",
        f"{BASE}/attribution/batch/",
        f"{BASE}/leads/lead%00/touchpoints",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_paths_answer_in_json_and_are_never_redirected(api, path, method):
    response = api.generic(method, path)
    assert response.status_code == 404
    assert refused(response) == {(None, "not_found")}


def test_debugging_shows_no_pages_under_the_api_either(api, settings):
    settings.DEBUG = True
    response = api.get("/api/v1/attribution/nothing")
    assert (response.status_code, refused(response)) == (404, {(None, "not_found")})


def test_csrf_is_asked_of_sessions(db):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory(role="Operations"))
    response = client.post(f"{BASE}/touchpoints", {"leadId": "lead-123", "channel": "email"})
    assert response.status_code == 403
    assert refused(response) == {(None, "permission_denied")}


def test_anonymous_is_asked_who_they_are(db):
    response = APIClient().get(f"{BASE}/touchpoints")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Api-Key"
    assert refused(response) == {(None, "not_authenticated")}


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "touchpoints"), ("PUT", "conversions"), ("POST", "attributions"), ("GET", "attribution/calculate")],
)
def test_a_method_that_a_path_does_not_have_is_405(api, method, path):
    response = api.generic(method, f"{BASE}/{path}")
    assert response.status_code == 405
    assert refused(response) == {(None, "method_not_allowed")}


def test_options_tells_nothing(api):
    assert api.options(f"{BASE}/touchpoints").status_code == 405


def test_a_wrong_host_is_a_bad_request_in_json(api):
    response = api.get(f"{BASE}/touchpoints", headers={"host": "elsewhere.example"})
    assert response.status_code == 400
    assert refused(response) == {(None, "bad_request")}


def test_html_is_not_what_the_api_speaks(api):
    response = api.get(f"{BASE}/touchpoints", headers={"accept": "text/html"})
    assert response.status_code == 406
    assert refused(response) == {(None, "not_acceptable")}


def test_a_crash_is_a_500_in_json_without_its_words(api, monkeypatch):
    def crash(self, request, **kwargs):
        raise RuntimeError("secret detail")

    view = next(p.callback for p in urls.router.urls if p.name == "partner-list")
    monkeypatch.setattr(view.cls, "list", crash)
    api.raise_request_exception = False
    response = api.get(f"{BASE}/partners")
    assert response.status_code == 500
    assert refused(response) == {(None, "error")}
    assert b"secret" not in response.content


@pytest.mark.parametrize(
    ("view", "status"),
    [(errors.bad_request, 400), (errors.permission_denied, 403), (errors.not_found, 404), (errors.server_error, 500)],
)
def test_pages_outside_of_the_api_keep_djangos_own_errors(view, status):
    assert [urls.handler400, urls.handler403, urls.handler404, urls.handler500].count(view) == 1
    extra = [] if view is errors.server_error else [Exception("why")]
    outside = view(RequestFactory().get("/admin/nothing"), *extra)
    inside = view(RequestFactory().get("/api/nothing"), *extra)
    assert (outside.status_code, outside["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert (inside.status_code, inside["Content-Type"]) == (status, "application/json")


def test_a_domain_error_is_a_409_with_its_code_and_words():
    class Taken(DomainError):
        code = "taken"

    error = errors.as_api_error(Taken("It is taken."))
    assert error.status_code == 409
    assert errors.described(error) == [{"code": "taken", "detail": "It is taken.", "attr": None}]
