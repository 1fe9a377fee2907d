"""Keys in the back office: made by a form, shown on one page, ended by a button."""

import datetime as dt
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.utils import timezone

from attribution_site.api import keys
from partners.models import ApiKey
from partners.operations import create_key, revoke_key
from tests.factories import PartnerFactory, UserFactory

ADD = "/admin/partners/apikey/add/"
LIST = "/admin/partners/apikey/"
FORM = {"name": "CRM", "scopes": ["read", "ingest"], "expires_at_0": "", "expires_at_1": ""}

pytestmark = pytest.mark.django_db


def shown_key(response):
    assert response.status_code == 200
    return re.search(r"<code[^>]*>(atk_[\w-]+)</code>", response.content.decode())[1]


def buttons(content):
    return {" ".join(text.split()) for text in re.findall(r"<button[^>]*>([^<]*)</button>", content)}


def page(key, view="change"):
    return f"/admin/partners/apikey/{key.pk}/{view}/"


def test_a_new_key_is_shown_on_the_page_after_the_form_and_works(admin_client, admin_user):
    response = admin_client.post(ADD, FORM)
    key = shown_key(response)
    assert keys.known.holder(key).scopes == {"read", "ingest"}
    assert "never again" in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert ApiKey.objects.get().created_by == admin_user


def test_the_key_is_in_no_page_history_or_session_afterwards(admin_client):
    key = shown_key(admin_client.post(ADD, FORM))
    stored = ApiKey.objects.get()
    for address in (LIST, page(stored), page(stored, "history"), ADD, "/admin/"):
        content = admin_client.get(address).content.decode()
        assert key not in content
        assert stored.digest not in content
    assert key not in str(list(LogEntry.objects.values()))
    assert key not in str([session.get_decoded() for session in Session.objects.all()])
    assert "_messages" not in admin_client.session


def test_a_key_of_a_partner_is_bound_to_it(admin_client):
    PartnerFactory(id="partner-a")
    key = shown_key(admin_client.post(ADD, FORM | {"partner_id": "partner-a", "scopes": ["partner"]}))
    assert keys.known.holder(key).payee == ("partner", "partner-a")


def test_the_form_explains_each_scope(admin_client):
    content = admin_client.get(ADD).content.decode()
    assert "ingest: Send touchpoints and conversions; read nothing" in content
    assert content.count('type="checkbox"') >= 11
    assert "Make the key" in buttons(content)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"scopes": ["partner"]}, "For whom?"),
        ({"scopes": ["read"], "partner_id": "partner-a"}, "partner and ingest only"),
        ({"partner_id": "nobody"}, "valid choice"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "passed"),
    ],
)
def test_a_refusal_is_shown_and_nothing_is_made(admin_client, change, text):
    PartnerFactory(id="partner-a")
    response = admin_client.post(ADD, FORM | change)
    assert response.status_code == 422
    assert text in response.content.decode()
    assert not ApiKey.objects.exists()


def test_rotation_asks_first_and_then_shows_the_new_key(admin_client):
    old, _ = create_key(name="CRM", scopes=["read"])
    asked = admin_client.get(page(old, "rotate")).content.decode()
    assert "Rotate CRM" in asked
    assert "Rotate" in buttons(asked)
    assert ApiKey.objects.count() == 1
    key = shown_key(admin_client.post(page(old, "rotate"), {"overlap_hours": "2"}))
    old.refresh_from_db()
    assert keys.known.holder(key).key_id == old.replaced_by_id
    assert old.expires_at - timezone.now() < dt.timedelta(hours=2)
    again = admin_client.post(page(old, "rotate"), {"overlap_hours": "2"})
    assert "replaced already" in again.content.decode()


def test_revoking_asks_first(admin_client):
    key, _ = create_key(name="CRM", scopes=["read"])
    asked = admin_client.get(page(key, "revoke")).content.decode()
    assert "Revoke CRM" in asked
    assert "Revoke for good" in buttons(asked)
    key.refresh_from_db()
    assert key.revoked_at is None
    assert admin_client.post(page(key, "revoke")).status_code == 302
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_the_buttons_are_there_as_long_as_they_do_something(admin_client):
    key, _ = create_key(name="CRM", scopes=["read"])
    assert "Revoke …" in admin_client.get(page(key)).content.decode()
    revoke_key(key_id=key.pk)
    content = admin_client.get(page(key)).content.decode()
    assert "Revoke …" not in content
    assert "Rotate …" not in content


def test_operations_may_revoke_and_not_make(client):
    client.force_login(UserFactory(role="Operations"))
    key, _ = create_key(name="CRM", scopes=["read"])
    assert client.post(ADD, FORM).status_code == 403
    assert client.post(page(key, "rotate"), {"overlap_hours": "2"}).status_code == 403
    content = client.get(page(key)).content.decode()
    assert "Revoke …" in content
    assert "Rotate …" not in content
    assert client.post(page(key, "revoke")).status_code == 302


@pytest.mark.parametrize("role", ["Finance", "Analyst", "Auditor"])
def test_others_of_the_staff_only_look(client, role):
    client.force_login(UserFactory(role=role))
    key, _ = create_key(name="CRM", scopes=["read"])
    assert client.get(LIST).status_code == client.get(page(key)).status_code == 200
    assert client.post(page(key, "revoke")).status_code == 403
    assert client.post(page(key), {"name": "Other"}).status_code == 403


def test_whoever_has_no_role_sees_no_key(client):
    client.force_login(UserFactory())
    key, _ = create_key(name="CRM", scopes=["read"])
    assert client.get(LIST).status_code == client.get(page(key)).status_code == 403


def test_the_list_is_filtered_and_searched(admin_client):
    PartnerFactory(id="partner-a", name="Lantern Compare")
    ours, _ = create_key(name="CRM", scopes=["read"])
    theirs, _ = create_key(name="feed", scopes=["ingest"], payee=("partner", "partner-a"))
    revoke_key(key_id=ours.pk)

    def found(**asked):
        return [key.name for key in admin_client.get(LIST, asked).context["cl"].result_list]

    assert found() == ["feed", "CRM"]
    assert found(state="revoked") == found(scope="read") == found(whose="house") == ["CRM"]
    assert found(q="Lantern") == found(whose="partner") == found(q=theirs.prefix) == ["feed"]


def test_a_list_costs_the_same_queries_for_one_row_and_for_many(admin_client, django_assert_max_num_queries):
    create_key(name="CRM", scopes=["read"])
    with django_assert_max_num_queries(8) as few:
        admin_client.get(LIST)
    for number in range(30):
        PartnerFactory(id=f"partner-{number}-k")
        create_key(name=f"{number}", scopes=["ingest"], payee=("partner", f"partner-{number}-k"))
    with django_assert_max_num_queries(len(few.captured_queries)):
        admin_client.get(LIST)


def test_the_page_of_a_partner_lists_its_keys_to_who_may_see_them(admin_client, client):
    PartnerFactory(id="partner-a")
    stored, _ = create_key(name="Its feed", scopes=["ingest"], payee=("partner", "partner-a"))
    content = admin_client.get("/admin/partners/partner/partner-a/change/").content.decode()
    assert str(stored) in content
    assert page(stored) in content
