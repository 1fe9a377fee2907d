"""Partners and brokers by the API: upsert by id, one or many, and finding them."""

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from partners import operations
from partners.models import Broker, Partner
from partners.operations import create_key
from tests.access.conftest import client_with
from tests.api import BASE, refused, send_raw
from tests.factories import BrokerFactory, PartnerFactory, UserFactory

LANTERN = {"id": "partner-abc", "name": "Lantern Compare", "contactEmail": "ann@lantern.example"}


@pytest.fixture
def finance(db):
    client = APIClient()
    client.force_login(UserFactory(role="Finance"))
    return client


@pytest.mark.parametrize(("path", "model"), [("partners", Partner), ("brokers", Broker)])
def test_the_first_post_of_an_id_stores_and_the_next_changes_what_it_names(finance, path, model):
    first = finance.post(f"{BASE}/{path}", LANTERN)
    assert (first.status_code, first.json()["status"], first.json()["contactName"]) == (201, "active", None)
    second = finance.post(f"{BASE}/{path}", {"id": "partner-abc", "status": "closed"})
    assert (second.status_code, second.json()["name"]) == (200, "Lantern Compare")
    stored = model.objects.get()
    assert (stored.status, stored.contact_email) == ("closed", "ann@lantern.example")


def test_the_same_again_changes_nothing_not_even_the_time(finance):
    first = finance.post(f"{BASE}/partners", LANTERN)
    assert finance.post(f"{BASE}/partners", LANTERN).json() == first.json()
    changed = finance.patch(f"{BASE}/partners/partner-abc", {"name": "Lantern"}).json()
    assert changed["updatedAt"] > first.json()["updatedAt"]


def test_what_was_got_can_be_put_back(finance):
    got = finance.post(f"{BASE}/partners", LANTERN).json()
    assert finance.put(f"{BASE}/partners/partner-abc", got).json() == got


def test_put_empties_the_contact_it_leaves_out_and_patch_keeps_it(finance):
    finance.post(f"{BASE}/partners", LANTERN | {"contactPhone": "+1 555 0100"})
    patched = finance.patch(f"{BASE}/partners/partner-abc", {"contactPhone": None}).json()
    assert (patched["contactEmail"], patched["contactPhone"]) == ("ann@lantern.example", None)
    put = finance.put(f"{BASE}/partners/partner-abc", {"name": "Lantern"}).json()
    assert (put["name"], put["contactEmail"], put["status"]) == ("Lantern", None, "active")


@pytest.mark.parametrize("path", ["partners", "brokers"])
def test_put_of_the_collection_takes_one_by_the_id_in_it(finance, path):
    assert finance.put(f"{BASE}/{path}", LANTERN).status_code == 201
    again = finance.put(f"{BASE}/{path}", {"id": "partner-abc", "name": "Lantern"})
    assert (again.status_code, again.json()["name"], again.json()["contactEmail"]) == (200, "Lantern", None)
    nameless = finance.put(f"{BASE}/{path}", {"name": "Lantern"})
    assert (nameless.status_code, refused(nameless)) == (400, {("id", "required")})
    assert refused(finance.put(f"{BASE}/{path}", "Lantern")) == refused(finance.post(f"{BASE}/{path}", "Lantern"))


def test_put_of_the_collection_takes_many_and_names_the_bad_ones(finance):
    finance.post(f"{BASE}/partners", LANTERN)
    body = [{"id": "partner-abc", "name": "Lantern"}, {"id": "partner-new", "name": "New"}, {"id": "no name"}, 7]
    answer = finance.put(f"{BASE}/partners", body)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (200, 2, 2)
    assert [("id" in item, "errors" in item) for item in answer.json()["items"]] == [(True, False)] * 2 + [
        (False, True)
    ] * 2
    assert Partner.objects.get(pk="partner-abc").contact_email == ""


def test_put_stores_an_id_that_is_new_and_patch_does_not(finance):
    assert finance.patch(f"{BASE}/partners/partner-new", {"name": "New"}).status_code == 404
    assert finance.put(f"{BASE}/partners/partner-new", {"name": "New"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"name": "No id"}, ("id", "required")),
        ({"id": "partner-new"}, ("name", "required")),
        ({"id": "partner-new", "name": ""}, ("name", "blank")),
        ({"id": "partner-new", "name": None}, ("name", "null")),
        ({"id": "partner-new", "name": 5}, ("name", "invalid")),
        ({"id": "", "name": "New"}, ("id", "blank")),
        ({"id": "x" * 65, "name": "New"}, ("id", "invalid")),
        ({"id": "a\nb", "name": "New"}, ("id", "invalid")),
        ({"id": "partner-new", "name": "x" * 201}, ("name", "max_length")),
        ({"id": "partner-new", "name": "New", "status": "gone"}, ("status", "invalid_choice")),
        ({"id": "partner-new", "name": "New", "contactEmail": "ann"}, ("contactEmail", "invalid")),
        ({"id": "partner-new", "name": "New", "contact_email": "a@b.example"}, ("contact_email", "unknown_field")),
    ],
)
def test_bad_input_is_refused_by_name(finance, body, named):
    response = finance.post(f"{BASE}/partners", body)
    assert response.status_code == 400
    assert named in refused(response)
    assert not Partner.objects.exists()


def test_the_id_of_the_path_is_the_id(finance):
    PartnerFactory(id="partner-abc")
    response = finance.put(f"{BASE}/partners/partner-abc", {"id": "partner-other", "name": "Other"})
    assert refused(response) == {("id", "fixed")}


def test_a_body_that_is_no_object_is_refused(finance):
    PartnerFactory(id="partner-abc")
    for method, path in (("PUT", "partners/partner-abc"), ("PATCH", "partners/partner-abc"), ("POST", "partners")):
        assert send_raw(finance, path, '"text"', method).status_code == 400


def test_of_an_array_the_good_are_stored_and_the_bad_named(finance):
    PartnerFactory(id="partner-abc", name="Lantern Compare", contact_email="ann@lantern.example")
    items = [
        LANTERN,
        {"id": "partner-new", "name": "New"},
        {"id": "partner-bad"},
        {"id": "partner-new", "name": "Newer"},
    ]
    answer = finance.post(f"{BASE}/partners", items).json()
    assert (answer["accepted"], answer["rejected"], answer["duplicates"]) == (2, 1, 1)
    assert [item.get("id") for item in answer["items"]] == ["partner-abc", "partner-new", None, "partner-new"]
    assert answer["items"][2]["errors"][0]["attr"] == "name"
    assert Partner.objects.get(pk="partner-new").name == "Newer"
    assert not Partner.objects.filter(pk="partner-bad").exists()


def test_an_array_costs_the_same_statements_whatever_its_length(finance):
    def statements(count):
        with CaptureQueriesContext(connection) as queries:
            items = [{"id": f"{count}-{n}", "name": "New"} for n in range(count)]
            assert finance.post(f"{BASE}/partners", items).json()["accepted"] == count
        return len(queries)

    assert statements(1) == statements(300)
    assert refused(finance.post(f"{BASE}/partners", [LANTERN] * 1001)) == {(None, "too_many")}


def test_lists_are_searched_filtered_and_ordered(finance):
    PartnerFactory(id="partner-a", name="Zebra"), PartnerFactory(id="partner-b", name="Apple", status="closed")

    def ids(**asked):
        return [row["id"] for row in finance.get(f"{BASE}/partners", asked).json()["results"]]

    assert ids() == ["partner-b", "partner-a"]
    assert ids(ordering="-name") == ["partner-a", "partner-b"]
    assert ids(ordering="id") == ["partner-a", "partner-b"]
    assert ids(search="ZEB") == ids(search="partner-A") == ["partner-a"]
    assert ids(status="closed") == ["partner-b"]
    for wrong in ({"status": "gone"}, {"ordering": "phone"}, {"search": ""}, {"find": "x"}):
        assert finance.get(f"{BASE}/partners", wrong).status_code == 400


@pytest.mark.parametrize(("path", "factory"), [("partners", PartnerFactory), ("brokers", BrokerFactory)])
def test_a_list_costs_the_same_statements_for_one_row_and_for_many(finance, path, factory):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            finance.get(f"{BASE}/{path}")
        return len(queries)

    factory()
    few = statements()
    factory.create_batch(40)
    assert statements() == few


def test_a_partner_reads_itself_alone_and_writes_nothing(db):
    PartnerFactory(id="partner-a", contact_phone="+1 555 0100"), PartnerFactory(id="partner-b"), BrokerFactory()
    client = client_with(create_key(name="a", scopes=["partner"], payee=("partner", "partner-a"))[1])
    assert [row["id"] for row in client.get(f"{BASE}/partners").json()["results"]] == ["partner-a"]
    assert client.get(f"{BASE}/partners", {"search": "partner-b"}).json()["count"] == 0
    assert client.get(f"{BASE}/partners/partner-a").json()["contactPhone"] == "+1 555 0100"
    assert client.get(f"{BASE}/partners/partner-b").status_code == 404
    assert client.get(f"{BASE}/brokers").json()["count"] == 0
    assert client.patch(f"{BASE}/partners/partner-a", {"name": "Best"}).status_code == 403
    assert client.post(f"{BASE}/partners", LANTERN).status_code == 403


def test_a_key_with_the_scope_writes_partners(db):
    client = client_with(create_key(name="crm", scopes=["read", "partners:write"])[1])
    assert client.post(f"{BASE}/partners", LANTERN).status_code == 201
    assert client.patch(f"{BASE}/partners/partner-abc", {"status": "closed"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_two_who_bring_the_same_new_ids_at_once_both_end_well():
    gate, ends = threading.Barrier(2), []

    def save(name, ids):
        rows = [{"id": each, "name": name} for each in ids]
        gate.wait()
        try:
            ends.append([outcome.is_new for outcome in operations.save_payees(model=Partner, rows=rows)])
        finally:
            connection.close()

    ids = [f"partner-{n}" for n in range(200)]
    threads = [threading.Thread(target=save, args=each) for each in (("One", ids), ("Two", ids[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(all, ends)) == [False, True]
    assert len(set(Partner.objects.values_list("name", flat=True))) == 1
    assert Partner.objects.count() == 200
