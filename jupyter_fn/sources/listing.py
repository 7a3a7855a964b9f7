"""What a listing says of files, whatever filesystem they lie on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file that fits the pattern."""

    path: str  # absolute, or a full URL
    name: str  # relative to the listing's base
    size: int  # bytes
    modified: float  # epoch seconds
    changed: float  # epoch seconds: the bytes or the name are not older than this
    version: str  # another one means another content
    atomic: bool  # the filesystem only ever shows whole files


class Listing(Protocol):
    """A folder with a pattern below it."""

    base: str  # the folder, absolute or a URL
    pattern: str  # relative to it

    def find(self, now: float) -> Iterator[Found]:
        """Everything that fits. A folder that is not there holds nothing. Raises SourceUnreachable."""
        ...

    def one(self, name: str, now: float) -> Found | None:
        """The file of that name (relative to `base`), None when it is not there."""
        ...

    def name_of(self, subject: str) -> str | None:
        """What a user calls `subject`, relative to `base`; None when it lies elsewhere."""
        ...

    def path_of(self, name: str) -> str:
        """How the events of that file name it."""
        ...

    def open(self, found: Found) -> BinaryIO:
        """Its bytes, seekable. Raises OSError."""
        ...

    def listen(self, hint: Callable[[], None], rest_s: Callable[[], float]) -> Callable[[], None] | None:
        """As `protocol.Source.listen`; between two hints `rest_s()` seconds pass at least."""
        ...
