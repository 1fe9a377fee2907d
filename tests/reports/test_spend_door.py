"""POST and GET /spend: the newest word on each row, from JSON or CSV."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from partners.operations import create_key
from reports import operations
from reports.models import Spend
from tests.access.conftest import client_with
from tests.api import BASE, refused
from tests.factories import PartnerFactory

URL = f"{BASE}/spend"
ROW = {"day": "2026-01-05", "channel": "paid_search", "campaign": "home", "amount": 120.5}


def send_csv(client, text):
    body = text.encode() if isinstance(text, str) else text
    return client.generic("POST", URL, body, content_type="text/csv")


def test_a_row_is_stored_and_its_next_word_replaces_it(api):
    first = api.post(URL, ROW)
    assert first.status_code == 201
    told = first.json()
    assert {name: told[name] for name in (*ROW, "currency", "partnerId")} == ROW | {
        "currency": "USD",
        "partnerId": None,
    }
    second = api.post(URL, ROW | {"amount": 99})
    assert (second.status_code, second.json()["id"]) == (200, told["id"])
    assert Spend.objects.get().amount == Decimal(99)
    assert second.json()["updatedAt"] > told["updatedAt"]


def test_the_same_word_again_changes_nothing(api):
    first = api.post(URL, ROW)
    again = api.post(URL, ROW)
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize(
    "change",
    [
        {"day": "2026-01-06"},
        {"channel": "email"},
        {"campaign": None},
        {"campaign": "car"},
        {"partnerId": "partner-a"},
        {"currency": "EUR"},
    ],
)
def test_what_differs_in_any_part_of_the_key_is_another_row(api, change):
    PartnerFactory(id="partner-a")
    ids = {api.post(URL, row).json()["id"] for row in (ROW, ROW | change)}
    assert len(ids) == Spend.objects.count() == 2


def test_what_was_got_can_be_put_back(api):
    got = api.post(URL, ROW).json()
    assert api.post(URL, got).json() == got


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"day": None}, ("day", "null")),
        ({"day": "2026-1-5"}, ("day", "invalid")),
        ({"day": "2026-01-05T00:00:00Z"}, ("day", "invalid")),
        ({"day": 20260105}, ("day", "invalid")),
        ({"day": "1999-12-31"}, ("day", "out_of_range")),
        ({"day": "2126-01-05"}, ("day", "out_of_range")),
        ({"channel": "tv"}, ("channel", "invalid_choice")),
        ({"campaign": "x" * 256}, ("campaign", "max_length")),
        ({"partnerId": "nobody"}, ("partnerId", "unknown")),
        ({"currency": "usd"}, ("currency", "invalid")),
        ({"currency": "ZZZ"}, ("currency", "unknown_currency")),
        ({"amount": None}, ("amount", "null")),
        ({"amount": "120.50"}, ("amount", "invalid")),
        ({"amount": -0.01}, ("amount", "min_value")),
        ({"amount": 1.005}, ("amount", "max_decimal_places")),
        ({"amount": 10.5, "currency": "JPY"}, ("amount", "too_precise")),
        ({"amount": 10**13}, ("amount", "max_whole_digits")),
        ({"cost": 5}, ("cost", "unknown_field")),
    ],
)
def test_bad_input_is_refused_by_name(api, change, named):
    response = api.post(URL, ROW | change)
    assert response.status_code == 400
    assert named in refused(response)
    assert not Spend.objects.exists()


def test_of_an_array_the_good_are_stored_and_the_bad_named(api):
    api.post(URL, ROW)
    items = [ROW, ROW | {"channel": "email"}, ROW | {"amount": -1}, ROW | {"campaign": None, "amount": 7}]
    answer = api.post(URL, items).json()
    assert (answer["accepted"], answer["rejected"], answer["duplicates"]) == (2, 1, 1)
    assert answer["items"][2]["errors"][0]["attr"] == "amount"
    assert Spend.objects.count() == 3


def test_two_words_on_one_row_in_one_call_are_both_refused(api):
    answer = api.post(URL, [ROW, ROW | {"amount": 5}, ROW | {"channel": "email"}]).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 2)
    assert {item["errors"][0]["code"] for item in answer["items"][:2]} == {"repeated"}
    assert [row.channel for row in Spend.objects.all()] == ["email"]


def test_an_array_costs_the_same_statements_whatever_its_length(api):
    def statements(count):
        rows = [ROW | {"campaign": f"{count}-{n}"} for n in range(count)]
        with CaptureQueriesContext(connection) as queries:
            assert api.post(URL, rows).json()["accepted"] == count
        return len(queries)

    assert statements(1) == statements(500)
    assert refused(api.post(URL, [{}] * 10_001)) == {(None, "too_many")}


def test_csv_is_an_array(api):
    PartnerFactory(id="partner-a")
    body = (
        "day,channel,campaign,partnerId,currency,amount\r\n"
        '2026-01-05,paid_search,"home, ""gold""",,USD,120.50\r\n'
        "2026-01-05,affiliate,,partner-a,EUR,80\r\n"
        "2026-01-05,affiliate,,nobody,EUR,eighty\r\n"
    )
    answer = send_csv(api, "\ufeff" + body).json()
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert {error["attr"] for error in answer["items"][2]["errors"]} == {"amount"}
    stored = set(Spend.objects.values_list("channel", "campaign", "partner_id", "currency", "amount"))
    assert stored == {
        ("paid_search", 'home, "gold"', None, "USD", Decimal("120.50")),
        ("affiliate", None, "partner-a", "EUR", Decimal("80.00")),
    }
    assert send_csv(api, body).json()["duplicates"] == 2


@pytest.mark.parametrize(
    "body",
    [
        "channel,amount\nemail,5\n",
        "day,channel,amount,cost\n",
        "day,day,channel,amount\n",
        "day,channel,amount\n2026-01-05,email\n",
        "day,channel,amount\n2026-01-05,email,5,6\n",
        'day,channel,amount\n2026-01-05,"email,5\n',
        b"day,channel,amount\n2026-01-05,\xff,5\n",
        '[{"day": "2026-01-05"}]',
    ],
)
def test_what_is_no_table_is_refused_as_a_whole(api, body):
    response = send_csv(api, body)
    assert response.status_code == 400
    assert refused(response) == {(None, "parse_error")}


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e400", "1E3", "-5", "12.345", "", "5 ", "1_0", "٥"])
def test_a_cell_that_is_no_amount_is_named(api, amount):
    answer = send_csv(api, f"day,channel,amount\n2026-01-05,email,{amount}\n")
    assert answer.status_code == 200
    [item] = answer.json()["items"]
    assert [error["attr"] for error in item["errors"]] == ["amount"]


def test_lists_are_filtered_and_ordered(api):
    PartnerFactory(id="partner-a")
    send_csv(
        api,
        "day,channel,campaign,partnerId,currency,amount\n2026-01-05,email,home,,USD,1\n2026-01-06,email,,,EUR,3\n"
        "2026-01-07,affiliate,,partner-a,USD,2\n",
    )

    def amounts(**asked):
        return [int(row["amount"]) for row in api.get(URL, asked).json()["results"]]

    assert amounts() == [2, 3, 1]
    assert amounts(ordering="amount") == [1, 2, 3]
    assert amounts(startDate="2026-01-06") == [2, 3]
    assert amounts(startDate="2026-01-06", endDate="2026-01-06") == amounts(currency="EUR") == [3]
    assert amounts(channel="email") == [3, 1]
    assert amounts(campaign="home") == [1]
    assert amounts(partnerId="partner-a") == [2]
    for wrong in ({"startDate": "05/01/2026"}, {"channel": "tv"}, {"day": "2026-01-05"}, {"endDate": ""}):
        assert api.get(URL, wrong).status_code == 400


def test_a_list_costs_the_same_statements_for_one_row_and_for_many(api):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            api.get(URL)
        return len(queries)

    api.post(URL, ROW)
    few = statements()
    api.post(URL, [ROW | {"campaign": f"{n}"} for n in range(40)])
    assert statements() == few


def test_a_key_with_the_scope_writes_and_a_partners_key_sees_nothing(db):
    writer = client_with(create_key(name="ads", scopes=["spend:write"])[1])
    assert writer.post(URL, ROW).status_code == 201
    assert writer.get(URL).status_code == 403
    assert client_with(create_key(name="bi", scopes=["read"])[1]).get(URL).json()["count"] == 1
    PartnerFactory(id="partner-a")
    bound = client_with(create_key(name="a", scopes=["partner"], payee=("partner", "partner-a"))[1])
    assert bound.get(URL).status_code == bound.post(URL, ROW).status_code == 403


def test_the_database_itself_keeps_one_row_and_no_negative_amount(api):
    api.post(URL, {"day": "2026-01-05", "channel": "email", "amount": 5})
    stored = Spend.objects.get()
    for change in (
        {"id": operations.spend.id_of(vars(stored) | {"channel": "chat"})},
        {"amount": -1, "channel": "chat"},
    ):
        fields = {name: getattr(stored, name) for name in ("id", *Spend.KEY, "amount")}
        with pytest.raises(IntegrityError), transaction.atomic():
            Spend(**fields | change).save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_two_who_bring_the_same_new_rows_at_once_both_end_well():
    gate, ends = threading.Barrier(2), []
    values = [{"day": dt.date(2026, 1, 5), "channel": "email", "campaign": f"{n}"} for n in range(5000)]

    def save(amount, ordered):
        gate.wait()
        try:
            ends.append(operations.save_spends(rows=[row | {"amount": Decimal(amount)} for row in ordered]))
        finally:
            connection.close()

    threads = [threading.Thread(target=save, args=each) for each in ((1, values), (2, values[::-1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ends) == 2
    assert sum(outcome.is_new for end in ends for outcome in end) == 5000
    assert len(set(Spend.objects.values_list("amount", flat=True))) == 1
