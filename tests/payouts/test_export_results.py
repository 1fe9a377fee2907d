"""What banks answer: read in whole, or refused line by line."""

import datetime as dt
from decimal import Decimal

import pytest

from payouts.exports.results import LONGEST, Result, UnreadableAnswer, read_answer

HEAD = "endToEndId,status,amount,currency,date,reason\n"


def csv_of(*lines):
    return (HEAD + "".join(f"{line}\n" for line in lines)).encode()


def problems_of(content):
    with pytest.raises(UnreadableAnswer) as caught:
        read_answer(content)
    return [(each.line, each.column) for each in caught.value.problems]


def test_each_line_is_a_result():
    content = csv_of("PO-1,paid,100.05,USD,2026-04-03,", "", 'PO-2,returned,7,EUR,2026-04-04,"R03, no account"')
    assert read_answer(b"\xef\xbb\xbf" + content).results == (
        Result("PO-1", "paid", Decimal("100.05"), "USD", dt.date(2026, 4, 3), ""),
        Result("PO-2", "returned", Decimal(7), "EUR", dt.date(2026, 4, 4), "R03, no account"),
    )


def test_the_reason_may_be_left_out():
    [result] = read_answer(b"date,endToEndId,status,amount,currency\r\n2026-04-03,PO-1,rejected,1.00,USD\r\n").results
    assert (result.status, result.reason) == ("rejected", "")


def test_every_problem_names_its_line_and_column_and_nothing_is_half_read():
    content = csv_of(
        "PO-1,paid,100.05,USD,2026-04-03,",
        ",paid,1,USD,2026-04-03,",
        "PO-2,settled,1,USD,2026-04-03,",
        "PO-3,paid,1e3,USD,2026-04-03,",
        "PO-4,paid,0.00,USD,2026-04-03,",
        "PO-5,paid,1,dollars,2026-04-03,",
        "PO-6,paid,1,USD,2026-02-30,",
        "PO-7,paid,1,USD",
        "PO-1,paid,100.05,USD,2026-04-03,",
        "PO-8,paid,-1,US,03/04/2026,",
    )
    assert problems_of(content) == [
        *((3, "endToEndId"), (4, "status"), (5, "amount"), (6, "amount"), (7, "currency"), (8, "date"), (9, "")),
        *((10, "endToEndId"), (11, "amount"), (11, "currency"), (11, "date")),
    ]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (b"", [(1, name) for name in ("endToEndId", "status", "amount", "currency", "date")]),
        (HEAD.encode(), [(2, "")]),
        (b"endToEndId,status,amount,currency,date,iban\n", [(1, "iban")]),
        (b"endToEndId,status,amount,currency,date,date\n", [(1, "date")]),
        (csv_of("PO-1,paid,1,USD,2026-04-03,") + b"\xff", [(3, "")]),
        (csv_of('PO-1,paid,1,USD,2026-04-03,"open'), [(2, "")]),
        (csv_of("PO-1,paid,٣,USD,2026-04-03,"), [(2, "amount")]),
        (csv_of("PO-1,pa\x00id,1,USD,2026-04-03,"), [(2, "status")]),
        (b"x" * (LONGEST + 1), [(1, "")]),
    ],
    ids=["empty", "no rows", "unknown", "twice", "latin", "quote", "digits", "nul", "long"],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(content, problems):
    assert problems_of(content) == problems


def test_the_words_stay_short_however_many_lines_are_wrong():
    with pytest.raises(UnreadableAnswer, match="And 80 more") as caught:
        read_answer(csv_of(*[f"PO-{n},paid,x,USD,2026-04-03," for n in range(100)]))
    assert len(caught.value.problems) == 100


def report(*payments, group="PART", inside="", version="10", before=""):
    return (
        f'<?xml version="1.0"?>{before}<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.{version}">'
        "<CstmrPmtStsRpt><GrpHdr><MsgId>B-1</MsgId><CreDtTm>2026-04-04T06:00:00</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>EXPORT-7</OrgnlMsgId><GrpSts>{group}</GrpSts>{inside}</OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>EXPORT-7-1</OrgnlPmtInfId>{''.join(payments)}</OrgnlPmtInfAndSts>"
        "</CstmrPmtStsRpt></Document>"
    ).encode()


def payment(pk, status, *, reason="", amount="100.05"):
    why = f"<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>{reason}</AddtlInf></StsRsnInf>" if reason else ""
    of = f'<OrgnlTxRef><Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt></OrgnlTxRef>' if amount else ""
    return f"<TxInfAndSts><OrgnlEndToEndId>{pk}</OrgnlEndToEndId><TxSts>{status}</TxSts>{why}{of}</TxInfAndSts>"


@pytest.mark.parametrize("version", ["03", "10"])
def test_a_status_report_tells_what_was_paid_what_not_and_what_is_on_its_way(version):
    payments = [payment("PO-1", "ACSC"), payment("PO-2", "RJCT", reason="Closed account"), payment("PO-3", "ACSP")]
    answer = read_answer(report(*payments, version=version))
    assert answer.results == (
        Result("PO-1", "paid", Decimal("100.05"), "EUR", dt.date(2026, 4, 4), ""),
        Result("PO-2", "rejected", Decimal("100.05"), "EUR", dt.date(2026, 4, 4), "AC04 Closed account"),
    )
    assert (answer.export, answer.waiting, answer.refused) == ("EXPORT-7", 1, "")


def test_a_file_that_was_refused_whole_says_so():
    why = "<StsRsnInf><Rsn><Cd>AM05</Cd></Rsn><AddtlInf>Duplicate file</AddtlInf></StsRsnInf>"
    answer = read_answer(report(group="RJCT", inside=why))
    assert (answer.results, answer.refused) == ((), "AM05 Duplicate file")


@pytest.mark.parametrize(
    "content",
    [
        b"<Document/>",
        b"<Document><unclosed>",
        report(payment("PO-1", "ACSC"), payment("PO-1", "ACSC")),
        report(payment("", "ACSC")),
        report(payment("PO-1", "XXXX")),
        report(payment("PO-1", "ACSC", amount="1,00")),
        report(payment("&x;", "ACSC"), before='<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        report(payment("PO-1", "ACSC"), before='<!DOCTYPE d SYSTEM "http://127.0.0.1:9/d.dtd">'),
    ],
    ids=["other", "broken", "twice", "no id", "status", "amount", "entity", "dtd"],
)
def test_a_report_that_cannot_be_trusted_is_not_read(content):
    with pytest.raises(UnreadableAnswer) as caught:
        read_answer(content)
    assert "root:" not in str(caught.value)


def test_a_bomb_of_entities_is_refused_at_once():
    bomb = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    with pytest.raises(UnreadableAnswer):
        read_answer(report(payment("&a9;", "ACSC"), before=f'<!DOCTYPE d [<!ENTITY a0 "ha">{bomb}]>'))
