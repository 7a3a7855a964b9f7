"""Stopping runs: what waits never begins, what goes on is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.errors import NotFound
from ..model.run import TERMINAL, Run, State
from ..policy.stimuli import CancelRequested
from ..store import functions, queue, runs
from ..store.database import Database
from .facts import run_json
from .feed import Awaited, Feed, wait_for
from .transitions import Step, Transitions, told

PAGE = 1000  # runs of one transaction
_LIMIT_S = 5.0  # for the news that a killed one is gone

T = TypeVar("T")


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
        await self._stop(await self._read(lambda conn: _going_on(_existing(conn, ids), conn)))
        return await self._shown(ids)

    async def cancel_all(self, name: str) -> list[dict[str, Any]]:
        """Stop every run of a function that has not ended: their JSON. Raises NotFound."""

        def open_runs(conn: Connection) -> list[str]:
            functions.get(conn, name)
            return queue.open_ids(conn, name)

        ids = await self._read(open_runs)
        await self._stop(ids)
        return await self._shown(ids)

    async def _stop(self, ids: Sequence[str]) -> None:
        """Stop these, page by page, and wait until they are gone."""
        with ExitStack() as stack:
            waiting = {run_id: stack.enter_context(self._feed.awaiting(run_id)) for run_id in ids}
            for start in range(0, len(ids), PAGE):
                page = [(run_id, CancelRequested()) for run_id in ids[start : start + PAGE]]
                steps = await self._transitions.tell(told(*page))
                await _gone(steps, waiting)

    async def _shown(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        found: dict[str, Run] = {}
        for start in range(0, len(ids), PAGE):
            found |= await self._read(partial(runs.get_all, run_ids=ids[start : start + PAGE]))
        return [run_json(found[run_id]) for run_id in ids]

    async def _read(self, question: Callable[[Connection], T]) -> T:
        return await asyncio.to_thread(self._database.read, question)


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


async def _gone(steps: Sequence[Step], waiting: Mapping[str, Awaited]) -> None:
    ends = [waiting[step.after.id].event for step in steps if step.after.state not in TERMINAL]
    await asyncio.gather(*(wait_for(end, _LIMIT_S) for end in ends))
