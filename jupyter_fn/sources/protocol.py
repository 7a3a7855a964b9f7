"""What a source is. It polls from a position, says when to be woken, and never sleeps.

`sources` knows nothing of the store: what the store itself can tell (topics, finished runs) comes through `Logs`,
handed in by the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..model.event import NewEvent
from ..model.log import FinishedRun, LogRecord
from ..policy.again import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One look. `events` and `position` are committed in one transaction by the engine."""

    events: Sequence[NewEvent]
    position: Any  # JSON; handed to the next poll
    wake_at: float | None = None  # epoch seconds: poll again no later than this; None = only on a hint
    more: bool = False  # there is more right now: poll again at once after the commit
    ended: bool = False  # nothing will ever come again, an `at(…)` that has fired


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a source knows of one subject (a path, a fire time), for `explain`."""

    key: str  # the event key it would have now, or ""
    verdict: str  # one sentence: "waits to settle for 1.2 s more", "does not match the pattern", …
    takes: bool  # the source would make an event of it
    path: str = ""  # of a file: as its events name it, also when it is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a backfill wants of a source."""

    span: Span
    live: bool = False  # a trigger follows the source, and goes on from `position`
    position: Any = None
    taken: Callable[[], Collection[str]] = tuple  # the keys that its ledger has


class Source(Protocol):
    """Every method may block: the engine calls it in a thread. One instance serves one trigger."""

    def poll(self, position: Any, now: float) -> Poll:
        """Look from `position` (None at first). Must be repeatable: until the result is committed, the same position comes again."""
        ...

    def past(self, asked: Asked, now: float) -> Iterator[Poll]:
        """What was there before, from nothing and page by page, oldest first, but for what a live trigger still brings.
        A page with `wake_at` is to be waited for before the next one. The last page's position, if it has one, is where a
        trigger would go on. Raises BadValue for a span that cannot be."""
        ...

    def listen(self, hint: Callable[[], None]) -> Callable[[], None] | None:
        """Call `hint` (from any thread) when a look is worth it. Gives the function that stops it, or None when there is no such channel."""
        ...

    def survey(self, now: float) -> Sequence[str] | None:
        """The keys of everything that is there now and that a poll from nothing would admit, for `audit`; None when that cannot be listed."""
        ...

    def look(self, subject: str, now: float) -> Look:
        """What this source makes of one subject."""
        ...


class Logs(Protocol):
    """The store's own two replayable logs."""

    def records(self, topic: str, *, after: int, limit: int) -> Sequence[LogRecord]:
        """Records of `topic` with `seq > after`, oldest first."""
        ...

    def last_record(self, topic: str) -> int:
        """The newest `seq` of `topic`, 0 when it is empty."""
        ...

    def finished(self, function: str, *, failed: bool, after: int, limit: int) -> Sequence[FinishedRun]:
        """Runs of `function` that ended after finish sequence `after`: succeeded ones, or dead ones when `failed`."""
        ...

    def last_finished(self) -> int:
        """The newest finish sequence of all runs, 0 when there is none."""
        ...

    def listen(self, hint: Callable[[], None], *, topic: str = "", function: str = "") -> Callable[[], None]:
        """Call `hint` after every commit that adds to this topic, or finishes a run of this function; gives the stopper."""
        ...
