"""How many rows wait, quickly: counts that stop where a person stops caring."""

from django.core.exceptions import EmptyResultSet
from django.db import connection


def bounded_counts(querysets, most):
    """Of each queryset by its name how many rows it has, counted up to `most` + 1, in one statement."""
    parts, counts = {}, dict.fromkeys(querysets, 0)
    for name, queryset in querysets.items():
        try:
            parts[name] = queryset.order_by().values("pk")[: most + 1].query.sql_with_params()
        except EmptyResultSet:
            continue
    if not parts:
        return counts
    columns = ", ".join(f"(SELECT count(*) FROM ({sql}) counted)" for sql, _ in parts.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [value for _, values in parts.values() for value in values])
        return counts | dict(zip(parts, cursor.fetchone(), strict=True))


def told_count(count, most):
    """`most` + 1 stands for more than can be said quickly."""
    return f"{most:,}+" if count > most else f"{count:,}"
