"""The one thing that every app may import from the site."""


class DomainError(Exception):
    """An expected refusal, told in words that a user may read. The API answers it with 409."""

    code = "conflict"
