"""What happens, pushed to whoever follows; and waiting for the end of a run. Lives on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ..model.run import Run

_MOST_PENDING = 2000  # of one follower; the oldest goes first
_GATHER_S = 0.03  # what comes within this time travels together, of one thing only the last


@dataclass(frozen=True, slots=True)
class Happening:
    """One pushed event: `run`, `function`, `worker`, `log` or `progress`, with its JSON."""

    event: str
    data: Mapping[str, Any]


@dataclass(eq=False)
class Follower:
    """One listener. A later state of the same thing takes the place of an earlier one that it has not heard of yet."""

    function: str = ""
    pending: dict[Any, Happening] = field(default_factory=dict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def put(self, key: Any, happening: Happening) -> None:
        """Have it told next."""
        self.pending.pop(key, None)
        self.pending[key] = happening
        if len(self.pending) > _MOST_PENDING:
            del self.pending[next(iter(self.pending))]
        self.woken.set()

    async def happenings(self) -> AsyncIterator[list[Happening]]:
        """What has come, in the order of the last states; ends when the feed closes."""
        while not self.closed:
            await self.woken.wait()
            await asyncio.sleep(_GATHER_S)
            self.woken.clear()
            come, self.pending = list(self.pending.values()), {}
            if come:
                yield come


@dataclass(eq=False)
class Awaited:
    """A run whose end somebody waits for; `run` and `log` are there when it has ended meanwhile."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    run: Run | None = None
    log: str | None = None


class Feed:
    """The followers, and those who wait for runs."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self._waiting: dict[str, set[Awaited]] = {}
        self._numbers = count()
        self.closed = False

    @property
    def followed(self) -> bool:
        """Whether it is worth making what would be pushed."""
        return bool(self._followers)

    @contextmanager
    def follow(self, function: str = "") -> Iterator[Follower]:
        """A follower of everything, or of one function's runs, logs and progress."""
        follower = Follower(function)
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    def push(
        self, event: str, data: Mapping[str, Any] | Callable[[], Mapping[str, Any]], *, function: str, key: str = ""
    ) -> None:
        """Tell the followers. `key` names the thing whose state this is; without it nothing takes its place."""
        concerned = [f for f in self._followers if not f.function or f.function == function]
        if not concerned:
            return
        happening = Happening(event, data() if callable(data) else data)
        for follower in concerned:
            follower.put((event, key or next(self._numbers)), happening)

    def close(self) -> None:
        """Every follower's stream ends, and nobody waits any longer."""
        self.closed = True
        for follower in self._followers:
            follower.closed = True
            follower.woken.set()
        for waiting in self._waiting.values():
            for awaited in waiting:
                awaited.event.set()

    # --- the end of a run

    @contextmanager
    def awaiting(self, run_id: str) -> Iterator[Awaited]:
        """Somebody waits for the end of that run. Enter before looking whether it has ended already."""
        awaited = Awaited()
        self._waiting.setdefault(run_id, set()).add(awaited)
        try:
            yield awaited
        finally:
            waiting = self._waiting[run_id]
            waiting.discard(awaited)
            if not waiting:
                del self._waiting[run_id]

    @property
    def awaited(self) -> set[str]:
        """The runs that somebody waits for, and nobody has seen end yet."""
        return {run_id for run_id, waiting in self._waiting.items() if any(one.run is None for one in waiting)}

    def ended(self, run: Run, log: Callable[[], str | None]) -> None:
        """That run has ended, and that is committed; `log` gives all it has printed, when that is at hand."""
        for awaited in self._waiting.get(run.id, ()):
            awaited.run, awaited.log = run, log()
            awaited.event.set()


async def wait_for(event: asyncio.Event, limit_s: float) -> bool:
    """Whether `event` was set within the limit."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()
    return event.is_set()
