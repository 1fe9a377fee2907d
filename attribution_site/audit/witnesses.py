"""What else the database says of a table whose rows come by the million and leave no event when they do.

Such a row, once it was changed or put in with triggers off, is nowhere in the log. What was made of it, or what it was
made of, is another witness: an app names one for its table, and `verify_audit` hears it."""

from collections.abc import Iterator

# By table: queries of (id of a row, what is wrong with it). Each is one pass over the table, in the server.
_OF_TABLE: dict[str, list[str]] = {}


def witness(table: str, query: str) -> None:
    _OF_TABLE.setdefault(table, []).append(query)


def queries_of(table: str) -> Iterator[str]:
    yield from _OF_TABLE.get(table, ())
