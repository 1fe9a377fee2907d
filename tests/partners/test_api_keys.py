"""Keys by the API: shown once, never more than one has, and one's own only."""

import datetime as dt
import hashlib

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from attribution_site.api import keys
from partners.models import ApiKey
from partners.operations import create_key, revoke_key
from tests.access.conftest import client_with
from tests.api import BASE, refused
from tests.factories import BrokerFactory, PartnerFactory, UserFactory

URL = f"{BASE}/keys"
CRM = {"name": "CRM", "scopes": ["read"]}
FIELDS = {
    "id",
    "name",
    "prefix",
    "scopes",
    "partnerId",
    "brokerId",
    "status",
    "createdAt",
    "expiresAt",
    "lastUsedAt",
    "revokedAt",
    "replacedBy",
}


@pytest.fixture
def partner_a(db):
    """A client with a key of partner a; partner b and a broker are there as well."""
    PartnerFactory(id="partner-a"), PartnerFactory(id="partner-b"), BrokerFactory(id="broker-c")
    create_key(name="b", scopes=["partner"], payee=("partner", "partner-b"))
    return client_with(create_key(name="a", scopes=["partner"], payee=("partner", "partner-a"))[1])


def ago(**span):
    return timezone.now() - dt.timedelta(**span)


def test_a_key_is_shown_once_and_kept_as_its_digest(administrator):
    response = administrator.post(URL, CRM)
    made = response.json()
    assert (response.status_code, response["Cache-Control"]) == (201, "no-store")
    assert made.keys() == FIELDS | {"key"}
    assert made["key"].startswith(made["prefix"])
    assert ApiKey.objects.get().digest == hashlib.sha256(made["key"].encode()).hexdigest()
    for path in (URL, f"{URL}/{made['id']}"):
        told = administrator.get(path).content.decode()
        assert made["key"] not in told
        assert ApiKey.objects.get().digest not in told
    assert client_with(made["key"]).get(f"{BASE}/partners").status_code == 200


def test_the_listed_fields_are_these(administrator):
    create_key(name="CRM", scopes=["read", "ingest"])
    [told] = administrator.get(URL).json()["results"]
    assert told.keys() == FIELDS
    assert (told["scopes"], told["status"], told["replacedBy"]) == (["ingest", "read"], "active", None)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"scopes": ["read"]}, ("name", "required")),
        ({"name": "", "scopes": ["read"]}, ("name", "blank")),
        ({"name": "x" * 101, "scopes": ["read"]}, ("name", "max_length")),
        ({"name": "CRM"}, ("scopes", "required")),
        ({"name": "CRM", "scopes": []}, ("scopes", "empty")),
        ({"name": "CRM", "scopes": "read"}, ("scopes", "not_a_list")),
        ({"name": "CRM", "scopes": ["everything"]}, ("scopes.0", "invalid_choice")),
        ({"name": "CRM", "scopes": ["partner"]}, ("scopes", "payee_missing")),
        ({**CRM, "partnerId": "partner-a"}, ("scopes", "not_for_payees")),
        ({"name": "CRM", "scopes": ["partner"], "partnerId": "nobody"}, ("partnerId", "unknown")),
        ({"name": "CRM", "scopes": ["partner"], "brokerId": "partner-a"}, ("brokerId", "unknown")),
        ({"name": "C", "scopes": ["partner"], "partnerId": "partner-a", "brokerId": "b"}, ("brokerId", "one_payee")),
        ({**CRM, "expiresAt": "2026-01-01T00:00:00Z"}, ("expiresAt", "in_the_past")),
        ({**CRM, "expiresAt": "2036-01-01T00:00:00"}, ("expiresAt", "naive")),
        ({**CRM, "expires": "2036-01-01T00:00:00Z"}, ("expires", "unknown_field")),
    ],
)
def test_bad_input_is_refused_by_name(administrator, body, named):
    PartnerFactory(id="partner-a")
    response = administrator.post(URL, body)
    assert response.status_code == 400
    assert named in refused(response)
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("body", [{"digest": "x"}, {"prefix": "atk_mine"}, {"revokedAt": None}])
def test_what_the_server_alone_says_is_not_taken(administrator, body):
    response = administrator.post(URL, CRM | body)
    key = ApiKey.objects.first()
    assert response.status_code == 400 or key.prefix == response.json()["key"][:12] != "atk_mine"


def test_nobody_gives_a_scope_that_they_do_not_have(db):
    user = UserFactory(role="Operations")
    user.user_permissions.add(Permission.objects.get(codename="add_apikey"))
    client = APIClient()
    client.force_login(user)
    assert client.post(URL, {"name": "feed", "scopes": ["ingest"]}).status_code == 201
    approves = client.post(URL, {"name": "sly", "scopes": ["ingest", "records:write"]})
    assert refused(approves) == {("scopes", "more_than_yours")}
    stronger = create_key(name="finance", scopes=["records:write"])[0]
    assert refused(client.post(f"{URL}/{stronger.pk}/rotate")) == {("scopes", "more_than_yours")}


def test_a_partner_makes_reads_rotates_and_revokes_its_own(partner_a):
    made = partner_a.post(URL, {"name": "feed", "scopes": ["ingest"]}).json()
    assert (made["partnerId"], made["brokerId"]) == ("partner-a", None)
    assert {row["name"] for row in partner_a.get(URL).json()["results"]} == {"a", "feed"}
    rotated = partner_a.post(f"{URL}/{made['id']}/rotate", {"overlapHours": 1})
    assert (rotated.status_code, rotated.json()["partnerId"]) == (201, "partner-a")
    assert partner_a.post(f"{URL}/{made['id']}/revoke").json()["status"] == "revoked"


def test_a_partner_makes_keys_for_nobody_else(partner_a):
    asked = {"name": "sly", "scopes": ["partner"]}
    for other in ({"partnerId": "partner-b"}, {"partnerId": "nobody"}):
        response = partner_a.post(URL, asked | other)
        assert refused(response) == {("partnerId", "unknown")}
        assert response.json()["errors"][0]["detail"] == f"There is no partner {other['partnerId']}."
    assert refused(partner_a.post(URL, asked | {"brokerId": "broker-c"})) == {("brokerId", "unknown")}
    assert partner_a.post(URL, asked | {"partnerId": "partner-a"}).status_code == 201


@pytest.mark.parametrize("scope", ["read", "records:write", "webhooks:write", "touchpoints:write"])
def test_a_partner_cannot_widen_what_its_keys_may(partner_a, scope):
    response = partner_a.post(URL, {"name": "sly", "scopes": ["partner", scope]})
    assert refused(response) == {("scopes", "not_for_payees")}


def test_anothers_key_is_not_there_for_a_partner(partner_a):
    other = ApiKey.objects.get(name="b")
    assert partner_a.get(f"{URL}/{other.pk}").status_code == 404
    for verb in ("rotate", "revoke"):
        assert partner_a.post(f"{URL}/{other.pk}/{verb}").status_code == 404
    assert partner_a.get(URL, {"partnerId": "partner-b"}).json()["count"] == 0
    other.refresh_from_db()
    assert other.revoked_at is None
    assert other.replaced_by is None


def test_the_first_lock_alone_keeps_partners_apart(partner_a):
    """Without the middleware, and so without the database's own lock behind it."""
    holder = keys.known.holder(create_key(name="a2", scopes=["partner"], payee=("partner", "partner-a"))[1])
    assert set(ApiKey.objects.visible_to(holder).values_list("name", flat=True)) == {"a", "a2"}
    for other in (("partner", "partner-b"), ("broker", "broker-c"), ("broker", "partner-a")):
        with pytest.raises(ValidationError, match="There is no"):
            create_key(name="sly", scopes=["partner"], payee=other, created_by=holder)


def test_an_ingest_key_of_a_partner_makes_no_keys(partner_a):
    key = create_key(name="feed", scopes=["ingest"], payee=("partner", "partner-a"))[1]
    assert client_with(key).get(URL).status_code == 403
    assert client_with(key).post(URL, {"name": "more", "scopes": ["ingest"]}).status_code == 403


def test_no_key_of_the_house_reads_or_makes_keys(db):
    client = client_with(create_key(name="all", scopes=["read", "partners:write", "webhooks:write"])[1])
    assert client.get(URL).status_code == 403
    assert client.post(URL, CRM).status_code == 403


def test_a_key_makes_none_that_outlives_it(partner_a):
    ends = timezone.now() + dt.timedelta(days=2)
    short = client_with(
        create_key(name="short", scopes=["partner"], payee=("partner", "partner-a"), expires_at=ends)[1]
    )
    later = {"name": "long", "scopes": ["ingest"], "expiresAt": (ends + dt.timedelta(days=1)).isoformat()}
    assert refused(short.post(URL, later)) == {("expiresAt", "more_than_yours")}
    assert (
        short.post(URL, {"name": "long", "scopes": ["ingest"]}).json()["expiresAt"] == f"{ends:%Y-%m-%dT%H:%M:%S.%fZ}"
    )


def test_rotation_tells_which_key_took_the_place(administrator):
    old = administrator.post(URL, CRM | {"expiresAt": (timezone.now() + dt.timedelta(days=90)).isoformat()}).json()
    new = administrator.post(f"{URL}/{old['id']}/rotate").json()
    told = administrator.get(f"{URL}/{old['id']}").json()
    assert (told["status"], told["replacedBy"]) == ("expiring", new["id"])
    assert (
        dt.timedelta(hours=23) < dt.datetime.fromisoformat(told["expiresAt"]) - timezone.now() < dt.timedelta(hours=24)
    )
    assert dt.datetime.fromisoformat(new["expiresAt"]) - timezone.now() > dt.timedelta(days=89)
    again = administrator.post(f"{URL}/{old['id']}/rotate")
    assert (again.status_code, refused(again)) == (409, {(None, "key_is_over")})


@pytest.mark.parametrize("hours", [-1, 721, 1.5, "24", True, None])
def test_an_overlap_is_a_whole_number_of_hours(administrator, hours):
    key = create_key(name="CRM", scopes=["read"])[0]
    response = administrator.post(f"{URL}/{key.pk}/rotate", {"overlapHours": hours})
    assert response.status_code == 400
    assert {name for name, _code in refused(response)} == {"overlapHours"}


def test_each_state_has_its_name_and_is_found_by_it(administrator):
    ApiKey.objects.all().delete()
    made = {
        state: create_key(name=state, scopes=["read"])[0]
        for state in ("active", "expiring", "expired", "revoked", "replaced")
    }
    ApiKey.objects.filter(name="expiring").update(expires_at=ago(days=-3))
    ApiKey.objects.filter(name="expired").update(expires_at=ago(days=3))
    revoke_key(key_id=made["revoked"].pk)
    ApiKey.objects.filter(name="replaced").update(expires_at=ago(days=3), replaced_by=made["active"])
    told = {row["name"]: row["status"] for row in administrator.get(URL).json()["results"]}
    assert told == {state: state for state in made}
    for state in made:
        assert [row["name"] for row in administrator.get(URL, {"status": state}).json()["results"]] == [state]


def test_lists_are_filtered_searched_and_ordered(administrator):
    PartnerFactory(id="partner-a"), BrokerFactory(id="broker-c")
    create_key(name="Zebra feed", scopes=["ingest"], payee=("partner", "partner-a"))
    create_key(name="Apple", scopes=["ingest", "partner"], payee=("broker", "broker-c"))

    def names(**asked):
        return [row["name"] for row in administrator.get(URL, asked).json()["results"]]

    assert names() == ["Apple", "Zebra feed"]
    assert names(ordering="-name") == ["Zebra feed", "Apple"]
    assert names(partnerId="partner-a") == names(search="FEED") == ["Zebra feed"]
    assert names(brokerId="broker-c") == names(scope="partner") == ["Apple"]
    assert names(partnerId="nobody") == []
    for wrong in ({"status": "gone"}, {"scope": "all"}, {"digest": "x"}, {"ordering": "digest"}):
        assert administrator.get(URL, wrong).status_code == 400


def test_a_list_costs_the_same_statements_for_one_row_and_for_many(administrator):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            administrator.get(URL)
        return len(queries)

    create_key(name="0", scopes=["read"])
    few = statements()
    for number in range(30):
        PartnerFactory(id=f"partner-{number}-k")
        create_key(name=f"{number}", scopes=["ingest"], payee=("partner", f"partner-{number}-k"))
    assert statements() == few
