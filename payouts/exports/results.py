"""What the bank answers, read in whole or not at all: a CSV list, or the status report pain.002."""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lxml import etree

from attribution_site.errors import DomainError

COLUMNS = ("endToEndId", "status", "amount", "currency", "date")
MORE_COLUMNS = ("reason", "reference")
STATUSES = ("paid", "rejected", "returned")
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,3})?")
LONGEST = 32 * 1024 * 1024
SHOWN = 20


@dataclass(frozen=True)
class Result:
    """What became of one payment. A status report may leave amount, currency and date out. `reference` is the bank's
    own."""

    end_to_end_id: str
    status: str
    amount: Decimal | None
    currency: str
    date: dt.date | None
    reason: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Answer:
    """`refused`: why the bank took nothing of the file; then it names no payments. `waiting`: how many payments it has
    taken on and not decided: another answer comes for them."""

    results: tuple[Result, ...]
    export: str = ""
    refused: str = ""
    waiting: int = 0


@dataclass(frozen=True)
class Problem:
    line: int
    column: str
    text: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.text}"


class UnreadableAnswer(DomainError):
    """`problems` has all of them; the words have the first."""

    code = "unreadable_answer"

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        more = f" And {len(problems) - SHOWN} more." if len(problems) > SHOWN else ""
        super().__init__(" ".join(f"{problem}." for problem in problems[:SHOWN]) + more)


def read_answer(content: bytes) -> Answer:
    """Of either kind. Raises UnreadableAnswer."""
    if len(content) > LONGEST:
        raise UnreadableAnswer(Problem(1, "", f"the file is longer than {LONGEST // 1024 // 1024} MiB"))
    return read_pain002(content) if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<") else read_csv(content)


def read_csv(content: bytes) -> Answer:
    """Raises UnreadableAnswer, which names line and column."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UnreadableAnswer(Problem(line, "", "the file is not in UTF-8")) from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        names = [name.strip() for name in next(rows, [])]
        _check_head(names)
        return _read_rows(rows, names)
    except csv.Error as error:
        raise UnreadableAnswer(Problem(rows.line_num, "", str(error))) from None


def _check_head(names: list[str]) -> None:
    known = {*COLUMNS, *MORE_COLUMNS}
    problems = [Problem(1, name, "the column is missing") for name in COLUMNS if name not in names]
    problems += [Problem(1, name or "a column without a name", "is unknown") for name in names if name not in known]
    problems += [Problem(1, name, "is there twice") for name in sorted(known) if names.count(name) > 1]
    if problems:
        raise UnreadableAnswer(*problems)


def _read_rows(rows: Any, names: list[str]) -> Answer:
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    results = []
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        line = rows.line_num
        if len(cells) != len(names):
            problems.append(Problem(line, "", f"has {len(cells)} cells instead of {len(names)}"))
            continue
        values = {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
        found = [Problem(line, column, text) for column, text in _wrong(values)]
        pk = values["endToEndId"]
        if not found and pk in lines:
            found = [Problem(line, "endToEndId", f"{pk} is on line {lines[pk]} already")]
        lines.setdefault(pk, line)
        problems += found
        if not found:
            results.append(_result(values))
    if not results and not problems:
        problems.append(Problem(2, "", "there are no results"))
    if problems:
        raise UnreadableAnswer(*problems)
    return Answer(tuple(results))


def _wrong(values: dict[str, str]) -> Iterator[tuple[str, str]]:
    if not 1 <= len(values["endToEndId"]) <= 35:
        yield "endToEndId", "give the id of the payment, as the export names it"
    if values["status"] not in STATUSES:
        yield "status", f"take one of {', '.join(STATUSES)}"
    if not AMOUNT.fullmatch(values["amount"]) or not Decimal(values["amount"]):
        yield "amount", "give a number above zero, such as 1234.50"
    if not re.fullmatch("[A-Z]{3}", values["currency"]):
        yield "currency", "give its three letters, such as USD"
    if _day(values["date"]) is None:
        yield "date", "give a date such as 2026-01-31"
    for name, most in (("reason", 500), ("reference", 140)):
        if len(values.get(name, "")) > most:
            yield name, f"has {most} characters at most"


def _result(values: dict[str, str]) -> Result:
    return Result(
        end_to_end_id=values["endToEndId"],
        status=values["status"],
        amount=Decimal(values["amount"]),
        currency=values["currency"],
        date=_day(values["date"]),
        reason=values.get("reason", ""),
        reference=values.get("reference", ""),
    )


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


# ISO 20022's words for a payment that is done, and for one that is on its way.
DONE, WAITING, REJECTED = {"ACSC", "ACCC"}, {"ACTC", "ACCP", "ACSP", "ACWC", "PDNG", "RCVD", "PART", "ACFC"}, "RJCT"


def read_pain002(content: bytes) -> Answer:
    """Raises UnreadableAnswer. The document may bring no type definition: nothing is expanded, nothing fetched."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        document = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UnreadableAnswer(Problem(getattr(error, "lineno", 1) or 1, "", "this is not well-formed XML")) from None
    if document.getroottree().docinfo.doctype:
        raise UnreadableAnswer(Problem(1, "DOCTYPE", "a status report has none"))
    report = _child(document, "CstmrPmtStsRpt")
    if report is None:
        raise UnreadableAnswer(Problem(document.sourceline or 1, "", "this is no pain.002 status report"))
    return _of_report(report)


def _of_report(report: Any) -> Answer:
    group = _child(report, "OrgnlGrpInfAndSts")
    export = _words(group, "OrgnlMsgId")
    payments = [each for part in _children(report, "OrgnlPmtInfAndSts") for each in _children(part, "TxInfAndSts")]
    statuses = [_words(group, "GrpSts")] + [
        _words(each, "PmtInfSts") for each in _children(report, "OrgnlPmtInfAndSts")
    ]
    if not payments and REJECTED in statuses:
        return Answer((), export=export, refused=_reason(report) or "The bank gave no reason.")
    made = _words(_child(report, "GrpHdr"), "CreDtTm")
    results, problems, waiting = [], [], 0
    seen: dict[str, int] = {}
    for payment in payments:
        status = _words(payment, "TxSts")
        found = _wrong_in(payment, status, seen)
        problems += found
        if not found and status in WAITING:
            waiting += 1
        elif not found:
            results.append(_of_payment(payment, status, made))
    if problems:
        raise UnreadableAnswer(*problems)
    return Answer(tuple(results), export=export, waiting=waiting)


def _wrong_in(payment: Any, status: str, seen: dict[str, int]) -> list[Problem]:
    line, pk, problems = payment.sourceline or 0, _words(payment, "OrgnlEndToEndId"), []
    if not pk:
        problems.append(Problem(line, "OrgnlEndToEndId", "is missing"))
    elif pk in seen:
        problems.append(Problem(line, "OrgnlEndToEndId", f"{pk} is on line {seen[pk]} already"))
    seen.setdefault(pk, line)
    if status not in DONE | WAITING | {REJECTED}:
        problems.append(Problem(line, "TxSts", f"{status or 'nothing'} is no status that we know"))
    amount = _amount(payment)
    if amount is not None and not AMOUNT.fullmatch(amount.text or ""):
        problems.append(Problem(amount.sourceline or line, "InstdAmt", "is no amount"))
    return problems


def _of_payment(payment: Any, status: str, made: str) -> Result:
    amount = _amount(payment)
    day = _words(payment, "AccptncDtTm") or made
    return Result(
        end_to_end_id=_words(payment, "OrgnlEndToEndId"),
        status="rejected" if status == REJECTED else "paid",
        amount=None if amount is None else Decimal(amount.text),
        currency="" if amount is None else amount.get("Ccy", ""),
        date=_day(day[:10]),
        reason=_reason(payment),
        reference=_words(payment, "AcctSvcrRef")[:140],
    )


def _amount(payment: Any) -> Any:
    return next(payment.iterfind("{*}OrgnlTxRef/{*}Amt/{*}InstdAmt"), None)


def _reason(element: Any) -> str:
    """The code that the bank gives, with its words."""
    told = [" ".join(part.itertext()).split() for part in element.iter("{*}StsRsnInf")]
    return "; ".join(" ".join(words) for words in told)[:500]


def _child(element: Any, name: str) -> Any:
    return next(_children(element, name), None)


def _children(element: Any, name: str) -> Iterator[Any]:
    return iter(()) if element is None else element.iterfind(f"{{*}}{name}")


def _words(element: Any, name: str) -> str:
    child = _child(element, name)
    return "" if child is None else (child.text or "").strip()
