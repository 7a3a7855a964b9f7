"""What is outside of the service: workers that come, go, fall silent and die, and the attempts that they make.

Workers outlive services. What they say travels over a lane, which belongs to one worker and one service; it can break on
either side, and what was said is then lost, or arrives when nobody expects it any more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from jupyter_fn.executors.protocol import Listener, Worker
from jupyter_fn.model.errors import (
    EnvironmentDied,
    HandlerFailed,
    LoadFailed,
    OutOfMemory,
    RunCancelled,
    RunError,
    RunTimedOut,
    WorkerLost,
)
from jupyter_fn.model.run import Outcome, Record, Staged, Usage
from jupyter_fn.runtime.assignment import Assignment
from jupyter_fn.runtime.outputs import staged_name

from .clock import Time
from .folder import Folder
from .history import Broken

LEASE_S, BEAT_S = 15.0, 5.0
SILENCE_S = 0.8 * (LEASE_S - BEAT_S)  # a worker that hears nothing for so long kills what it runs
_TOLD_AFTER_S = 0.05  # an attempt that runs longer says that it has started

Token = tuple[str, int]  # run id, token


Answer = Mapping[str, Any]  # fields of an outcome
Handler = Callable[[Mapping[str, Any], Random], Answer | RunError]  # of an event


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """How the attempts of a function go. Shares of 1; what is left succeeds."""

    handler: Handler | None = None  # says how those end that do not fail otherwise, also when all is calm
    effect: str = ""  # the barrier that they pass in the middle
    fails: float = 0.15
    fatal: float = 0.0
    dies: float = 0.05  # timeout, memory, environment
    files: int = 0  # most files that an attempt writes
    emits: str = ""  # a topic
    short: float = 0.6  # share of attempts of some milliseconds; the others take up to `long_s`
    long_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How workers behave in a history."""

    latency_s: float = 0.003  # of a lane
    kill_s: float = 0.003  # until an attempt that is to be killed is dead
    twice: float = 0.05  # share of outcomes that are told again
    late: float = 0.3  # share of outcomes of a broken lane that arrive all the same, some time


@dataclass(slots=True)
class Attempt:
    """One attempt on its worker."""

    assignment: Assignment
    lane: Lane
    started: float | None = None
    over: bool = False
    staged: tuple[Staged, ...] = ()

    @property
    def token(self) -> Token:
        return self.assignment.run_id, self.assignment.token


@dataclass(slots=True)
class Lane:
    """Between one worker and one service, while both are there."""

    worker: Worker
    machine: Machine
    port: Port
    cut: bool = False  # nothing travels any more
    heard: bool = True  # the service has not said yet that the worker is lost


class Machine:
    """One worker process. It works while it lives, whether anybody listens or not."""

    def __init__(self, world: World, name: str, slots: int) -> None:
        self.world = world
        self.name = name
        self.slots = slots
        self.alive = True
        self.lane: Lane | None = None
        self.attempts: dict[Token, Attempt] = {}
        self.idle_since = 0.0

    @property
    def reachable(self) -> bool:
        return self.alive and self.lane is not None and not self.lane.cut

    def take(self, lane: Lane, assignment: Assignment) -> None:
        """An assignment arrives."""
        if lane is not self.lane or lane.cut or not self.alive:
            return
        attempt = Attempt(assignment, lane)
        self.attempts[attempt.token] = attempt
        self._start_some()

    def _start_some(self) -> None:
        running = sum(attempt.started is not None for attempt in self.attempts.values())
        for attempt in list(self.attempts.values()):
            if attempt.started is None and running < self.slots:
                running += 1
                self._start(attempt)

    def _start(self, attempt: Attempt) -> None:
        world = self.world
        attempt.started = world.time.wall()
        world.start(attempt, self)
        duration_s = world.duration_s(attempt.assignment)
        effect = world.nature(attempt.assignment.terms.function).effect
        if effect and world.chance.random() < 0.8:
            world.time.after(duration_s / 2, lambda: self._stand_before(attempt, effect, duration_s))
        else:
            world.time.after(duration_s, lambda: self._end(attempt, duration_s))
        if duration_s > _TOLD_AFTER_S:
            world.time.after(_TOLD_AFTER_S, lambda: self._tell_start(attempt))

    def _tell_start(self, attempt: Attempt) -> None:
        if not attempt.over:
            run_id, token = attempt.token
            self.world.say(
                attempt.lane, lambda listener: listener.attempts_started([(run_id, token, attempt.started or 0.0)])
            )

    def _stand_before(self, attempt: Attempt, effect: str, duration_s: float) -> None:
        """It asks whether the effect may begin; without an answer it stands there until it is killed."""
        run_id, token = attempt.token

        def answered(go: bool) -> None:
            if attempt.over:
                return
            if go:
                self.world.passed.setdefault((run_id, effect), []).append(token)
                self.world.note(f"{run_id}/{token} is behind its effect")
                self.world.time.after(duration_s / 2, lambda: self._end(attempt, duration_s))
            else:
                error = HandlerFailed("It may not begin.", kind="EffectRefused")
                self.finish(attempt, self.world.failed(attempt, error, duration_s / 2))

        if not attempt.over:
            self.world.ask(attempt.lane, lambda listener: listener.effect(run_id, token, effect), answered)

    def _end(self, attempt: Attempt, duration_s: float) -> None:
        if attempt.over:
            return
        self.finish(attempt, self.world.outcome(attempt, duration_s))

    def finish(self, attempt: Attempt, outcome: Outcome) -> None:
        """The attempt has an outcome, which is told."""
        attempt.over = True
        self.attempts.pop(attempt.token, None)
        self._rest()
        self.world.end(attempt, outcome)
        self._start_some()

    def cancel(self, token: Token) -> None:
        """Kill that attempt, if it is here."""
        attempt = self.attempts.get(token)
        if attempt is not None:
            error = RunCancelled("It was cancelled.")
            self.finish(attempt, self.world.failed(attempt, error, 0.001))

    def abandon(self, *, clean: bool = True) -> None:
        """Kill all that runs here; nobody is told."""
        for attempt in self.attempts.values():
            attempt.over = True
            if clean:
                self.world.clear(attempt)
        self.attempts.clear()
        self._rest()

    def _rest(self) -> None:
        if not self.attempts:
            self.idle_since = self.world.time.now


class World:
    """All workers, all attempts that were ever made, and all that they have said. One per history."""

    def __init__(self, time: Time, chance: Random, note: Callable[[str], None], folder: Folder, temper: Temper) -> None:
        self.time = time
        self.chance = chance
        self.note = note
        self.folder = folder
        self.temper = temper
        self.natures: Mapping[str, Nature] = {}
        self.calm = False  # nothing goes wrong any more
        self.most = 3
        self.machines: list[Machine] = []
        self.port: Port | None = None
        self.sent: set[Token] = set()
        self.started: dict[Token, float] = {}
        self.said: dict[Token, Outcome] = {}
        self.passed: dict[tuple[str, str], list[int]] = {}  # run, effect → the tokens that passed there
        self.faults: Counter[str] = Counter()
        self._numbers = count(1)

    # --- attempts

    def start(self, attempt: Attempt, machine: Machine) -> None:
        """User code begins."""
        run_id, token = attempt.token
        if attempt.token in self.started:
            raise Broken("G4", f"User code of run {run_id} was started twice with token {token}.")
        self.started[attempt.token] = self.time.now
        self.note(f"{machine.name} starts {run_id}/{token}")

    def nature(self, function: str) -> Nature:
        """How attempts of that function go."""
        return self.natures.get(function, Nature())

    def duration_s(self, assignment: Assignment) -> float:
        """How long it will take."""
        nature = self.nature(assignment.terms.function)
        if self.chance.random() < nature.short:
            return self.chance.uniform(0.001, 0.02)
        return self.chance.uniform(0.02, nature.long_s)

    def outcome(self, attempt: Attempt, duration_s: float) -> Outcome:
        """What has come of it."""
        nature = self.nature(attempt.assignment.terms.function)
        dice = 1.0 if self.calm else self.chance.random()
        if dice < nature.fails:
            return self.failed(attempt, HandlerFailed("no", kind="ValueError"), duration_s)
        if dice < nature.fails + nature.fatal:
            return self.failed(attempt, LoadFailed("no"), duration_s)
        if dice < nature.fails + nature.fatal + nature.dies:
            kind = self.chance.choice([RunTimedOut, OutOfMemory, EnvironmentDied])
            return self.failed(attempt, kind("no"), duration_s)
        return self._succeeded(attempt, nature, duration_s)

    def _succeeded(self, attempt: Attempt, nature: Nature, duration_s: float) -> Outcome:
        run_id, token = attempt.token
        said: Answer = {}
        if nature.handler is not None:
            answer = nature.handler(attempt.assignment.event, self.chance)
            if isinstance(answer, RunError):
                return self.failed(attempt, answer, duration_s)
            said = answer
        files = self.chance.randint(0, nature.files) if nature.files else 0
        attempt.staged = tuple(self._stage(attempt, number) for number in range(files))
        emitted: tuple[Record, ...] = ()
        if nature.emits:
            emitted = tuple(
                Record(topic=nature.emits, value=f"{run_id}/{token}/{n}") for n in range(self.chance.randint(0, 2))
            )
        result = {"run": run_id, "token": token}
        fields = {"result": result, "staged": attempt.staged, "emitted": emitted}
        return self._made(attempt, duration_s, **{**fields, **said})

    def _stage(self, attempt: Attempt, number: int) -> Staged:
        run_id, token = attempt.token
        target = f"lab://out/{run_id}.{number}"
        staged, content = staged_name(target, run_id, token), f"{run_id}/{token}/{number}"
        self.folder.put(staged, content)
        return Staged(staged=staged, target=target, size=len(content))

    def failed(self, attempt: Attempt, error: RunError, duration_s: float) -> Outcome:
        """It ends with an error; what it has staged is removed."""
        self.clear(attempt)
        return self._made(attempt, duration_s, error=error.to_dict())

    def _made(self, attempt: Attempt, duration_s: float, **fields: Any) -> Outcome:
        run_id, token = attempt.token
        now = self.time.wall()
        usage = Usage(duration_ms=duration_s * 1000, cpu_ms=1.0, bytes_read=7, bytes_written=3, max_memory_mb=40)
        return Outcome(run_id=run_id, token=token, started=now - duration_s, ended=now, usage=usage, **fields)

    def clear(self, attempt: Attempt) -> None:
        """What a killed attempt has staged is removed by its worker."""
        for file in attempt.staged:
            self.folder.files.pop(file.staged, None)

    def end(self, attempt: Attempt, outcome: Outcome) -> None:
        """User code has ended; that is told."""
        self.said[attempt.token] = outcome
        how = (
            "succeeds"
            if outcome.error is None
            else "succeeds in part"
            if outcome.failed
            else f"ends with {outcome.error['class']}"
        )
        self.note(f"{attempt.lane.machine.name}: {outcome.run_id}/{outcome.token} {how}")
        self.say(attempt.lane, lambda listener: listener.outcomes([outcome]))
        if self._happens(self.temper.twice):
            self.faults["outcome told twice"] += 1
            self.time.after(self.chance.random(), lambda: self._late(outcome))
        elif attempt.lane.cut and self._happens(self.temper.late):
            self.faults["outcome told late"] += 1
            self.time.after(self.chance.random() * 2 * LEASE_S, lambda: self._late(outcome))

    def _late(self, outcome: Outcome) -> None:
        if self.port is not None and self.port.listener is not None:
            self.note(f"the outcome of {outcome.run_id}/{outcome.token} arrives, unexpected")
            self.port.listener.outcomes([outcome])

    def _happens(self, share: float) -> bool:
        return not self.calm and self.chance.random() < share

    # --- lanes

    def say(self, lane: Lane, word: Callable[[Listener], None]) -> None:
        """A worker says something to its service."""

        def arrives() -> None:
            if not lane.cut and lane.port is self.port and self.port.listener is not None:
                word(self.port.listener)

        self.time.after(self.chance.random() * self.temper.latency_s, arrives)

    def ask(self, lane: Lane, question: Callable[[Listener], Awaitable[bool]], heard: Callable[[bool], None]) -> None:
        """A worker asks its service, and hears the answer if nothing breaks."""

        async def asked(listener: Listener) -> None:
            answer = await question(listener)
            self.time.after(self.chance.random() * self.temper.latency_s, lambda: None if lane.cut else heard(answer))

        def arrives(listener: Listener) -> None:
            tasks = lane.port.tasks
            task = asyncio.get_running_loop().create_task(asked(listener))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        self.say(lane, arrives)

    def connect(self, machine: Machine) -> None:
        """The service reaches a worker. What that was doing for another lane is killed first."""
        if self.port is None or self.port.listener is None or not machine.alive or machine.lane is not None:
            return
        machine.abandon()
        number = next(self._numbers)
        worker = Worker(id=f"{machine.name}#{number}", name=machine.name, slots=machine.slots, joined=self.time.wall())
        machine.lane = Lane(worker, machine, self.port)
        self.port.lanes[worker.id] = machine.lane
        self.note(f"{worker.id} joins with {machine.slots} slots")
        self.port.listener.worker_joined(worker)

    def lose(self, lane: Lane) -> None:
        """The service finds that a worker is gone."""
        lane.cut = True
        if lane.machine.lane is lane:
            lane.machine.lane = None
        if not lane.heard or lane.port is not self.port or self.port.listener is None:
            return
        lane.heard = False
        self.port.lanes.pop(lane.worker.id, None)
        self.note(f"{lane.worker.id} is taken for lost")
        self.port.listener.worker_lost(lane.worker.id)

    # --- machines

    def add(self) -> Machine:
        """One more worker, which is there after a while."""
        machine = Machine(self, f"w{next(self._numbers)}", self.chance.randint(1, 3))
        self.machines.append(machine)
        self.time.after(self.chance.random(), lambda: self.connect(machine))
        return machine

    def _busiest(self) -> Machine | None:
        there = [machine for machine in self.machines if machine.reachable]
        busy = [machine for machine in there if machine.attempts]
        return self.chance.choice(busy or there) if there else None

    def kill_worker(self) -> None:
        """kill -9. The service notices by the broken connection, or when the lease is over."""
        machine = self._busiest()
        if machine is None or machine.lane is None:
            return
        lane = machine.lane
        self.faults["worker killed"] += 1
        self.note(f"{machine.name} is killed")
        self.die(machine)
        lane.cut = True
        self.time.after(self.chance.choice([0.01, 0.5, LEASE_S]), lambda: self.lose(lane))

    def die(self, machine: Machine) -> None:
        """It is gone, with all it ran."""
        machine.alive = False
        machine.abandon(clean=False)
        self.machines.remove(machine)

    def cut_lane(self) -> None:
        """The network parts a worker from its service. It runs on until its patience is over."""
        machine = self._busiest()
        if machine is None or machine.lane is None:
            return
        lane = machine.lane
        self.faults["lane cut"] += 1
        self.note(f"{lane.worker.id} is cut off")
        lane.cut = True
        noticed_s, patience_s = self.chance.choice([(0.1, 0.0), (LEASE_S, SILENCE_S)])
        self.time.after(patience_s, lambda: self._give_up(machine, lane))
        self.time.after(noticed_s, lambda: self._comes_back(machine, lane))

    def _give_up(self, machine: Machine, lane: Lane) -> None:
        if machine.alive and machine.lane is lane:
            machine.abandon()

    def _comes_back(self, machine: Machine, lane: Lane) -> None:
        self.lose(lane)
        self.time.after(self.chance.random() * 3, lambda: self.connect(machine))

    def kill_environment(self) -> None:
        """A handler's process dies."""
        machine = self._busiest()
        running = [one for one in machine.attempts.values() if one.started is not None] if machine else []
        if machine and running:
            self.faults["environment killed"] += 1
            attempt = self.chance.choice(running)
            machine.finish(attempt, self.failed(attempt, EnvironmentDied("killed"), 0.01))

    def service_died(self) -> None:
        """Its workers die with it, or run on until they notice, or until they have no patience left."""
        self.port = None
        with_it = self.chance.random() < 0.4
        for machine in list(self.machines):
            lane, machine.lane = machine.lane, None
            if lane is not None:
                lane.cut = True
            if with_it:
                self.die(machine)
            else:
                self.time.after(self.chance.choice([0.1, SILENCE_S]), self._orphaned(machine))

    def _orphaned(self, machine: Machine) -> Callable[[], None]:
        def give_up() -> None:
            if machine.lane is None:
                machine.abandon()

        return give_up


@dataclass(eq=False)
class Port:
    """The executor of one service: its end of the lanes."""

    world: World
    listener: Listener | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, listener: Listener) -> None:
        """Workers that are there are reached soon."""
        self.listener = listener
        self.world.port = self
        for machine in self.world.machines:
            self.world.time.after(self.world.chance.random() * 2, self._reach(machine))

    def _reach(self, machine: Machine) -> Callable[[], None]:
        return lambda: self.world.connect(machine)

    async def close(self) -> None:
        """As a local cluster: every worker ends."""
        for lane in list(self.lanes.values()):
            if lane.machine in self.world.machines:
                self.world.die(lane.machine)
            self.world.lose(lane)
        self.listener = None

    def workers(self) -> Sequence[Worker]:
        """Those that can be reached, as far as is known."""
        return [lane.worker for lane in self.lanes.values()]

    async def send(self, worker_id: str, assignments: Sequence[Assignment]) -> None:
        """They travel; whether they arrive nobody knows. Raises WorkerLost when it is known that they will not."""
        lane = self.lanes.get(worker_id)
        for assignment in assignments:
            token = (assignment.run_id, assignment.token)
            if token in self.world.sent:
                raise Broken("G4", f"Run {token[0]} was sent twice with token {token[1]}.")
            self.world.sent.add(token)
        if lane is None or (lane.cut and self.world.chance.random() < 0.5):
            raise WorkerLost(f"The worker {worker_id} is gone.", "Send it to another one.")
        for assignment in assignments:
            self._travel(lane, assignment)

    def _travel(self, lane: Lane, assignment: Assignment) -> None:
        delay_s = self.world.temper.latency_s  # the same for all: a lane keeps the order
        self.world.time.after(delay_s, lambda: lane.machine.take(lane, assignment))

    async def cancel(self, worker_id: str, run_id: str, token: int) -> None:
        """Kill that attempt."""
        lane = self.lanes.get(worker_id)
        if lane is not None and not lane.cut:
            self.world.time.after(self.world.temper.kill_s, lambda: lane.machine.cancel((run_id, token)))

    async def scale(self, wanted: int, retire: Sequence[str] = ()) -> None:
        """More machines, or some fewer."""
        for worker_id in retire:
            lane = self.lanes.get(worker_id)
            if lane is not None:
                self.world.die(lane.machine)
                self.world.lose(lane)
        while not retire and len(self.world.machines) < min(wanted, self.world.most):
            self.world.add()

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most workers."""
        return 0, self.world.most
