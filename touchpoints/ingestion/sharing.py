"""Requests that write at the same time share one statement and one commit.

The first of them writes at once; what arrives meanwhile waits, and is written all together by the first of those that
wait. So nobody waits for company, and the busier it is, the less each costs. `docs/ingestion.md` says what is promised.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError

Row = TypeVar("Row")
Result = TypeVar("Result")

MOST_TOGETHER = 500
MOST_WAITING = 1000
PATIENCE = 5.0  # seconds that a row waits to be taken up
OVERLOADED = "overloaded"
TOO_MUCH = "Too much is coming in just now. Nothing of this was stored: send it again in a second."


class Busy(Exception):
    """The row was not stored: too many wait, or it waited too long."""


class _Ticket(Generic[Row, Result]):
    """One waiting request: its row, and later its result or what went wrong, or that it is its turn to write."""

    __slots__ = ("_bell", "error", "leads", "result", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.result: Result | None = None
        self.error: BaseException | None = None
        self.leads = False
        self._bell = threading.Lock()
        self._bell.acquire()

    def ring(self) -> None:
        self._bell.release()

    def heard(self, seconds: float) -> bool:
        return self._bell.acquire(timeout=seconds)


class SharedCommit(Generic[Row, Result]):
    """`write` stores rows in one commit, on the connection of the thread that calls it, and gives a result for each."""

    def __init__(
        self,
        write: Callable[..., Sequence[Result]],
        *,
        most_waiting: int = MOST_WAITING,
        patience: float = PATIENCE,
    ) -> None:
        self.write = write
        self._most_waiting = most_waiting
        self._patience = patience
        self._lock = threading.Lock()
        self._waiting: list[_Ticket[Row, Result]] = []
        self._is_led = False

    def store(self, row: Row) -> Result:
        """The row's result, once it is committed. Busy: it was not stored, nor will be."""
        ticket: _Ticket[Row, Result] = _Ticket(row)
        with self._lock:
            if len(self._waiting) >= self._most_waiting:
                raise Busy
            self._waiting.append(ticket)
            ticket.leads, self._is_led = not self._is_led, True
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads:
            self._lead()
        if ticket.error:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # without an error there is one

    def _wait(self, ticket: _Ticket[Row, Result]) -> None:
        if ticket.heard(self._patience):
            return
        with self._lock:
            if ticket in self._waiting and not ticket.leads:
                self._waiting.remove(ticket)
                raise Busy
        # Somebody is writing it just now, or has just made it the next to write: only the end tells what became of it.
        ticket.heard(-1)

    def _lead(self) -> None:
        """Write what waits, one's own row first, then hand over to the first of those that came since."""
        with self._lock:
            together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
        try:
            self._store(together)
        finally:
            with self._lock:
                heir = self._waiting[0] if self._waiting else None
                self._is_led = heir is not None
                if heir:
                    heir.leads = True
            if heir:
                heir.ring()
            for ticket in together[1:]:
                ticket.ring()

    def _store(self, together: list[_Ticket[Row, Result]]) -> None:
        try:
            results = self.write([ticket.row for ticket in together])
        except (OperationalError, InterfaceError) as error:
            # The database is away, or too slow: trying each would only make it worse.
            for ticket in together:
                ticket.error = error
        except DatabaseError as error:
            self._store_each(together, error)
        except BaseException as error:
            for ticket in together:
                ticket.error = error
            raise
        else:
            for ticket, result in zip(together, results, strict=True):
                ticket.result = result

    def _store_each(self, together: list[_Ticket[Row, Result]], error: DatabaseError) -> None:
        """One row spoils a statement for all: by themselves, the others are stored."""
        if len(together) == 1:
            together[0].error = error
            return
        for ticket in together:
            self._store([ticket])
