"""Many disputes at once, as an array or as CSV: each row stands or falls by itself, and each is told."""

import csv
import io

import pytest

from disputes.models import Dispute
from partners.models import uuid7
from tests.disputes.doors import URL, filed, ok, partner, refusal, service
from tests.disputes.worlds import net_by_payee, records, sold

pytestmark = pytest.mark.django_db


@pytest.fixture
def conversion():
    return sold()


def send(client, text, path="", **headers):
    body = text if isinstance(text, bytes) else text.encode()
    return client.generic("POST", f"{URL}{path}", body, content_type="text/csv", headers=headers)


def claim(pk, **more):
    return {"attributionId": str(pk), "disputeType": "amount", "reason": "It was ours."} | more


def errors(answer):
    return {
        item["index"]: (item["errors"][0]["attr"], item["errors"][0]["code"])
        for item in answer["items"]
        if "errors" in item
    }


def test_an_array_files_the_good_ones_and_names_the_bad(conversion):
    first, second, _ = records(conversion)
    items = [claim(first.pk), claim(first.pk), claim(second.pk), claim("x"), claim(uuid7()), claim(first.pk, extra=1)]
    answer = ok(partner(0).post(URL, items))
    assert (answer["accepted"], answer["rejected"], answer["duplicates"]) == (1, 5, 0)
    assert errors(answer) == {
        1: (None, "already_disputed"),
        2: (None, "not_found"),
        3: ("attributionId", "invalid"),
        4: (None, "not_found"),
        5: ("extra", "unknown_field"),
    }
    assert Dispute.objects.get().claimant_id == "partner-0"


def test_csv_files_with_a_result_a_row(conversion):
    first, second, _ = records(conversion)
    text = (
        "attributionId,conversionId,disputeType,reason,expectedAmount,claimantType,claimantId\r\n"
        f'{first.pk},,amount,"=1+1, we say",6.50,,\r\n'
        f",{conversion.pk},missing,Our call is not in it,2,partner,partner-2\r\n"
        f"{second.pk},,unfair,,x,,\r\n"
    )
    answer = ok(send(service(), text))
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    told = {(error["attr"], error["code"]) for error in answer["items"][2]["errors"]}
    assert told == {("disputeType", "invalid_choice"), ("reason", "required"), ("expectedAmount", "invalid")}
    made = Dispute.objects.order_by("number")
    assert [(d.claimant_id, d.dispute_type, float(d.expected_amount)) for d in made] == [
        ("partner-0", "amount", 6.5),
        ("partner-2", "missing", 2),
    ]
    assert made[0].reason == "=1+1, we say"


def test_asked_for_csv_each_row_is_answered_as_csv_and_nothing_in_it_is_a_formula(conversion, monkeypatch):
    first, *_ = records(conversion)
    monkeypatch.setattr("disputes.operations.NoMoney.code", "=no_money")
    pk = records(conversion, "linear")[0].pk
    text = f"attributionId,disputeType,reason\n{first.pk},amount,Ours\n{pk},amount,Ours\nx,amount,Ours\n"
    response = send(partner(0), text, Accept="text/csv")
    assert (response.status_code, response["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    made = Dispute.objects.get()
    assert [(row["line"], row["id"], row["field"], row["code"]) for row in rows] == [
        ("2", str(made.pk), "", ""),
        ("3", "", "", "'=no_money"),
        ("4", "", "attributionId", "invalid"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("attributionId,color\nx,red\n", "The first line names the columns"),
        ("\n", "The first line names the columns"),
        ("reason,reason\na,b\n", "The first line names the columns"),
        ("attributionId,reason\nx\n", "Line 2 has 1 cells"),
        (b"\xff\xfe", "It is not UTF-8."),
        ('reason\n"open', "It is not CSV"),
    ],
)
def test_what_is_no_table_is_refused_whole(conversion, text, told):
    response = send(service(), text)
    assert refusal(response) == (400, {(None, "parse_error")})
    assert told in response.content.decode()


def test_there_are_so_many_rows_and_no_more(conversion):
    assert refusal(partner(0).post(URL, [claim(uuid7())] * 1001)) == (400, {(None, "too_many")})


def test_many_are_decided_by_id_or_number(conversion):
    disputes = [filed(partner(number), record) for number, record in enumerate(records(conversion))]
    touch = records(conversion)[1].touchpoint_id
    text = (
        "id,number,status,resolution,rejection,way,touchpointId,payeeType,payeeId,percentage\n"
        f"{disputes[0]['id']},,resolved,Theirs,,split,{touch},partner,partner-0,50\n"
        f",D-{disputes[1]['number']},rejected,No proof,not_proven,,,,,\n"
        f",{disputes[2]['number']},resolved,Theirs,,reassign,{touch},partner,nobody,\n"
        f"{disputes[0]['id']},,rejected,Twice,other,,,,,\n"
        ",999999999,rejected,Who,other,,,,,\n"
        ",,rejected,Who,other,,,,,\n"
    )
    answer = ok(send(service(), text, "/resolve"))
    assert (answer["accepted"], answer["rejected"]) == (2, 4)
    assert errors(answer) == {
        2: ("payeeId", "inactive_payee"),
        3: (None, "dispute_closed"),
        4: (None, "not_found"),
        5: ("id", "required"),
    }
    assert net_by_payee(conversion) == {"partner-0": 5, "partner-1": 1, "partner-2": 4}
    assert [d.status for d in Dispute.objects.order_by("number")] == ["resolved", "rejected", "open"]


def test_who_decides_many_gives_an_array(conversion):
    assert refusal(service().post(f"{URL}/resolve", {"id": "x"})) == (400, {(None, "not_a_list")})
    assert refusal(partner(0).post(f"{URL}/resolve", [])) == (403, {(None, "permission_denied")})


def test_elsewhere_csv_is_not_taken(conversion):
    dispute = filed(partner(0), records(conversion)[0])
    assert refusal(send(service(), "question\nWhy?", f"/{dispute['id']}/ask"))[0] == 415
