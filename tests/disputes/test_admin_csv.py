"""Disputes filed and decided by CSV: seen before, done row by row, the results taken along."""

import base64
import csv
import hashlib
import io
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

import attribution.operations
from attribution.models import Settlement
from disputes import operations
from disputes.models import Dispute
from partners.models import uuid7
from tests.disputes.worlds import approve, decider, file, house, net_by_payee, records, sold
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
FILE, RESOLVE = "/admin/disputes/dispute/file-csv/", "/admin/disputes/dispute/resolve-csv/"


@pytest.fixture
def person(client):
    user = decider()
    client.force_login(user)
    return user


def upload(client, url, *lines):
    body = "\r\n".join(",".join(str(cell) for cell in line) for line in lines)
    return client.post(url, {"file": SimpleUploadedFile("some.csv", body.encode())})


def confirm(client, url, preview):
    return client.post(url, {"rows": preview.context["rows"]})


def told(response):
    return [line.refused or line.told for line in response.context["lines"]]


def test_filing_shows_what_would_happen_then_files_what_can_be(client, person):
    first, second, _ = records(sold())
    preview = upload(
        client,
        FILE,
        ["attributionId", "disputeType", "reason", "expectedAmount"],
        [first.pk, "amount", "Too little", "5.50"],
        [second.pk, "amount", "", ""],
        [uuid7(), "amount", "Too little", ""],
        ["x", "amount", "Too little", ""],
        [first.pk, "amount", "Too little", "6.00"],
    )
    assert not Dispute.objects.exists()
    assert told(preview) == [
        "Filed for partner partner-0; its record is frozen",
        "reason: This is required.",
        "There is no such record.",
        "attributionId: It is no id.",
        "Line 2 is about the same.",
    ]
    done = confirm(client, FILE, preview)
    assert told(done) == ["Filed"]
    [dispute] = Dispute.objects.all()
    assert (dispute.record_id, dispute.filed_by, dispute.expected_amount) == (first.pk, person, Decimal("5.50"))
    assert told(confirm(client, FILE, preview)) == ["A dispute of this payee about the record is open already."]


def test_a_missing_touch_is_filed_for_a_payee_that_is_named(client, person):
    conversion = sold()
    header = ["conversionId", "disputeType", "reason", "claimantType", "claimantId"]
    rows = [[conversion.pk, "missing", "Our call", "partner", who] for who in ("partner-2", "partner-9")]
    preview = upload(client, FILE, header, *rows)
    assert told(preview)[1] == "claimant_id: There is no partner partner-9."
    assert told(confirm(client, FILE, preview)) == ["Filed"]
    assert Dispute.objects.get().claimant == ("partner", "partner-2")


def test_deciding_shows_the_money_that_would_move_and_moves_none_before(client, person):
    conversion = sold()
    first, second, _ = records(conversion)
    disputes = [file(first), file(second)]
    preview = upload(
        client,
        RESOLVE,
        ["number", "status", "resolution", "rejection", "way", "payeeType", "payeeId"],
        [f"D-{disputes[0].number}", "resolved", "It was theirs", "", "reassign", "partner", "partner-2"],
        [disputes[1].number, "rejected", "It is right", "record_is_right", "", "", ""],
        [disputes[1].number, "rejected", "It is right", "", "", "", ""],
        [999_999, "rejected", "It is right", "not_proven", "", "", ""],
    )
    assert preview.context["lines"][0].moved == "partner partner-0 -4.00 USD; partner partner-2 +4.00 USD"
    assert told(preview)[:2] == ["Resolved", "Rejected"]
    assert told(preview)[2].startswith("rejection: One of record_is_right")
    assert told(preview)[3] == "number: There is no such dispute."
    assert not Settlement.objects.exists()
    assert net_by_payee(conversion)["partner-0"] == 4
    done = confirm(client, RESOLVE, preview)
    assert told(done) == ["Resolved", "Rejected"]
    assert net_by_payee(conversion) == {"partner-1": 2, "partner-2": 8}
    assert {dispute.resolved_by for dispute in Dispute.objects.all()} == {person}


def test_the_results_are_a_file_in_which_no_formula_runs(client, person):
    dispute = file(records(sold())[0])
    header = ["id", "status", "resolution", "rejection"]
    preview = upload(client, RESOLVE, header, [dispute.pk, "rejected", "=1+1", "not_proven"])
    done = confirm(client, RESOLVE, preview)
    text = base64.b64decode(done.context["file"].partition("base64,")[2]).decode()
    [row] = csv.DictReader(io.StringIO(text))
    assert (row["line"], row["dispute"], row["result"], row["resolution"]) == (
        "2",
        f"D-{dispute.number}",
        "Rejected",
        "'=1+1",
    )


def test_what_a_person_filed_they_do_not_decide_by_csv_either(client, person):
    record = records(sold())[0]
    dispute = file(record, by=house(person))
    preview = upload(client, RESOLVE, ["id", "status", "resolution"], [dispute.pk, "resolved", "Yes"])
    assert told(preview) == ["You filed this dispute: somebody else decides it."]
    assert preview.context["good"] == 0


def test_what_changed_since_the_preview_is_told(client, person):
    dispute = file(records(sold())[0])
    preview = upload(client, RESOLVE, ["id", "status", "resolution"], [dispute.pk, "resolved", "Yes"])
    operations.reject_dispute(dispute_id=dispute.pk, rejection="not_proven", resolution="No.", by=house())
    assert "is rejected already" in told(confirm(client, RESOLVE, preview))[0]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "The submitted file is empty"),
        (b"id,wrong\r\n1,2\r\n", "The first line names the columns"),
        (b"id,id\r\n1,2\r\n", "The first line names the columns"),
        (b"id,status\r\n1\r\n", "Line 2 has 1 cells"),
        (b"id,status\r\n", "1 to 1,000 go at once"),
        (b"\xff\xfe\x00", "It is not UTF-8"),
        (b'id,status\r\n"1,2', "It is not CSV"),
        (b"id\r\n" + b"1\r\n" * 1001, "It has 1,001 rows"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_as_a_whole(client, person, body, said):
    response = client.post(RESOLVE, {"file": SimpleUploadedFile("some.csv", body)})
    assert response.status_code == 422
    assert said in response.content.decode()


def decisions(*disputes, resolution="Yes", **more):
    header = ["id", "status", "resolution", *more]
    return [header, *([each.pk, "resolved", resolution, *more.values()] for each in disputes)]


def test_the_longest_resolution_is_taken_and_a_longer_one_is_an_error_of_its_row(client, person):
    short, long = (file(each) for each in records(sold())[:2])
    lines = [
        ["id", "status", "resolution", "way", "payeeType"],
        *([each.pk, "resolved", "x" * n, "reassign", "house"] for each, n in ((short, 2000), (long, 2001))),
    ]
    preview = upload(client, RESOLVE, *lines)
    assert told(preview) == ["Resolved", "resolution: At most 2,000 characters."]
    assert told(confirm(client, RESOLVE, preview)) == ["Resolved"]
    assert Settlement.objects.get().reason == "x" * 2000


def test_a_nul_is_an_error_of_its_row(client, person):
    first, second = (file(each) for each in records(sold())[:2])
    preview = upload(client, RESOLVE, ["id", "status", "resolution"], [first.pk, "resolved", "Y\0s"], [second.pk])
    assert preview.status_code == 422  # a line of another length: the file is no table
    lines = [["id", "status", "resolution"], [first.pk, "resolved", "Y\0s"], [second.pk, "resolved", "Yes"]]
    preview = upload(client, RESOLVE, *lines)
    assert told(preview) == ["resolution: It has a NUL, which is no character of a text.", "Resolved"]
    filing = upload(client, FILE, ["attributionId", "disputeType", "reason"], [uuid7(), "amount", "\0"])
    assert told(filing) == ["reason: It has a NUL, which is no character of a text."]


def test_a_dispute_that_changed_since_the_preview_is_not_decided_and_says_how(client, person):
    changed, same = (file(records(sold(lead=lead))[0]) for lead in ("lead-1", "lead-2"))
    preview = upload(client, RESOLVE, *decisions(changed, same))
    ben = decider(username="ben")
    operations.assign_dispute(dispute_id=changed.pk, to=ben, by=house(ben))
    assert told(confirm(client, RESOLVE, preview)) == [
        f"{changed} changed since it was shown: it is under review and assigned to ben."
        " Nothing was done; look at it anew.",
        "Resolved",
    ]
    assert Dispute.objects.get(pk=changed.pk).is_open


@pytest.mark.parametrize("decided", [False, True])
def test_shares_that_changed_since_the_preview_are_not_decided_about(client, person, decided):
    conversion = sold()
    first = records(conversion)[0]
    approve(*([first] if decided else []))
    dispute = file(first)
    preview = upload(client, RESOLVE, *decisions(dispute, way="exclude"))
    values = {"reason": "refund", "amount": Decimal("10.00")}
    attribution.operations.reverse_conversion(conversion_id=conversion.pk, values=values, by=decider())
    [said] = told(confirm(client, RESOLVE, preview))
    assert said.startswith(f"The shares of the conversion of {dispute} changed since they were shown.")
    assert not Settlement.objects.exists()


def test_lines_about_one_conversion_are_shown_and_done_one_after_the_other(client, person):
    conversion = sold()
    first, second, _ = records(conversion)
    lines = decisions(file(first), file(second), way="reassign", payeeType="partner", payeeId="partner-2")
    preview = upload(client, RESOLVE, *lines)
    assert [line.moved for line in preview.context["lines"]] == [
        "partner partner-0 -4.00 USD; partner partner-2 +4.00 USD",
        "partner partner-2 +2.00 USD; partner partner-1 -2.00 USD",
    ]
    assert told(confirm(client, RESOLVE, preview)) == ["Resolved", "Resolved"]
    assert net_by_payee(conversion) == {"partner-2": 10}


def test_a_claim_whose_record_changed_since_the_preview_is_not_filed(client, person):
    record = records(sold())[0]
    preview = upload(client, FILE, ["attributionId", "disputeType", "reason"], [record.pk, "amount", "Little"])
    approve(record)
    assert told(confirm(client, FILE, preview)) == [
        "The record changed since it was shown. Nothing was done; look at it anew."
    ]
    assert not Dispute.objects.exists()
    record.refresh_from_db()
    assert record.status == "approved"


def test_what_the_database_refuses_is_an_error_of_its_row(client, person, monkeypatch):
    first, second = (file(records(sold(lead=lead))[0]) for lead in ("lead-1", "lead-2"))
    preview = upload(client, RESOLVE, *decisions(first, second))
    resolve = operations.resolve_dispute

    def refused(*, dispute_id, **asked):
        if dispute_id == first.pk:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 'x'::int")
        return resolve(dispute_id=dispute_id, **asked)

    monkeypatch.setattr(operations, "resolve_dispute", refused)
    said = told(confirm(client, RESOLVE, preview))
    assert said == ["The database refuses it, and nothing was done. It is in the log of errors.", "Resolved"]


def test_the_file_is_named_by_its_digest_on_both_pages_and_in_the_audit_log(client, person):
    dispute = file(records(sold())[0])
    preview = upload(client, RESOLVE, *decisions(dispute))
    body = "\r\n".join(",".join(map(str, line)) for line in decisions(dispute)).encode()
    digest = hashlib.sha256(body).hexdigest()
    for response in (preview, confirm(client, RESOLVE, preview)):
        assert f'some.csv, SHA-256 <code title="{digest}">' in response.content.decode()
    closing = Dispute.pgh_event_model.objects.filter(pgh_obj=dispute, pgh_label="update").last()
    assert closing.pgh_context["file"] == digest


def test_only_what_was_shown_to_this_person_on_this_page_is_confirmed(client, person):
    record = records(sold())[0]
    preview = upload(client, RESOLVE, *decisions(file(record)))
    rows = preview.context["rows"]
    other = Client()
    other.force_login(decider())
    for response in (
        client.post(RESOLVE, {"rows": "nonsense"}),
        client.post(RESOLVE, {"rows": f"{rows}x"}),
        client.post(FILE, {"rows": rows}),
        other.post(RESOLVE, {"rows": rows}),
    ):
        assert (response.status_code, "is not what you were shown" in response.content.decode()) == (422, True)
    assert Dispute.objects.get().is_open


def test_only_who_may_file_or_decide_gets_there(client):
    for role, status in (("Operations", 200), ("Finance", 403), ("Auditor", 403)):
        client.force_login(UserFactory(role=role))
        assert [client.get(url).status_code for url in (FILE, RESOLVE)] == [status, status]
