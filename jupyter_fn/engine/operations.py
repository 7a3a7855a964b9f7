"""What people do with functions: pause, resume, alias, roll back, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.errors import NotFound
from ..model.function import LIVE, check_name
from ..policy.routing import check_weights
from ..policy.stimuli import CancelRequested
from ..store import functions, lanes, queue, triggers
from ..store.database import Database
from .admission import release_all
from .catalog import Catalog, live_version
from .dispatcher import Dispatcher
from .feed import Feed
from .publisher import wanted_triggers
from .questions import Questions
from .transitions import Transitions

T = TypeVar("T")


class Operations:
    """Each method is one verb of the API."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        dispatcher: Dispatcher,
        transitions: Transitions,
        feed: Feed,
        questions: Questions,
        *,
        followed: Callable[[], Awaitable[None]],
        changed: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        """`followed` brings the poller up to date; `changed` pushes news of a function."""
        self._database = database
        self._catalog = catalog
        self._dispatcher = dispatcher
        self._transitions = transitions
        self._feed = feed
        self._questions = questions
        self._followed = followed
        self._changed = changed
        self._clock = clock
        self.resumed: Callable[[str], None] = lambda name: None
        self.renewed: Callable[[str], None] = lambda name: None
        self.removed: Callable[[str], None] = lambda name: None

    async def set_state(self, name: str, state: str) -> dict[str, Any]:
        """`paused` or `active`. What is set active goes on at once, also when its triggers rest because too much failed."""
        await self._write(lambda conn: functions.set_state(conn, name, state))
        if state == functions.ACTIVE:
            self.resumed(name)
        return await self._moved(name)

    async def resume(self, name: str, *, key: str | None = None) -> dict[str, Any]:
        """Let a function go on, and the ordered lanes that rest in it; with `key` only that lane.

        Raises:
            NotFound: no such function, or no lane of that key rests.
        """
        if key is None:
            await self._write(lambda conn: lanes.release(conn, name))
            return await self.set_state(name, functions.ACTIVE)

        def op(conn: Connection) -> None:
            functions.get(conn, name)
            if not lanes.release(conn, name, [key]):
                resting = [one.lane for one in lanes.parked_of(conn, name)]
                remedy = f"These do: {', '.join(resting)}." if resting else "None of its lanes does."
                raise NotFound(f"No lane {key!r} of {name} rests.", remedy)

        await self._write(op)
        return await self._moved(name)

    async def set_alias(self, name: str, alias: str, weights: Mapping[Any, Any]) -> dict[str, Any]:
        """Point an alias at versions by weight. Raises NotFound, BadValue."""
        check_name(alias, "alias")

        def op(conn: Connection) -> None:
            self._catalog.forget_functions()
            shares = check_weights(functions.get(conn, name), weights)
            positive = {number: weight for number, weight in shares.items() if weight}
            functions.set_alias(conn, name, alias, positive, self._clock())
            self._follow_live(conn, name)

        await self._write(op)
        self.renewed(name)
        return await self._moved(name)

    async def rollback(self, name: str) -> dict[str, Any]:
        """Point `live` where it pointed before, with that version's triggers. Raises Conflict."""

        def op(conn: Connection) -> None:
            self._catalog.forget_functions()
            functions.rollback(conn, name)
            self._follow_live(conn, name)

        await self._write(op)
        self.renewed(name)
        return await self._moved(name)

    def _follow_live(self, conn: Connection, name: str) -> None:
        """The triggers are those of the version that `live` points at."""
        version = self._catalog.entry(conn, name, live_version(functions.get(conn, name))).version
        wanted = wanted_triggers(name, version.options, version.folder, now=self._clock())
        triggers.replace(conn, name, LIVE, wanted)

    async def remove(self, name: str) -> dict[str, Any]:
        """Take a function away: its triggers end, its open runs are cancelled, its history stays."""

        def op(conn: Connection) -> list[str]:
            self._catalog.forget_functions()
            release_all(conn, self._catalog, name)
            functions.remove(conn, name)
            triggers.remove_all(conn, name)
            return queue.open_ids(conn, name)

        await self._write(op)
        self._catalog.forget_functions()
        await self._transitions.tell(lambda conn: [(i, CancelRequested()) for i in queue.open_ids(conn, name)])
        await self._followed()
        self.removed(name)
        self._feed.push("function", {"removed": name, "name": name}, function=name, key=name)
        return {"removed": name}

    async def _moved(self, name: str) -> dict[str, Any]:
        self._catalog.forget_functions()
        await self._followed()
        self._dispatcher.wake(look_ahead=True)
        self._changed(name)
        return await self._questions.function(name)

    async def _write(self, op: Callable[[Connection], T]) -> T:
        return await asyncio.wrap_future(self._database.submit(op))
