"""Who acts in a dispute: a person of the house, a program of the house, or a partner or broker by its key."""

from typing import Any, NamedTuple
from uuid import UUID

Payee = tuple[str, str]


class Actor(NamedTuple):
    """`user` is a person of the house; `key_id` the key that was used, which may act for that person; `payee` the
    partner or broker that the key is bound to. The system itself is none of them."""

    user: Any = None
    key_id: UUID | None = None
    payee: Payee | None = None

    @property
    def is_house(self) -> bool:
        return self.payee is None

    def is_same_as(self, user_id: Any, key_id: UUID | None) -> bool:
        """Whether it was this one who is kept under these ids. A person is one whatever key acts for them; where one
        time no person was named, a key is one whoever it is said to act for."""
        if self.user is not None and user_id is not None:
            return bool(self.user.pk == user_id)
        return self.key_id is not None and self.key_id == key_id


SYSTEM = Actor()
