"""What an app tells of each of its operations: `OPERATIONS` in its schema module, by method and path."""

from typing import Any, NamedTuple


class Operation(NamedTuple):
    """`answers` has, for each good status, a serializer, a schema, one of the forms below, or None for no body.
    `takes`: the request's body. `parameters`: beside those of filters and pages. `refusals`: beside those that every
    operation of its kind has."""

    id: str
    summary: str
    answers: dict[int, Any]
    takes: Any = None
    description: str = ""
    parameters: tuple = ()
    refusals: tuple[int, ...] = ()
    # Bodies and answers in other forms than JSON: media type → schema.
    takes_also: dict[str, Any] = {}
    answers_also: dict[str, Any] = {}
    # Headers of the good answer, by name: what they tell.
    headers: dict[str, str] = {}


class OneOf(NamedTuple):
    choices: tuple


class ListOf(NamedTuple):
    """An array of at most so many."""

    of: Any
    most: int | None = None


class PageOf(NamedTuple):
    """A page of the view's paginator. The operation has the parameters of the paginator, and those of the view's
    filters if it is `filtered`. `name`: of what is listed, where that is no serializer."""

    of: Any
    name: str | None = None
    filtered: bool = True


TEXT_FILE = {"type": "string"}
BINARY_FILE = {"type": "string", "format": "binary"}
