"""The parts of a timeline that there are hundreds of: by `format_html`, which takes a tenth of a template's time."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

SIGN = '<b class="material-symbols-outlined" aria-hidden="true">{}</b>{}'
SHARE = '<small aria-hidden="true">{}</small>'
POINT = mark_safe('<b aria-hidden="true"></b>')
MARK = (
    '<a href="#{}-{}" class="{}" style="left:{}%;top:{}px" data-number="{}" data-sizes="{}" data-shares="{}"'
    ' aria-label="{}"><i class="tl-credit" style="--size:{}px"></i>{}</a>'
)
ROW = '<tr id="{}-{}"{}><td>{}</td><td>{}</td><td>{} <small>{}</small></td><td>{}</td>{}<td>{}</td></tr>'
HERE = mark_safe(' class="here"')
STATES = {"out": "tl-out", "is_marked": "tl-marked", "is_inserted": "tl-inserted", "is_settled": "tl-settled"}


def marks(name, drawn, signs):
    return mark_safe("".join(_mark(name, mark, signs) for mark in drawn))


def _mark(name, mark, signs):
    css = " ".join(["tl-mark", f"tl-{mark['payee'][0]}", *(css for state, css in STATES.items() if mark[state])])
    share = format_html(SHARE, mark["share"]) if mark.get("is_labelled") else ""
    sign = format_html(SIGN, mark["icon"], share) if signs else POINT
    number = mark["number"]
    return format_html(
        MARK, name, number, css, mark["x"], mark["y"], number, mark["sizes"], mark["shares"], mark["label"],
        mark["size"], sign,
    )  # fmt: skip


def rows(name, table):
    """The same for those who do not see the picture."""
    return mark_safe("".join(_row(name, row) for row in table))


def _row(name, row):
    shares = format_html_join("", '<td class="number">{}</td>', ((share,) for share in row["shares"]))
    return format_html(
        ROW, name, row["number"] - 1, HERE if row["is_marked"] else "", row["number"], row["when"], row["channel"],
        row["beside"], row["payee"], shares, row["note"],
    )  # fmt: skip
