"""From the queue to workers: claims runs, sends them, and is told by the executor what becomes of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from ..executors.protocol import Executor, Worker
from ..model.errors import ServiceNotRunning, WorkerLost
from ..model.event import Event
from ..model.ids import digest_json
from ..model.lost import LostData
from ..model.run import Outcome, Reason, Run, State
from ..policy.admission import VersionKey, WorkerLoad, admit, place, room, saturated, take_turns, worth_claiming
from ..policy.breaker import let_through
from ..policy.editing import event_of
from ..policy.stimuli import Claimed, Ended, GivenUp, Lost, Returned, Started
from ..policy.verdict import value_lost
from ..runtime.assignment import Assignment
from ..store import events, queue
from ..store.database import Database
from .barriers import Barriers
from .bench import Bench
from .catalog import Catalog, Entry
from .feed import Feed
from .livelog import LiveLogs
from .transitions import Step, Transitions, told, transit

T = TypeVar("T")
log = logging.getLogger(__name__)
_MOST_CLAIMED = 512  # in one transaction
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one claim brought."""

    claimed: list[tuple[Step, Event, Entry]]
    steps: list[Step]  # those of the claimed, and of what was given up
    left: bool  # there may be more to claim when there is room again
    next_due: float | None  # when asked to look ahead: the next retry of all


class Dispatcher:
    """The executor's listener. Everything runs on the event loop; what touches the store is an op of the writer."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        catalog: Catalog,
        transitions: Transitions,
        bench: Bench,
        feed: Feed,
        live_logs: LiveLogs,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._executor = executor
        self._catalog = catalog
        self._transitions = transitions
        self._bench = bench
        self._feed = feed
        self._clock = clock
        self._live_logs = live_logs
        self._barriers = Barriers(database, catalog, clock=clock)
        self.want_workers: Callable[[], None] = lambda: None
        self.enqueued: Callable[[], None] = lambda: None
        self.outcomes_came: Callable[[Sequence[Run]], None] = lambda runs: None
        self.held_back: Callable[[float], set[str]] = lambda now: set()
        self.probing: Callable[[float], set[str]] = lambda now: set()
        self.foreign: Callable[[Connection], set[str]] = lambda conn: set()
        self.confirmed: Callable[[Connection, list[Run]], list[Run]] = lambda conn, chosen: chosen
        self.worker_changed: Callable[[Worker, float | None], None] = lambda worker, busy_s: None
        self._claiming = False
        self._again = False
        self._left = True
        self._look_ahead = True
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._served: dict[str, str] = {}  # function → the lane that was served last
        self._sending: set[asyncio.Task[None]] = set()

    # --- the queue has changed

    async def enqueue(self, op: Callable[[Connection], T]) -> T:
        """Carry out an op that puts runs into the queue, and claim them, if there is room, in the same commit."""
        future = asyncio.wrap_future(self._database.submit(op))
        self.wake()
        result = await future
        self.enqueued()
        if not self._room():
            self.want_workers()
        return result

    def wake(self, *, look_ahead: bool = False) -> None:
        """Something may be claimed now. `look_ahead` when retries may be due later that nobody has set a timer for."""
        self._look_ahead |= look_ahead
        if self._closed:
            return
        if self._claiming:
            self._again = True
        elif self._room():
            self._claim()
        else:
            self._left = True
            self.want_workers()

    def place_freed(self) -> None:
        """A worker or a function has a run less under way."""
        if self._claiming or (self._left and worth_claiming(self._bench.loads(), durations_s=self._bench.durations_s)):
            self.wake()

    def wake_at(self, due: float) -> None:
        """Something may be claimed from then on (epoch seconds)."""
        delay_s = due - self._clock()
        if delay_s <= 0:
            self.wake()
        elif self._timer is None or due < self._timer_due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due = due
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.wake(look_ahead=True)

    def clock_was_set(self) -> None:
        """The timer may ring too late."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.wake(look_ahead=True)

    def close(self) -> None:
        """Claim nothing any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    # --- claiming

    def _room(self) -> int:
        return room(self._bench.loads(), durations_s=self._bench.durations_s)

    def _claim(self) -> None:
        look_ahead = self._look_ahead
        self._claiming, self._again, self._look_ahead = True, False, False
        loads, durations_s = self._bench.loads(), dict(self._bench.durations_s)
        op = partial(self._op, loads, durations_s, look_ahead)
        try:
            future = asyncio.wrap_future(self._database.submit(op))
        except ServiceNotRunning:
            return
        future.add_done_callback(self._claimed)

    def _op(
        self, loads: list[WorkerLoad], durations_s: Mapping[VersionKey, float], look_ahead: bool, conn: Connection
    ) -> Batch:
        now = self._clock()
        most = min(room(loads, durations_s=durations_s), _MOST_CLAIMED)
        limits = self._catalog.limits(conn)
        held = queue.held_counts(conn) if limits else {}
        of_key = queue.held_counts_of_keys(conn) if any(one.per_key for one in limits.values()) else {}
        full = saturated(running=held, limits=limits)
        probing = self.probing(now)
        rests = self.held_back(now) | queue.held_for_triggers(conn, probing)
        candidates = take_turns(
            queue.claimable(conn, now, most, exclude=full | self.foreign(conn), held_back=rests, served=self._served)
        )
        chosen = self.confirmed(
            conn,
            list(
                admit(let_through(candidates, probing), running=held, limits=limits, running_of_key=of_key, room=most)
            ),
        )
        placed = place(chosen, loads, durations_s=durations_s)
        known = {run.id: run for run, _ in placed}
        found = events.of_runs(conn, known.values())
        claims = [(run.id, _claim_of(run, found[run.event_id], worker)) for run, worker in placed]
        steps = transit(conn, self._catalog, claims, now, known=known, just_read=True)
        claimed = [
            (step, found[step.after.event_id], self._catalog.of_run(conn, step.after))
            for step in steps
            if step.after.state
            is State.CLAIMED  # not one that was given up instead: too old, or its event cannot be read
        ]
        left = (
            bool(full or probing) or len(candidates) >= most or len(placed) < len(candidates) or queue.lanes_wait(conn)
        )
        return Batch(claimed, steps, left=left, next_due=queue.next_due(conn, now) if look_ahead else None)

    def _claimed(self, future: asyncio.Future[Batch]) -> None:
        self._claiming = False
        if future.cancelled() or self._failed(future.exception()):
            return
        batch = future.result()
        by_worker: dict[str, list[tuple[Run, Assignment]]] = {}
        now = self._clock()
        for step, event, entry in batch.claimed:
            run = step.after
            self._bench.give(run, now)
            self._served[run.function] = run.lane
            by_worker.setdefault(run.worker, []).append((run, assignment_of(run, event, entry)))
        for worker, given in by_worker.items():
            self._keep(asyncio.get_running_loop().create_task(self._send(worker, given)))
        self._transitions.carry_out(batch.steps)
        if batch.next_due is not None:
            self.wake_at(batch.next_due)
        self._left = batch.left
        if self._again or (batch.left and batch.steps):
            self.wake()

    def _failed(self, error: BaseException | None) -> bool:
        if error is None:
            return False
        if not isinstance(error, ServiceNotRunning) and not self._closed:
            log.error("Runs cannot be claimed; it is tried again.", exc_info=error)
            asyncio.get_running_loop().call_later(_AGAIN_S, partial(self.wake, look_ahead=True))
        return True

    async def _send(self, worker: str, given: Sequence[tuple[Run, Assignment]]) -> None:
        try:
            await self._executor.send(worker, [assignment for _, assignment in given])
        except WorkerLost:
            self._returned(given)
            self.worker_lost(worker)  # nothing more is sent there, also when nobody has said yet that it is gone
        except Exception:  # whatever its transport raises
            log.exception("The worker %s takes no runs.", worker)
            await asyncio.sleep(_AGAIN_S)
            self._returned(given)

    def _returned(self, given: Sequence[tuple[Run, Assignment]]) -> None:
        now = self._clock()
        for run, _ in given:
            self._bench.take((run.id, run.token), now)
        self._transitions.insist(told(*((run.id, Returned(run.token)) for run, _ in given)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    # --- what the executor says

    def worker_joined(self, worker: Worker) -> None:
        """`worker` takes assignments from now on."""
        self._bench.join(worker, self._clock())
        self.worker_changed(worker, None)
        self.want_workers()  # there is somebody to look after now
        self.wake()

    def worker_lost(self, worker_id: str) -> None:
        """What it held is tried again elsewhere. When this service ends, the next one finds it instead: that is no loss
        that counts against a run."""
        seat = self._bench.leave(worker_id)
        if not self._closed:
            self._transitions.insist(
                lambda conn: [(run.id, Lost(worker_id)) for run in queue.held_by_worker(conn, worker_id)]
            )
        if seat is not None:
            self.worker_changed(seat.worker, seat.settled(self._clock()))
        self.wake()

    def attempts_started(self, started: Sequence[tuple[str, int, float]]) -> None:
        """Attempts that run for a while already."""
        self._transitions.insist(told(*((run_id, Started(token, at)) for run_id, token, at in started)))

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Attempts that ended. Their places are given away in the same commit that takes down how they ended."""
        now = self._clock()
        known = []
        for outcome in outcomes:
            duration_s = outcome.usage.duration_ms / 1000 if outcome.error is None else None
            run = self._bench.take((outcome.run_id, outcome.token), now, duration_s=duration_s)
            known += [run] if run is not None else []
        self.outcomes_came(known)
        self._transitions.insist(told(*((outcome.run_id, Ended(outcome)) for outcome in outcomes)), known)
        self.place_freed()

    def log_lines(self, run_id: str, text: str) -> None:
        """Live output of a running attempt."""
        function = self._bench.function_of(run_id)
        self._live_logs.add(run_id, text)
        self._feed.push("log", {"run_id": run_id, "function": function, "text": text}, function=function)

    def progress(self, run_id: str, done: float, total: float) -> None:
        """How far a running attempt is."""
        function = self._bench.function_of(run_id)
        data = {"run_id": run_id, "function": function, "done": done, "total": total}
        self._feed.push("progress", data, function=function, key=run_id)

    async def effect(self, run_id: str, token: int, name: str) -> bool:
        """An attempt stands before an effect barrier."""
        return await self._barriers.enter(run_id, token, name)

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        """It has left the block behind it."""
        self._barriers.leave(run_id, token, name)


def _idempotency_key(run: Run) -> str:
    """The same for every attempt at the same items of an event: a replay is no repetition of it, nor is a part of a batch
    one of the whole."""
    part = digest_json(run.parts)[:12] if run.parts else ""
    return ":".join(filter(None, (run.event_id, run.replay, part)))


def _claim_of(run: Run, event: Event, worker: str) -> Claimed | GivenUp:
    """A run whose event nobody can read any more is given up, so that it does not hold up those behind it."""
    data = event.data if run.data is None else run.data
    if isinstance(data, LostData):
        return GivenUp(Reason.FATAL, value_lost("Its event", data.error))
    return Claimed(worker)


def assignment_of(run: Run, event: Event, entry: Entry) -> Assignment:
    """What travels to the worker for the attempt that `run` has just been claimed for."""
    return Assignment(
        terms=entry.terms,
        run_id=run.id,
        token=run.token,
        attempt=run.attempts,
        event=event_of(run, event),
        idempotency_key=_idempotency_key(run),
        batch_size=run.batch_size,
    )
