"""Filing and deciding many disputes by a CSV file: upload it, see what would happen, do it, take the results along."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.core import signing
from django.core.exceptions import PermissionDenied, ValidationError
from django.template.response import TemplateResponse
from django.urls import path
from unfold.widgets import UnfoldAdminFileFieldWidget

from attribution_site.audit.context import because
from attribution_site.spreadsheets import csv_lines
from disputes import csv_rows
from disputes.actors import Actor
from disputes.admin import csv_work
from disputes.operations.bulk import MOST_ROWS
from partners.admin import ReadOnlyAdmin

MAX_FILE_BYTES = 2 * 1024 * 1024
NOT_SHOWN = "That is not what you were shown. Take the file again."


@dataclass(frozen=True)
class Work:
    name: str
    title: str
    permission: str
    columns: dict
    check: Callable
    do: Callable
    lead: str
    money: str


FILE = Work(
    name="file_csv",
    title="File disputes from CSV",
    permission="disputes.add_dispute",
    columns=csv_rows.FILING,
    check=csv_work.check_filing,
    do=csv_work.file,
    lead="Each row files one dispute in your name: its record is frozen, the payees are told. "
    "What you filed, somebody else decides.",
    money="At stake",
)
RESOLVE = Work(
    name="resolve_csv",
    title="Resolve disputes from CSV",
    permission="disputes.resolve_dispute",
    columns=csv_rows.DECIDING,
    check=csv_work.check_deciding,
    do=csv_work.decide,
    lead="Each row decides one dispute in your name: money moves at once, the payees are told, and nobody can undo it.",
    money="Commission moved",
)


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        widget=UnfoldAdminFileFieldWidget,
        help_text=f"UTF-8, at most {MOST_ROWS:,} rows. Nothing is done before you have seen what would happen.",
    )

    def __init__(self, *args, columns, **kwargs):
        super().__init__(*args, **kwargs)
        self.columns = columns

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > MAX_FILE_BYTES:
            raise ValidationError(f"At most {MAX_FILE_BYTES // 1024 // 1024} MiB.")
        try:
            body = file.read()
            self.rows, self.digest = csv_rows.rows_of(body, self.columns), hashlib.sha256(body).hexdigest()
        except csv_rows.NoTable as error:
            raise ValidationError(str(error)) from None
        return file


@dataclass(frozen=True)
class Preview:
    """What was looked at, as the page holds it until it is confirmed: signed, so that nothing else can be."""

    name: str
    digest: str
    lines: list[csv_work.Line]

    def as_text(self, salt):
        rows = [[line.number, line.cells, line.shown] for line in self.lines if not line.refused]
        return signing.dumps([self.name, self.digest, rows], salt=salt, compress=True)

    @classmethod
    def of_text(cls, text, salt):
        name, digest, rows = signing.loads(text, salt=salt)
        return cls(name, digest, [csv_work.Line(number, cells, shown=shown) for number, cells, shown in rows])


class CsvPages(ReadOnlyAdmin):
    """For the admin of disputes."""

    def get_urls(self):
        own = [
            path(f"{work.name.replace('_', '-')}/", self._page(work), name=f"disputes_dispute_{work.name}")
            for work in (FILE, RESOLVE)
        ]
        return [*own, *super().get_urls()]

    def _page(self, work):
        return self.admin_site.admin_view(lambda request: self._answer(request, work))

    def _answer(self, request, work):
        if not request.user.has_perm(work.permission):
            raise PermissionDenied
        if "rows" in request.POST:
            return self._results(request, work)
        form = UploadForm(request.POST or None, request.FILES or None, columns=work.columns)
        if not form.is_valid():
            return self._shown(request, work, "upload", form=form, status=422 if form.is_bound else 200)
        lines = work.check(csv_work.lines_of(form.rows), Actor(user=request.user))
        seen = Preview(form.cleaned_data["file"].name, form.digest, lines)
        return self._shown(request, work, "preview", seen=seen, rows=seen.as_text(_salt(request, work)))

    def _results(self, request, work):
        try:
            seen = Preview.of_text(request.POST["rows"], _salt(request, work))
        except signing.BadSignature:
            form = UploadForm(columns=work.columns)
            return self._shown(request, work, "upload", form=form, refused=NOT_SHOWN, status=422)
        with because(file=seen.digest):
            csv_work.done(seen.lines, work.do, Actor(user=request.user))
        return self._shown(request, work, "done", seen=seen, file=results(seen.lines, work))

    def _shown(self, request, work, step, *, status=200, seen=None, **more):
        lines = seen.lines if seen else []
        bad = sum(bool(line.refused) for line in lines)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": work.title,
            "media": self.media,
            "work": work,
            "step": step,
            "seen": seen,
            "lines": lines,
            "good": len(lines) - bad,
            "bad": bad,
            **more,
        }
        return TemplateResponse(request, "admin/queue/csv.html", context, status=status)


def _salt(request, work):
    return f"disputes.{work.name}.{request.user.pk}"


def results(lines, work):
    """The results as a file that the page itself holds: nothing of it is kept."""
    columns = list(work.columns)
    rows = (
        [line.number, f"D-{line.dispute.number}" if line.dispute else "", line.told, line.moved, line.refused]
        + [line.cells.get(name, "") for name in columns]
        for line in lines
    )
    text = "".join(csv_lines(["line", "dispute", "result", "money", "refused", *columns], rows))
    return f"data:text/csv;charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
