"""Stopping runs: what waits never begins, what goes on is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection

from ..model.errors import NotFound
from ..model.run import TERMINAL, Run, State
from ..policy.stimuli import CancelRequested
from ..store import functions, queue, runs
from ..store.database import Database
from .facts import run_json
from .feed import Awaited, Feed, wait_for
from .transitions import Step, Told, Transitions

_LIMIT_S = 5.0  # for the news that a killed one is gone


class Cancellations:
    """Each method is one verb of the API."""

    def __init__(self, database: Database, transitions: Transitions, feed: Feed) -> None:
        self._database = database
        self._transitions = transitions
        self._feed = feed

    async def cancel(self, run_id: str) -> dict[str, Any]:
        """Stop a run, of one that was split the runs that go on with it: its JSON, once it is gone. Raises NotFound."""
        (answer,) = await self.cancel_each([run_id])
        return answer

    async def cancel_each(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Stop several: their JSON, in the order of their ids, once they are gone.

        Raises:
            NotFound: there is no such run; nothing is stopped then.
        """
        ids = list(dict.fromkeys(run_ids))
        await self._stop(lambda conn: _going_on(_existing(conn, ids), conn))
        return await self._shown(ids)

    async def cancel_all(self, name: str) -> list[dict[str, Any]]:
        """Stop every run of a function that has not ended: their JSON. Raises NotFound."""

        def open_runs(conn: Connection) -> list[str]:
            functions.get(conn, name)
            return queue.open_ids(conn, name)

        return await self._shown(await self._stop(open_runs))

    async def _stop(self, choose: Callable[[Connection], list[str]]) -> list[str]:
        """Stop what is chosen, and wait until it is gone."""
        expected = await asyncio.to_thread(self._database.read, choose)
        with ExitStack() as stack:
            waiting = {run_id: stack.enter_context(self._feed.awaiting(run_id)) for run_id in expected}
            steps = await self._transitions.tell(lambda conn: _cancelled(choose(conn)))
            await _gone(steps, waiting)
        return [step.after.id for step in steps]

    async def _shown(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        found = await asyncio.to_thread(self._database.read, lambda conn: runs.get_all(conn, ids))
        return [run_json(found[run_id]) for run_id in ids]


def _existing(conn: Connection, ids: Sequence[str]) -> list[Run]:
    found = runs.get_all(conn, ids)
    for run_id in ids:
        if run_id not in found:
            raise NotFound(f"There is no run {run_id!r}.", "jupyter fn runs lists them.")
    return [found[run_id] for run_id in ids]


def _going_on(chosen: Iterable[Run], conn: Connection) -> list[str]:
    """The ids of these runs, of a split one those of its parts."""
    return [run.id for one in chosen for run in _leaves(one, conn)]


def _leaves(run: Run, conn: Connection) -> Iterator[Run]:
    if run.state is not State.SPLIT:
        yield run
        return
    for child in runs.children_of(conn, run.id):
        if child.replay == run.replay:
            yield from _leaves(child, conn)


def _cancelled(ids: Iterable[str]) -> list[Told]:
    return [(run_id, CancelRequested()) for run_id in ids]


async def _gone(steps: Sequence[Step], waiting: dict[str, Awaited]) -> None:
    ends = [waiting[s.after.id].event for s in steps if s.after.state not in TERMINAL and s.after.id in waiting]
    await asyncio.gather(*(wait_for(end, _LIMIT_S) for end in ends))
