"""The engine: everything that a service does, behind a few objects. One per store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection

from ..executors.protocol import Executor, Worker
from ..model.errors import FnError
from ..model.units import iso
from ..policy.breaker import Fuse
from ..settings import Settings
from ..store import attempts, costs, queue, triggers
from ..store.database import Database
from .alarms import Alarms
from .backfills import Backfills
from .batcher import Batcher
from .bench import Bench
from .breaker import Breakers
from .cancellations import Cancellations
from .catalog import Catalog
from .clockwatch import ClockWatch
from .dispatcher import Dispatcher
from .elsewhere import Elsewhere
from .explanations import Explanations
from .feed import Feed
from .hands import Hands
from .invocations import Invocations
from .leadership import Leadership, Turn
from .livelog import LiveLogs
from .logs import StoreLogs
from .news import News
from .operations import Operations
from .outbox import Outbox
from .poller import Paces, Poller
from .prices import open_books, share_books, shared_books
from .publisher import Publisher
from .questions import Questions
from .redrives import Redrives
from .replays import Replays
from .scaler import Scaler
from .sweeper import Sweeper
from .transitions import Step, Transitions

_REMEMBERED_S = 86_400.0  # durations are taken from the runs of the last day
_FIRST_LOOK_S, _LOOK_S = 5.0, 0.05


class Engine:
    """Made and used on one event loop. `start` before anything else, `close` at the end; both once."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        executor: Executor,
        *,
        check_here: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`check_here`: workers have the same packages as this process, so a draft can be held against them."""
        book, self._books = open_books(settings.prices, settings.home)
        self.database, self.executor = database, executor
        self.clock = clock
        self.feed = Feed()
        self.bench = Bench()
        self.catalog = Catalog(book)
        live_logs = LiveLogs()
        self.leadership = Leadership(
            database, self.catalog, beat_s=settings.service_beat_s, lease_s=settings.service_lease_s
        )
        self.transitions = Transitions(database, self.catalog, clock=clock)
        self.logs = StoreLogs(database)
        self.hands = Hands(executor, self.transitions, self.logs, self.feed, live_logs)
        self.dispatcher = Dispatcher(
            database, executor, self.catalog, self.transitions, self.bench, self.feed, live_logs, clock=clock
        )
        self.scaler = Scaler(
            database,
            executor,
            self.bench,
            self.catalog,
            slots_per_worker=settings.slots_per_worker,
            target_latency_s=settings.target_latency_s,
            idle_timeout_s=settings.idle_timeout_s,
            clock=clock,
        )
        paces = Paces(poll_s=settings.poll_s, remote_poll_s=settings.remote_poll_s)
        self.batcher = Batcher(database, self.catalog, self.dispatcher.enqueue, clock=clock)
        self.poller = Poller(
            database, self.catalog, self.logs, self.dispatcher.enqueue, self.batcher, paces=paces, clock=clock
        )
        self.breakers = Breakers(database, fuse_of(settings), clock=clock)
        self.questions = Questions(
            database, self.catalog, self.poller, live_logs, self.breakers, books=self._books, clock=clock
        )
        self.explanations = Explanations(database, self.catalog, self.poller, self.breakers, clock=clock)
        self.news = News(self.feed, self.questions)
        self.publisher = Publisher(database, self.catalog, self._published, check_here=check_here, clock=clock)
        changed = self.news.function_changed
        self.invocations = Invocations(
            database,
            self.catalog,
            self.dispatcher,
            self.logs,
            self.feed,
            self.questions,
            changed=changed,
            clock=clock,
        )
        self.operations = Operations(
            database,
            self.catalog,
            self.dispatcher,
            self.transitions,
            self.feed,
            self.questions,
            followed=self._followed,
            changed=changed,
            clock=clock,
        )
        self.cancellations = Cancellations(database, self.transitions, self.feed)
        self.redrives = Redrives(database, self.catalog, self.dispatcher, changed=changed, clock=clock)
        self.replays = Replays(database, self.catalog, self.dispatcher, changed=changed, clock=clock)
        self.backfills = Backfills(database, self.catalog, self.dispatcher, self.poller, changed=changed, clock=clock)
        self.sweeper = Sweeper(database, self.catalog, self.transitions, clock=clock)
        self.clockwatch = ClockWatch(clock=clock)
        self.alarms = Alarms(database, self.transitions, clock=clock)
        self.outbox = Outbox(database, self.catalog, self.dispatcher.enqueue, clock=clock)
        self.elsewhere = Elsewhere(database, executor, self.bench, self.feed, self.logs, self.breakers)
        self._tasks: list[asyncio.Task[None]] = []
        self._following: set[asyncio.Task[None]] = set()
        self._join()
        self._share()

    def _join(self) -> None:
        """What knows nothing of each other is called through these."""
        self.transitions.carry_out = self._carry_out
        self.poller.carry_out = self._carry_out
        self.hands.wake_at = self.dispatcher.wake_at
        self.hands.place_freed = self.dispatcher.place_freed
        self.hands.delivery_entered = self._delivery_entered
        self.hands.function_changed = self.news.function_changed
        self.poller.function_changed = self.news.function_changed
        self.batcher.function_changed = self.news.function_changed
        self.dispatcher.want_workers = self.scaler.want_workers
        self.dispatcher.enqueued = self.sweeper.enqueued
        self.breakers.wake = self.dispatcher.wake
        self.breakers.function_changed = self.news.function_changed
        self.dispatcher.held_back = self.scaler.held_back = self.breakers.held_back
        self.dispatcher.probing = self.breakers.probing
        self.dispatcher.outcomes_came = self.breakers.outcomes
        self.operations.resumed = self.breakers.reset
        self.operations.renewed = self.breakers.try_now
        self.operations.removed = self.breakers.forget
        self.dispatcher.worker_changed = self._worker_changed
        self.clockwatch.was_set = self._clock_was_set

    def _share(self) -> None:
        """What has to be done only by the service that leads a function, and what others do."""
        leadership, elsewhere = self.leadership, self.elsewhere
        self.dispatcher.foreign, self.dispatcher.confirmed = leadership.foreign, leadership.confirmed
        self.poller.require = self.batcher.require = leadership.require
        self.outbox.foreign = leadership.others
        for room in (self.poller, self.scaler, self.sweeper, self.outbox, self.breakers):
            room.leads = leadership.leads
        leadership.turned = self._turned
        leadership.heard = elsewhere.heard
        elsewhere.queued = partial(self.dispatcher.wake, look_ahead=True)
        elsewhere.finished = self.outbox.wake
        elsewhere.function_changed = self.news.function_changed
        elsewhere.functions_changed = self._functions_changed

    async def start(self, url: str = "") -> None:
        """Take up what an earlier service left, connect the workers, follow the triggers. `url` is where others reach
        this service."""
        now = self.clock()
        await self.leadership.start(url)
        if self.leadership.shared:
            found = await asyncio.wrap_future(self.database.submit(partial(share_books, known=dict(self._books))))
            self._books.update(found)
        await asyncio.wrap_future(self.database.submit(partial(self._take_up, now)))
        self.breakers.start()
        await self.transitions.tell(self.leadership.orphans)  # before there is any worker of this service
        await self.elsewhere.start()
        await self.executor.start(self.dispatcher)
        await self.alarms.start()
        busy = (self.scaler, self.news, self.outbox, self.sweeper, self.elsewhere, self.leadership)
        self._tasks = [asyncio.create_task(room.run()) for room in (*busy, self.clockwatch, self.alarms)]
        await self.batcher.start()
        await self._followed()
        self.dispatcher.wake()
        due = await asyncio.to_thread(self.database.read, lambda conn: queue.next_due(conn, now))
        if due is not None:
            self.dispatcher.wake_at(due)

    def _take_up(self, now: float, conn: Connection) -> None:
        costs.close_workers(conn)
        self.breakers.take_up(conn, now)
        for key, mean_ms in attempts.mean_durations(conn, now - _REMEMBERED_S).items():
            self.bench.durations_s[key] = mean_ms / 1000

    async def close(self) -> None:
        """Look and claim no more, end the workers; what they held is found by the next service. The store stays open."""
        self.feed.close()
        self.dispatcher.close()
        self.breakers.close()
        await self.poller.close()
        self.batcher.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(FnError):  # the store may refuse: the disk may be full
            await self.scaler.take_down()
        await self.executor.close()
        await self.transitions.close()
        await self.outbox.close()
        await self.hands.close()
        await self.transitions.close()  # what the hands have said last
        await self.leadership.close()

    # --- other services

    async def _turned(self, turn: Turn) -> None:
        """This service leads other functions than before, or some service is gone."""
        now = self.clock()
        if turn.returned:
            own = [seat.worker.id for seat in self.bench.workers]
            await asyncio.wrap_future(self.database.submit(partial(costs.workers_stay, worker_ids=own)))
        if turn.gained or turn.gone:
            await asyncio.wrap_future(self.database.submit(costs.close_workers))
            await self.transitions.tell(self.leadership.orphans)
        if turn.gained:
            await asyncio.wrap_future(self.database.submit(partial(self.breakers.take_up, now=now)))
            self.breakers.start()
        await self._followed()
        if turn.gained:
            await self.batcher.start()
            self.outbox.wake()
            self.dispatcher.wake(look_ahead=True)

    def _functions_changed(self) -> None:
        self.catalog.forget_functions()
        self.dispatcher.wake(look_ahead=True)
        self._spawn(self._learn())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _learn(self) -> None:
        self._books.update(await asyncio.to_thread(self.database.read, shared_books))
        await self._followed()

    # --- what one room has to tell others

    def _carry_out(self, steps: Sequence[Step]) -> None:
        self.breakers.carry_out(steps)  # first, so that the claim that a freed place brings knows of it
        self.hands.carry_out(steps)

    def _clock_was_set(self, by_s: float) -> None:
        """Whoever has a timer looks again."""
        if by_s < 0:
            self.alarms.clock_set_back()
            self.bench.clock_was_set(self.clock())
        self.dispatcher.clock_was_set()
        self.breakers.start()
        self.poller.look()
        self.sweeper.wake()
        self.outbox.wake()
        self.scaler.want_workers()
        self._spawn(self.batcher.start())

    async def _followed(self) -> None:
        """What functions have, or whether they go on, is another thing now."""
        self.sweeper.wake()
        self.scaler.want_workers()  # environments may have to be kept ready
        await self.poller.refresh()

    async def _published(self, name: str) -> None:
        await self._followed()
        if not self.leadership.leads(name):
            await self._looked_elsewhere(name)
        self.breakers.try_now(name)
        self.dispatcher.wake()
        self.news.function_changed(name)

    async def _looked_elsewhere(self, name: str) -> None:
        """Wait until the service that leads a function has looked at its new triggers once, so that what comes from now on
        is new to all of them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_LOOK_S):
                while await asyncio.to_thread(self.database.read, partial(triggers.unseen, function=name)):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)  # another process does it

    def _delivery_entered(self) -> None:
        """For functions of this store, or on its way elsewhere."""
        self.dispatcher.wake()
        self.outbox.wake()

    def _worker_changed(self, worker: Worker, busy_s: float | None) -> None:
        """It joined (None), or left after that many busy seconds that are not taken down yet."""
        now = self.clock()

        def op(conn: Connection) -> None:
            if busy_s is None:
                service = self.leadership.service
                costs.worker_joined(conn, worker.id, worker.name, worker.slots, now, service=service)
            else:
                costs.add_busy(conn, worker.id, busy_s, now)
                costs.worker_left(conn, worker.id, now)

        self.database.submit(op)
        self.feed.push("worker", worker_json(worker, 0, gone=busy_s is not None), function="", key=worker.id)

    def workers(self) -> list[dict[str, object]]:
        """The JSON of every worker."""
        return [worker_json(seat.worker, len(seat.held)) for seat in self.bench.workers]


def fuse_of(settings: Settings) -> Fuse:
    """What the settings say of circuit breakers."""
    return Fuse(runs=settings.breaker_runs, share=settings.breaker_share, pause_s=settings.breaker_pause_s)


def worker_json(worker: Worker, busy: int, *, gone: bool = False) -> dict[str, object]:
    """One worker; `busy` is how many runs it holds."""
    facts = {"id": worker.id, "name": worker.name, "slots": worker.slots, "busy": busy, "joined": iso(worker.joined)}
    return {**facts, "gone": True} if gone else facts
