"""From sources to the ledger: one follower per active trigger polls, and commits events, runs and position together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..model.errors import FnError
from ..model.trigger import Trigger
from ..sources import registry
from ..sources.protocol import Logs, Poll, Source
from ..store import triggers
from ..store.database import Database
from .admission import admit, filter_now
from .batcher import Batcher
from .catalog import Catalog
from .feed import wait_for
from .leadership import NotLed
from .transitions import Step, transit

log = logging.getLogger(__name__)
Enqueue = Callable[[Callable[[Connection], Any]], Awaitable[Any]]
_FIRST_PAUSE_S, _LAST_PAUSE_S = 1.0, 60.0
_FIRST_LOOK_S = 5.0  # so that what comes right after publishing is new to every trigger
_FOR_EVER_S = 86_400.0
_NOT_LED_S = 1.0
_LEAST_WAIT_S = 0.001
_THREADS = 16  # looks at once; each may block on a slow filesystem


@dataclass(frozen=True, slots=True, kw_only=True)
class Paces:
    """How often sources are looked at without a hint."""

    poll_s: float
    remote_poll_s: float


class Poller:
    """The followers of all active triggers."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        logs: Logs,
        enqueue: Enqueue,
        batcher: Batcher,
        *,
        paces: Paces,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._catalog = catalog
        self._logs = logs
        self._enqueue = enqueue
        self._batcher = batcher
        self._paces = paces
        self.clock = clock
        self._followers: dict[str, _Follower] = {}
        self._threads = ThreadPoolExecutor(_THREADS, "jupyter-fn-poll")
        self._refreshing = asyncio.Lock()
        self.function_changed: Callable[[str], None] = lambda name: None
        self.carry_out: Callable[[Sequence[Step]], None] = lambda steps: None
        self.leads: Callable[[str], bool] = lambda function: True
        self.require: Callable[[Connection, str], None] = lambda conn, function: None

    async def refresh(self) -> None:
        """Follow exactly the triggers that are active now, as they are written now; new ones have looked once."""
        async with self._refreshing:
            active = await self._active()
            stale = [f for f in self._followers.values() if not f.serves(active.get(f.trigger.id))]
            for follower in stale:
                follower.stop()
                del self._followers[follower.trigger.id]
            if stale:
                active = await self._active()  # what they have committed last is behind this in the writer's queue
            new = [_Follower(self, t) for t in active.values() if t.id not in self._followers]
            self._followers.update({follower.trigger.id: follower for follower in new})
        await asyncio.gather(*(wait_for(follower.looked, _FIRST_LOOK_S) for follower in new))

    async def _active(self) -> dict[str, Trigger]:
        found = await asyncio.wrap_future(self._database.submit(triggers.list_active))
        return {trigger.id: trigger for trigger in found if self.leads(trigger.function)}

    def build(self, trigger: Trigger) -> Source:
        """A new source: one instance is for one thread. Raises BadTrigger."""
        paces = self._paces
        wanted = partial(self._database.read, partial(filter_now, catalog=self._catalog, trigger=trigger))
        return registry.build(
            trigger, self._logs, poll_s=paces.poll_s, remote_poll_s=paces.remote_poll_s, wanted=wanted
        )

    def look(self) -> None:
        """Have every trigger looked at now."""
        for follower in self._followers.values():
            follower.look()

    async def close(self) -> None:
        """Stop every follower; looks that are under way are waited for, their events are committed."""
        followers, self._followers = list(self._followers.values()), {}
        for follower in followers:
            follower.stop()
        if followers:
            await asyncio.wait({follower.task for follower in followers})
        self._threads.shutdown(wait=False)

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Call something that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def admit(self, trigger: Trigger, poll: Poll) -> None:
        """Commit what a look brought."""
        due, steps = await self._enqueue(partial(self._op, trigger, poll))
        self.carry_out(steps)
        self._batcher.wake_at(trigger.id, due)
        if poll.events:
            self.function_changed(trigger.function)

    def _op(self, trigger: Trigger, poll: Poll, conn: Connection) -> tuple[float | None, list[Step]]:
        self.require(conn, trigger.function)
        now = self.clock()
        admitted = admit(conn, self._catalog, trigger, poll, now)
        told = admitted.superseded
        return admitted.due, transit(conn, self._catalog, told, now, known={}) if told else []

    async def mark(self, trigger: Trigger, state: str, error: str = "") -> None:
        """Keep the state of a trigger, for people to see."""
        await asyncio.wrap_future(
            self._database.submit(lambda conn: triggers.set_state(conn, trigger.id, state, error))
        )
        self.function_changed(trigger.function)


class _Follower:
    """Polls one trigger until it is stopped or has ended."""

    def __init__(self, poller: Poller, trigger: Trigger) -> None:
        self._poller = poller
        self.trigger = trigger
        self.source: Source | None = None
        self.looked = asyncio.Event()
        self._woken = asyncio.Event()
        self._stopped = False
        self._failing = trigger.state == "failing"
        self._pause_s = _FIRST_PAUSE_S
        self.task = asyncio.get_running_loop().create_task(self._follow())
        self.task.add_done_callback(partial(_report, trigger.id))

    def serves(self, trigger: Trigger | None) -> bool:
        """It is the same trigger, whatever its position and its state."""
        if trigger is None:
            return False
        return _lasting(trigger) == _lasting(self.trigger)

    def look(self) -> None:
        """At once, or when the present look is over."""
        self._woken.set()

    def stop(self) -> None:
        """Commit nothing any more."""
        self._stopped = True
        self._woken.set()

    async def _follow(self) -> None:
        stop_listening: Callable[[], None] | None = None
        position = self.trigger.position
        wait_s: float | None = 0.0
        try:
            while not self._stopped and wait_s is not None:
                self._woken.clear()
                try:
                    if self.source is None:
                        source = self._poller.build(self.trigger)
                        stop_listening = await self._poller.in_thread(source.listen, self._hint())
                        self.source = source
                    position, wait_s = await self._look(self.source, position)
                    await self._well()
                except NotLed:  # its new follower sees the same; this one is about to be stopped
                    wait_s = _NOT_LED_S
                except Exception as error:  # a source may raise anything; it is tried again
                    wait_s = await self._failed(error)
                self.looked.set()
                if wait_s:
                    await wait_for(self._woken, wait_s)
        finally:
            self.looked.set()
            if stop_listening is not None:
                await self._poller.in_thread(stop_listening)

    def _hint(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def hint() -> None:
            with suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._woken.set)

        return hint

    async def _look(self, source: Source, position: Any) -> tuple[Any, float | None]:
        """One look; the new position, and how long to wait for a hint (None: nothing will ever come again)."""
        poll: Poll = await self._poller.in_thread(source.poll, position, self._poller.clock())
        if self._stopped:
            return position, None
        if poll.events or poll.position != position or poll.ended:
            await self._poller.admit(self.trigger, poll)
        if poll.ended:
            return poll.position, None
        if poll.more:
            return poll.position, 0.0
        wait_s = _FOR_EVER_S if poll.wake_at is None else poll.wake_at - self._poller.clock()
        return poll.position, max(wait_s, _LEAST_WAIT_S)

    async def _well(self) -> None:
        self._pause_s = _FIRST_PAUSE_S
        if self._failing:
            self._failing = False
            await self._poller.mark(self.trigger, "active")

    async def _failed(self, error: Exception) -> float:
        """Say so, and how long to wait before the next try."""
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, _LAST_PAUSE_S)
        said = f"{error.cause} {error.remedy}" if isinstance(error, FnError) else f"{type(error).__name__}: {error}"
        log.warning("The trigger %s fails: %s", self.trigger.id, said, exc_info=not isinstance(error, FnError))
        self._failing = True
        with suppress(FnError):
            await self._poller.mark(self.trigger, "failing", said.strip())
        return pause_s


def _lasting(trigger: Trigger) -> Trigger:
    """What of a trigger decides how it is followed."""
    return replace(trigger, position=None, state="", error="", created=0.0)


def _report(trigger_id: str, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("The follower of trigger %s broke.", trigger_id, exc_info=task.exception())
