"""What the two imports differ in, as data."""

from collections.abc import Callable
from dataclasses import dataclass

from touchpoints.importing.batch import Batch


@dataclass(frozen=True)
class Kind:
    """`fields` are what a file may fill, in the order that a row's id is made from: new ones go to the end,
    or every row imported before would come in a second time under another id."""

    noun: str
    table: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    time: str
    own_keys: tuple[str, ...]  # fields that name the row by themselves when the file gives them
    make_check: Callable[[str | None], Callable[[Batch], None]]  # called once, may query; its result must not
    noted: tuple[str, ...] = ()  # columns that the check fills, which no file may
    stamps: tuple[str, ...] = ()  # columns that get the time of the import
    make_prepare: Callable[[], Callable] | None = None  # its result sees each chunk's times before they are stored

    @property
    def columns(self):
        return ("id", *(name for name in self.fields if name != "id"), *self.noted, *self.stamps)
