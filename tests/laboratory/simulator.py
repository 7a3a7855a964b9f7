"""One seed, one history: services come and die over one store, while a world of workers and people goes on around them."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from jupyter_fn.engine.engine import Engine
from jupyter_fn.model.errors import FnError
from jupyter_fn.settings import Settings, load_settings

from . import guarantees
from .clock import Time
from .crash import Crash, Crashes
from .folder import Folder
from .history import Broken, History
from .liveness import Liveness
from .loop import VirtualLoop
from .scenario import Scenario
from .scenarios import ALL
from .stand_ins import Hour, stand_ins
from .store import Disk, Manners, Store
from .world import LEASE_S, Port, Temper, World

T = TypeVar("T")
LONG_S, MOST_QUIET_S = 12.0, 1200.0  # of the stormy part of a history, and of the calm one after it
_LAST_WORDS_S = 0.05
_LOOKS = 6  # for work that lies while a worker is idle
_ACTS = (4, 9)  # fewest and most


@cache
def _settings(more: tuple[tuple[str, Any], ...]) -> Settings:
    paces = {"idle_timeout_s": 30.0, "remote_poll_s": 4.0, "poll_s": 4.0, "lease_s": LEASE_S}
    return load_settings(Path("/laboratory"), **{"slots_per_worker": 2, **paces, **dict(more)})


@dataclass(slots=True)
class Told:
    """What became of a history."""

    seed: int
    scenarios: tuple[str, ...] = ()
    events: int = 0
    runs: int = 0
    statements: int = 0
    crashes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: str = ""  # the guarantee that does not hold
    history: str = ""  # of one that failed


@cache
def _disk() -> Disk:
    return Disk()


def simulate(seed: int, scenarios: Sequence[type[Scenario]] = (), *, keep: bool = False) -> Told:
    """The history of a seed; with `scenarios` instead of those that the seed would choose. It is told in words when
    something does not hold, or when it is to be kept."""
    with stand_ins():
        laboratory = Laboratory(seed, scenarios)
        try:
            laboratory.live()
        except Broken as error:
            laboratory.told.broken = error.guarantee
            laboratory.history.note(f"BROKEN {error}")
        except (Exception, Crash):
            laboratory.told.broken = "laboratory"  # it does not understand what it sees
            laboratory.history.note(traceback.format_exc())
        finally:
            laboratory.end()
        if keep or laboratory.told.broken:
            laboratory.told.history = str(laboratory.history)
        return laboratory.told


@cache
def _image(scenarios: tuple[type[Scenario], ...]) -> bytes:
    """A store in which the functions of these scenarios are published, and their triggers have looked once."""
    with stand_ins():
        laboratory = Laboratory(0, scenarios, image=_disk().empty)
        laboratory.publish([draft for scenario in scenarios for draft in scenario.drafts])
        laboratory.end()
    return _disk().image()


class Service:
    """One service: a loop, a store, an executor, an engine. Lives until it is closed, or dies."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        chance = laboratory.chance
        self.loop = VirtualLoop(laboratory.time, chance, slowness_s=laboratory.manners.slowness_s)
        self.store = Store(
            laboratory.disk, self.loop, chance, manners=laboratory.manners, committed=laboratory.committed
        )
        self.port = Port(laboratory.world)
        self.engine = Engine(laboratory.settings, self.store, self.port, check_here=False, clock=laboratory.time.wall)
        self.ready = False
        self.starting = self.loop.create_task(self._start())

    async def _start(self) -> None:
        try:
            await self.engine.start()
        except FnError as error:
            self.loop.call_soon(self._laboratory.exit, f"the service does not start: {error.cause}")
        else:
            self.ready = True

    def bury(self) -> None:
        """Nothing of it is heard of again."""
        self.store.dead = True
        self.port.listener = None
        self.loop.bury()


class Laboratory:
    """One history: its world, its disk, its services one after the other."""

    def __init__(self, seed: int, scenarios: Sequence[type[Scenario]] = (), *, image: bytes = b"") -> None:
        self.seed = seed
        self.chance = Random(seed)
        chosen = tuple(scenarios) or tuple(self.chance.sample(ALL, self.chance.choice([1, 1, 2])))
        image = image or _image(tuple(sorted(chosen, key=ALL.index)))
        self.disk = _disk()
        self.disk.restore(image)
        self.time = Time()
        self.history = History(self.time)
        logging.getLogger("jupyter_fn").addHandler(self.history)
        self.crashes = Crashes(self.history.note)
        self.disk.crashes = self.crashes
        self.manners = Manners(
            slowness_s=self.chance.choice([0.001, 0.005, 0.05]), redone=self.chance.choice([0.0, 0.1])
        )
        temper = Temper(
            latency_s=self.chance.choice([0.001, 0.02]),
            kill_s=self.chance.choice([0.005, 1.0]),
            twice=self.chance.choice([0.0, 0.1]),
        )
        self.folder = Folder(lambda: self.crashes, self.chance)
        Hour.folder = self.folder
        self.world = World(self.time, self.chance, self.history.note, self.folder, temper)
        self.scenarios = [scenario(self) for scenario in chosen]
        self.world.natures = {name: nature for one in chosen for name, nature in one.natures.items()}
        self.told = Told(seed, tuple(scenario.__name__ for scenario in chosen))
        self.told.crashes, self.told.faults = self.crashes.by_kind, self.world.faults
        self.settings = _settings(
            tuple(sorted({key: value for one in chosen for key, value in one.settings.items()}.items()))
        )
        self.limits = {
            draft.function: draft.options.concurrency
            for one in chosen
            for draft in one.drafts
            if draft.options.concurrency is not None
        }
        self.liveness = Liveness(self)
        self.service: Service | None = None
        self.calm = False
        self._insisted = 0
        self._commits = 0
        self._numbers = count(1)

    # --- a history

    def live(self) -> None:
        """From the first service to the last word."""
        self._plan()
        self._serve()
        self.world.add()
        self.time.after(LONG_S, lambda: None)
        self._run(lambda: self.time.now >= LONG_S)
        self._calm_down()
        limit = self.time.now + MOST_QUIET_S
        self._run(lambda: self.settled() or self.time.now > limit)
        self._stop()
        self._check()

    def publish(self, drafts: Sequence[Any]) -> None:
        """A history in which nothing else happens."""
        self.calm = True
        self._serve()

        async def publish(service: Service) -> None:
            await service.starting
            for draft in drafts:
                await service.engine.publisher.publish(draft)

        assert self.service is not None
        task = self.service.loop.create_task(publish(self.service))
        self._run(task.done)
        task.result()
        self._stop()

    def end(self) -> None:
        """Nothing of it is left."""
        if self.service is not None:
            self.service.bury()
        self.disk.crashes = None
        logging.getLogger("jupyter_fn").removeHandler(self.history)

    def _plan(self) -> None:
        acts = [act for scenario in self.scenarios for act in scenario.acts()]
        for _ in range(self.chance.randint(*_ACTS)):
            self._plan_one(self.chance.choice(acts), burst=self.chance.random() < 0.15)
        for _ in range(_LOOKS):
            self._plan_one(self.liveness.look)
        accidents = [self.world.kill_worker, self.world.cut_lane, self.world.kill_environment, self._fill_disk]
        accidents += [self._kill_service, self._close_service, self._kill_service]
        for _ in range(self.chance.choice([0, 1, 2, 4])):
            self._plan_one(self.chance.choice(accidents))

    def _plan_one(self, act: Callable[[], None], *, burst: bool = False) -> None:
        moment = self.chance.random() * LONG_S * 0.9
        for _ in range(4 if burst else 1):
            self.time.after(moment, act)

    def _run(self, stop: Callable[[], bool]) -> None:
        """One service after the other, until `stop`."""
        while not stop():
            try:
                self._service().loop.run(stop)
            except Crash:
                self._bury()
                self._serve_later()

    def _serve_later(self) -> None:
        """The world goes on without a service for a while."""
        back_at = self.time.now + self.chance.choice([0.0, 0.3, 3.0])
        while self.time.next_at < back_at:
            self.time.pass_on()
        self.time.now = back_at
        self._serve()

    def _service(self) -> Service:
        assert self.service is not None
        return self.service

    def _serve(self) -> None:
        self.history.note("a service starts")
        self.crashes.disarm()
        if not self.calm and self.chance.random() < 0.6:
            self.crashes.arm(self.chance.randint(0, self.chance.choice([20, 60, 250])))
        self.service = Service(self)

    def _bury(self) -> None:
        self._service().bury()
        self.service = None
        self.world.service_died()

    def _stop(self) -> None:
        """As SIGTERM does it."""
        service = self._service()
        closing = service.loop.create_task(service.engine.close())
        limit = self.time.now + MOST_QUIET_S
        service.loop.run(lambda: closing.done() or self.time.now > limit)
        self.require("progress", closing.done(), "The service does not stop.")
        closing.result()
        service.store.close()
        self.require("unhandled", not service.loop.unhandled, f"{sorted(service.loop.unhandled)}")
        service.bury()
        self.service = None

    # --- accidents

    def _kill_service(self) -> None:
        if not self.calm and self.service is not None:
            self.crashes.now("at any time")

    def _close_service(self) -> None:
        """SIGTERM, and another one takes its place."""
        service = self.service
        if self.calm or service is None:
            return
        self.told.faults["service closed"] += 1
        self.history.note("SIGTERM")

        async def close() -> None:
            try:
                await service.engine.close()
                service.store.close()
            finally:
                service.loop.call_soon(self.exit, "the service has ended")

        service.loop.create_task(close())

    def exit(self, why: str) -> None:
        """The end of a process that ends by itself."""
        self.crashes.by_kind["at any time"] -= 1
        self.crashes.now("at any time", why)

    def _fill_disk(self) -> None:
        if self.service is not None:
            self.told.faults["disk full"] += 1
            self.history.note("the disk is full")
            self.service.store.refused_until = self.time.now + self.chance.uniform(0.1, 3)

    def _calm_down(self) -> None:
        self.history.note("from now on all is well")
        self.calm = self.world.calm = self.history.calm = True
        self.crashes.disarm()
        self._service().store.refused_until = 0.0
        self.time.after(_LAST_WORDS_S, self.history.errors.clear)  # of what was refused a moment before
        for scenario in self.scenarios:
            scenario.calm_down()

    # --- what scenarios can do: see scenario.Stage

    def ask(
        self,
        what: str,
        question: Callable[[Engine], Awaitable[T]],
        heard: Callable[[T], None] = lambda answer: None,
        *,
        insist: bool = False,
    ) -> None:
        """See `scenario.Stage`."""
        self._insisted += insist
        self._ask(what, question, heard, insist=insist)

    def _ask(
        self, what: str, question: Callable[[Engine], Awaitable[T]], heard: Callable[[T], None], *, insist: bool
    ) -> None:
        answered = False
        service = self.service

        async def asked() -> None:
            nonlocal answered
            assert service is not None
            try:
                answer = await question(service.engine)
            except FnError as error:
                self.history.note(f"{what} → {type(error).__name__}: {error.cause}")
                return
            except Exception as error:
                service.loop.call_soon(_raise, Broken("answers", f"{what} → {error!r}"))
                return
            self.history.note(f"{what} → {_short(answer)}")
            self._insisted -= insist and not answered
            answered = True
            heard(answer)

        def again() -> None:
            if not answered:
                self._ask(what, question, heard, insist=True)

        self.history.note(what)
        if service is not None and service.ready:
            service.loop.create_task(asked())
        if insist:
            self.time.after(self.chance.uniform(1, 10), again)

    def number(self) -> int:
        """See `scenario.Stage`."""
        return next(self._numbers)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """See `scenario.Stage`."""
        return self.disk.rows(query, *values)

    def note(self, text: str) -> None:
        """See `scenario.Stage`."""
        self.history.note(text)

    def require(self, guarantee: str, holds: bool, what: str) -> None:
        """See `scenario.Stage`."""
        if not holds:
            raise Broken(guarantee, what)

    def is_well(self) -> Service | None:
        """The service that is ready and can store what it wants."""
        service = self.service
        if service is None or not service.ready or self.time.now < service.store.refused_until:
            return None
        return service

    # --- what must hold

    def committed(self, ops: int) -> None:
        """After every COMMIT."""
        self._commits += 1
        self.history.note(f"COMMIT {self._commits} of {ops} ops")
        guarantees.check_commit(self, whole=self.seed % 16 == 0)
        for scenario in self.scenarios:
            scenario.commit()

    def settled(self) -> bool:
        """All has come to an end."""
        if self._insisted or guarantees.open_runs(self):
            return False
        return all(scenario.settled() for scenario in self.scenarios)

    def _check(self) -> None:
        self.require("errors", not self.history.errors, f"In good weather the service says: {self.history.errors[:3]}.")
        guarantees.check_end(self)
        for scenario in self.scenarios:
            scenario.check()
        self.told.events = self.rows("SELECT count(*) FROM events")[0][0]
        self.told.runs = self.rows("SELECT count(*) FROM runs")[0][0]
        self.told.statements = self.crashes.passed


def _raise(error: Exception) -> None:
    raise error


def _short(answer: Any) -> str:
    if isinstance(answer, dict) and "id" in answer:
        return f"{answer['id']} {answer['state']}"
    return str(answer)[:80]
