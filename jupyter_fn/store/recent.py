"""What was entered last and waits to be claimed, in memory: so a claim that comes soon need not read it.

It belongs to the writer's connection. What a run and its event are does not change before the run is claimed for the first
time, so whoever sees in the database that a run is queued with the token 0 may take it from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from sqlalchemy import Connection

from ..model.event import Event
from ..model.run import Run, State

_MOST = 4096  # runs, and events
_MOST_CHARACTERS = 16_777_216  # of all events together
_STALE_S = 60.0  # what waits longer makes room
_NAME = "recent"


class Recent:
    """Runs and events by id. When it is full it keeps what came first, for that is claimed first."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._events: dict[str, tuple[Event, int]] = {}
        self._characters = 0

    def add_run(self, run: Run) -> None:
        """It was entered in this transaction."""
        if run.state is not State.QUEUED:
            return
        if len(self._runs) >= _MOST:
            oldest = next(iter(self._runs.values()))
            if run.created - oldest.created < _STALE_S:
                return
            self.drop(oldest)
        self._runs[run.id] = run

    def add_event(self, event: Event, characters: int) -> None:
        """The same; so many characters are what it has of its own."""
        room = len(self._events) < _MOST and self._characters + characters <= _MOST_CHARACTERS
        if room and event.id not in self._events:
            self._events[event.id] = event, characters
            self._characters += characters

    def run(self, run_id: str, seq: int) -> Run | None:
        """The run, which is queued and was never claimed."""
        run = self._runs.get(run_id)
        return run if run is not None and run.seq == seq else None

    def event(self, event_id: str) -> Event | None:
        """The event of such a run."""
        found = self._events.get(event_id)
        return None if found is None else found[0]

    def drop(self, run: Run) -> None:
        """It is not any more what it was when it was entered."""
        self._runs.pop(run.id, None)
        _, characters = self._events.pop(run.event_id, (None, 0))
        self._characters -= characters

    def drop_all(self, runs: Iterable[Run]) -> None:
        """The same for several."""
        if self._runs or self._events:
            for run in runs:
                self.drop(run)


def recent(conn: Connection) -> Recent:
    """That of a connection. Those that only read have an empty one."""
    found = conn.info.get(_NAME)
    if found is None:
        found = conn.info[_NAME] = Recent()
    return cast(Recent, found)


def forget(conn: Connection) -> None:
    """A transaction was undone: nobody knows what is there any more. A connection that broke has forgotten by itself."""
    if not conn.invalidated:
        conn.info.pop(_NAME, None)
