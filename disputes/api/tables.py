"""Many disputes as CSV: lines become the items that JSON would have had, and what became of each is a line again."""

import csv
import io
import re
from decimal import Decimal

from django.http import HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from attribution_site.api.wire import MAX_BODY_BYTES, BodyTooLarge

CSV = "text/csv"
CLAIMS = (*("attributionId", "conversionId", "disputeType", "reason", "expectedAmount", "claimantType", "claimantId"),)
RESOLUTIONS = (
    *("id", "number", "status", "resolution", "rejection"),
    *("way", "touchpointId", "payeeType", "payeeId", "percentage", "resolvedBy"),
)
NUMBERS = ("expectedAmount", "percentage")
PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
# A spreadsheet takes a text of a CSV that begins like this for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("line", "id", "field", "code", "detail")


class TableParser(BaseParser):
    """An empty cell is a field left out."""

    media_type = CSV
    columns: tuple[str, ...]

    def parse(self, stream, media_type=None, parser_context=None):
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        try:
            lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
            header = next(lines, [])
            if not header or set(header) - set(self.columns) or len(set(header)) < len(header):
                raise ParseError(f"The first line names the columns, some of {', '.join(self.columns)}.")
            return [_item(header, line, lines.line_num) for line in lines if line]
        except UnicodeDecodeError:
            raise ParseError("It is not UTF-8.") from None
        except csv.Error as error:
            raise ParseError(f"It is not CSV: {error}.") from None


class ClaimParser(TableParser):
    columns = CLAIMS


class ResolutionParser(TableParser):
    columns = RESOLUTIONS


def _item(header, line, number):
    if len(line) != len(header):
        raise ParseError(f"Line {number} has {len(line)} cells, the first line {len(header)}.")
    item = {name: cell for name, cell in zip(header, line, strict=True) if cell}
    for name in NUMBERS:
        if PLAIN_NUMBER.fullmatch(item.get(name, "")):
            # Other text is left as it is, for the field to refuse.
            item[name] = Decimal(item[name])
    return item


def is_wanted(request):
    return CSV in request.META.get("HTTP_ACCEPT", "")


def answered(request, answer):
    """What became of each item, as CSV for who asks for that. `line` is that of a file, whose first has the columns."""
    if not is_wanted(request):
        return Response(answer)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for item in answer["items"]:
        for row in _rows(item):
            writer.writerow([item["index"] + 2, *map(_harmless, row)])
    return HttpResponse(text.getvalue(), content_type=f"{CSV}; charset=utf-8")


def _rows(item):
    if "id" in item:
        return [(str(item["id"]), "", "", "")]
    return [("", error["attr"] or "", error["code"], error["detail"]) for error in item["errors"]]


def _harmless(text):
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
