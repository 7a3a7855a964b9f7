"""Environments on one machine: assignments go in, outcomes come out. Runs on the event loop of whoever owns it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from ..model.errors import FnError
from ..model.run import Outcome
from . import effects, faults
from .assignment import Assignment, Terms
from .given import Given
from .limits import KERNEL_SLACK_MB, USUAL, Ways
from .line import Line
from .linux import kill
from .logs import new_log
from .nurseries import Lock, Nurseries
from .nursery import Death
from .outcomes import cut_short, said, unsaid
from .outputs import discard
from .venvs import unmade
from .warm import Doom, Ticket, Warm, new_ticket
from .watch import Watch

_IDLE_S = 900.0  # an idle environment is ended after this
_MOST_BIRTHS_FAILED = 3


class Reports(Protocol):
    """Who hears what happens. Called on the event loop; must not block."""

    def outcome(self, outcome: Outcome) -> None:
        """An attempt has ended; there is exactly one for every assignment that was not abandoned."""

    def started(self, run_id: str, token: int, at: float) -> None:
        """An attempt has been running for a while; `at` is when it began, epoch seconds."""

    def log(self, run_id: str, text: str) -> None:
        """New output of a running attempt."""

    def progress(self, run_id: str, done: float, total: float) -> None:
        """What the handler says of how far it is."""

    def effect(self, run_id: str, token: int, name: str) -> None:
        """An attempt waits before an effect barrier: answer with `answer`."""

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        """It has left the block behind it as it should."""

    def need(self, digest: str) -> None:
        """Assignments wait for this bundle: answer with `provide` or `refuse`."""


class Environments:
    """Zygotes and their environments. At most `slots` of them run at once; what is handed in beyond that waits in order."""

    def __init__(
        self,
        folder: Path,
        *,
        slots: int,
        reports: Reports | None = None,
        most_idle: int | None = None,
        ways: Ways = USUAL,
    ) -> None:
        """`folder` is for scratch files and exists; `most_idle` environments are kept warm (default: four for each slot)."""
        self.slots = slots
        self._limits = ways.limits
        if reports is not None:
            self.report_to(reports)
        self._folder = folder
        self._most_idle = 4 * slots if most_idle is None else most_idle
        self._nurseries = Nurseries(folder, self, ways=ways)
        self._watch = Watch(self, self._ready_since, limits=ways.limits)
        self._lines: dict[str, Line] = {}  # by the digest of their terms
        self._line_of: dict[Warm, Line] = {}
        self._by_name: dict[str, Warm] = {}
        self._given = Given()
        self._held: dict[tuple[str, int], tuple[Ticket, Line]] = {}
        self._bundles: dict[str, bool] = {}  # digest → it is here (else: asked for)
        self._numbers = count(1)
        self._births_failed: Counter[Lock] = Counter()  # in a row, of one zygote
        self._chores: set[asyncio.Future[Any]] = set()
        self._quiet = asyncio.Event()
        self._expiry: asyncio.TimerHandle | None = None
        self._closed = False
        (folder / "bundles").mkdir(exist_ok=True)

    # --- what the owner says

    def report_to(self, reports: Reports) -> None:
        """Who hears what happens from now on; to be said before the first assignment."""
        self._reports = reports

    def start(self) -> None:
        """Start the zygote now, so that the first assignment need not wait for it. Returns at once."""
        self._nurseries.own.start()

    def submit(self, assignments: Iterable[Assignment]) -> None:
        """Run these; each one brings one outcome. An attempt that has been handed in before is passed over: its code has
        begun, or will."""
        for assignment in filter(self._given.add, assignments):
            ticket = new_ticket(assignment, next(self._numbers))
            terms = assignment.terms
            line = self._line(terms)
            line.queue.append(ticket)
            self._held[ticket.key] = ticket, line
        self._place()

    def _line(self, terms: Terms) -> Line:
        """The line of these terms; what its environments are made of is on its way, or here."""
        if terms.bundle not in self._bundles:
            self._bundles[terms.bundle] = False
            self._reports.need(terms.bundle)
        self._nurseries.prepare(terms.lock)
        return self._lines.get(terms.digest) or self._lines.setdefault(terms.digest, Line(terms))

    def keep(self, wishes: Iterable[tuple[Terms, int]]) -> None:
        """Have so many environments ready by these terms, and by no others, until this is said again or `abandon` is.
        One that cannot be made or loaded is not tried again before that."""
        for line in self._lines.values():
            line.kept = 0
        for terms, number in wishes:
            self._line(terms).kept = number
        self._drop_empty_lines()
        self._place()

    def provide(self, digest: str, payload: bytes) -> None:
        """The bundle that was needed."""
        path = self._bundle(digest)
        path.with_suffix(".new").write_bytes(payload)
        path.with_suffix(".new").replace(path)
        self._bundles[digest] = True
        self._place()

    def refuse(self, digest: str, error: dict[str, Any]) -> None:
        """There is no such bundle: whatever waits for it fails with `error`."""
        self._bundles.pop(digest, None)
        for ticket, line in list(self._held.values()):
            if ticket.assignment.terms.bundle == digest and ticket in line.queue:
                line.queue.remove(ticket)
                self._deliver(unsaid(ticket, error))
        for line in [line for line in self._lines.values() if line.terms.bundle == digest]:
            line.kept = 0

    def cancel(self, run_id: str, token: int) -> None:
        """Kill that attempt; its outcome is a RunCancelled. Unknown ones are ignored."""
        if (run_id, token) not in self._held:
            return
        ticket, line = self._held[run_id, token]
        warm = next((warm for warm in line.busy if ticket in warm.tickets), None)
        if warm is not None and warm.loaded:
            self._return(line, warm.take_back())
        if ticket in line.queue:
            line.queue.remove(ticket)
            self._deliver(unsaid(ticket, faults.cancelled()))
        elif warm is not None:
            self.doom(warm, faults.cancelled())
        self._settle(warm)
        self._place()

    def answer(self, run_id: str, token: int, name: str, *, go: bool) -> None:
        """Whether the attempt that waits before that effect barrier may go on. One that does not wait is fine."""
        ticket, _ = self._held.get((run_id, token), (None, None))
        if ticket is not None and (there := ticket.questions.pop(name, None)) is not None:
            effects.answer(there, go=go)

    def lease(self, lease_s: float | None) -> None:
        """All environments end, whatever becomes of this process, when this is not said again for so many seconds. None:
        they need not. Attempts that end so are lost with their worker."""
        self._nurseries.lease(lease_s)

    async def abandon(self) -> None:
        """Kill every attempt and forget what waits; no outcome comes of any of it. Idle environments stay warm."""
        self._let_go()
        for line in self._lines.values():
            line.queue.clear()
            line.kept = 0
        for warm in self.busy:
            self.doom(warm, None)
        while self.busy:
            self._quiet.clear()
            await self._quiet.wait()

    async def close(self) -> None:
        """End all environments and the zygote."""
        self._closed = True
        self._let_go()
        self._watch.stop()
        if self._expiry is not None:
            self._expiry.cancel()
        await self._nurseries.close()
        for warm in list(self._by_name.values()):
            self._forget(warm)
        if self._chores:
            await asyncio.wait(self._chores)

    def _let_go(self) -> None:
        for ticket, _ in self._held.values():
            ticket.ended()
        self._held.clear()

    @property
    def busy(self) -> Sequence[Warm]:
        """Environments that run or load something."""
        return [warm for line in self._lines.values() for warm in line.busy]

    @property
    def zygote(self) -> int | None:
        """Its process id, when there is one."""
        return self._nurseries.own.pid

    # --- environments with packages of their own

    def made(self, lock: Lock) -> None:
        """Environments by that lock can be had now."""
        self._drop_empty_lines()
        self._place()

    def unmade(self, lock: Lock, error: FnError) -> None:
        """They cannot be had: what waits for them fails."""
        for line in self._lines_of(lock):
            why, log = unmade(error, line.terms.function).to_dict(), line.told()
            while line.queue:
                self._deliver(unsaid(line.queue.popleft(), why, log=log))
            line.kept = 0
        self._drop_empty_lines()

    def said(self, lock: Lock, text: str) -> None:
        """What is done to have them, for whoever waits."""
        for line in self._lines_of(lock):
            line.tell(text)
            for ticket in line.queue:
                self._reports.log(ticket.key[0], text)

    def _lines_of(self, lock: Lock) -> list[Line]:
        return [line for line in self._lines.values() if line.terms.lock == lock]

    def _drop_empty_lines(self) -> None:
        self._lines = {digest: line for digest, line in self._lines.items() if not line.empty}
        self._nurseries.keep(line.terms.lock for line in self._lines.values())

    # --- placing

    def _place(self) -> None:
        """Give waiting tickets to environments: idle ones, new ones, and ahead of time to those with short runs."""
        free = 0 if self._closed else self.slots - len(self.busy)
        while free > 0 and (line := self._next_line()) is not None:
            self._give_place(line)
            free -= 1
        lacking = (line for line in self._lines.values() if line.lacks and self._is_there(line.terms))
        while free > 0 and (lacking_one := next(lacking, None)) is not None:
            while free > 0 and lacking_one.lacks:
                lacking_one.busy.append(self._new(lacking_one, ahead=True))
                free -= 1
        for line in self._lines.values():
            while line.queue and (warm := line.writable()) is not None and warm.give(line.queue[0]):
                line.queue.popleft()
        self._watch.go()

    def _next_line(self) -> Line | None:
        able = [line for line in self._lines.values() if line.wants_place and self._is_there(line.terms)]
        return min(able, key=lambda line: line.queue[0].number, default=None)

    def _is_there(self, terms: Terms) -> bool:
        """Everything that an environment is made of."""
        return bool(self._bundles.get(terms.bundle)) and self._nurseries.of(terms.lock) is not None

    def _give_place(self, line: Line) -> None:
        warm = line.idle.pop() if line.idle else self._new(line)
        line.busy.append(warm)
        if warm.give(line.queue[0]):  # else it has just died, and its place comes free with that news
            line.queue.popleft()

    def _new(self, line: Line, *, ahead: bool = False) -> Warm:
        name = f"{os.getpid()}-{next(self._numbers)}"
        room = self._folder / f"room-{name}"
        room.mkdir()
        warm = Warm(name, line.terms, room=room, log=new_log(self._folder))
        self._line_of[warm] = line
        self._by_name[name] = warm
        asyncio.get_running_loop().add_reader(warm.near, self._hear, warm)
        warm.tell_before(line.told())
        self._fork(warm)
        warm.load(self._bundle(line.terms.bundle), ahead=ahead)
        return warm

    def _fork(self, warm: Warm) -> None:
        nursery = self._nurseries.of(warm.terms.lock)
        if nursery is not None:
            memory_mb = warm.terms.memory_mb + KERNEL_SLACK_MB
            processes = self._limits.processes
            nursery.fork(warm.name, warm.far.fileno(), warm.log, memory_mb=memory_mb, processes=processes)

    def _kill(self, warm: Warm) -> None:
        nursery = self._nurseries.of(warm.terms.lock)
        if nursery is not None:
            nursery.kill(warm.name)

    def _ready_since(self, warm: Warm) -> float | None:
        nursery = self._nurseries.of(warm.terms.lock)
        return nursery.ready_since if nursery is not None else None

    def _bundle(self, digest: str) -> Path:
        return self._folder / "bundles" / digest

    def _return(self, line: Line, tickets: Iterable[Ticket]) -> None:
        """Back to where they came from, in front of whatever came later; what was abandoned is dropped."""
        line.queue.extendleft(reversed([ticket for ticket in tickets if ticket.key in self._held]))

    # --- hearing

    def _hear(self, warm: Warm) -> None:
        self._take_messages(warm)
        self._settle(warm)
        self._place()

    def _take_messages(self, warm: Warm) -> None:
        for message in warm.read():
            self._takers[message["is"]](self, warm, message)

    def _take_outcome(self, warm: Warm, message: dict[str, Any]) -> None:
        ticket = warm.finish(message)
        self._line_of[warm].took(message["usage"]["duration_ms"])
        self._deliver(said(message, ticket, log=warm.log_text(message["log"][1])))

    def _take_unloadable(self, warm: Warm, message: dict[str, Any]) -> None:
        warm.spent = True
        line = self._line_of[warm]
        line.kept = 0  # the next one would fare as badly
        self._return(line, warm.take_back())
        if line.queue:
            self._deliver(unsaid(line.queue.popleft(), message["error"], log=warm.log_text()))

    def _take_born(self, warm: Warm, message: dict[str, Any]) -> None:
        warm.now_born(message)
        self._births_failed.pop(warm.terms.lock, None)

    def _take_progress(self, warm: Warm, message: dict[str, Any]) -> None:
        if warm.tickets:
            self._reports.progress(warm.tickets[0].key[0], message["done"], message["total"])

    def _take_effect(self, warm: Warm, message: dict[str, Any]) -> None:
        attempt, name = (message["run_id"], message["token"]), message["name"]
        there = socket.socket(fileno=message["fd"])
        ticket, _ = self._held.get(attempt, (None, None))
        if ticket is None or warm.doom is not None or name in ticket.questions:
            there.close()
            return
        ticket.questions[name] = there
        self._reports.effect(*attempt, name)

    def _take_left(self, warm: Warm, message: dict[str, Any]) -> None:
        self._reports.effect_done(message["run_id"], message["token"], message["name"])

    _takers: dict[str, Callable[[Environments, Warm, dict[str, Any]], None]] = {
        "born": _take_born,
        "loaded": lambda _, warm, message: warm.now_loaded(message),
        "unloadable": _take_unloadable,
        "outcome": _take_outcome,
        "progress": _take_progress,
        "effect": _take_effect,
        "left": _take_left,
        "staging": lambda _, warm, message: warm.staging(message),
        "wrote": lambda _, warm, message: warm.wrote(message),
    }

    def _deliver(self, outcome: Outcome) -> None:
        """Unless it was abandoned."""
        ticket, _ = self._held.pop((outcome.run_id, outcome.token), (None, None))
        if ticket is not None:
            ticket.ended()
            self._reports.outcome(outcome)

    def announce(self, warm: Warm) -> None:
        """The run in progress has been running for a while."""
        ticket = warm.tickets[0]
        if not ticket.announced and ticket.key in self._held:
            ticket.announced = True
            self._reports.started(*ticket.key, time.time() - (time.monotonic() - warm.since))

    def show(self, warm: Warm, text: str) -> None:
        """New output of the run in progress."""
        self._reports.log(warm.tickets[0].key[0], text)

    # --- ends

    def doom(self, warm: Warm, error: dict[str, Any] | None) -> None:
        """Kill an environment; the run in progress ends with `error`, or unheard when that is None."""
        if warm.doom is None or error is None:
            warm.doom = Doom(error, warm.tickets[0] if warm.tickets else None, time.monotonic())
            self._kill(warm)

    def take_back_from(self, warm: Warm) -> None:
        """What is written ahead to an environment that takes long goes elsewhere."""
        self._return(self._line_of[warm], warm.take_back())
        self._place()

    def give_up(self, warm: Warm) -> None:
        """Its birth or its death is overdue: go on as if it were dead."""
        self._kill(warm)
        self.died(warm.name, Death(status=-9, cpu_ms=0.0))

    def born(self, name: str, pid: int) -> None:
        """An environment lives."""
        if name in self._by_name:
            self._by_name[name].pid = pid

    def died(self, name: str, death: Death) -> None:
        """An environment has ended, and everything that it started."""
        warm = self._by_name.get(name)
        if warm is None:
            return
        self._take_messages(warm)
        self._bury(warm, death)
        self._settle(warm)
        self._place()

    def _bury(self, warm: Warm, death: Death) -> None:
        """What it has not read goes elsewhere. The run that was in progress ends with it; while it was still loading,
        that is the first one it was made for."""
        line = self._line_of[warm]
        unread = warm.take_back()
        begun = [*warm.tickets]
        warm.tickets.clear()
        if not warm.loaded:
            line.kept = 0
        if not warm.born:
            self._births_failed[line.terms.lock] += 1
        elif not warm.loaded and unread:
            begun = [unread.pop(0)]
        self._return(line, unread)
        for ticket in begun:
            outcome = cut_short(ticket, warm, death, log=warm.log_text())
            self._chore(discard, ticket.staging)
            if outcome is not None:
                self._deliver(outcome)
        self._forget(warm)
        if self._births_failed[line.terms.lock] >= _MOST_BIRTHS_FAILED:
            self._refuse_all(line.terms.lock, death.reason or "processes die before they begin")

    def _refuse_all(self, lock: Lock, reason: str) -> None:
        del self._births_failed[lock]
        for line in self._lines_of(lock):
            while line.queue:
                self._deliver(unsaid(line.queue.popleft(), faults.not_startable(reason)))

    def lost(self, lock: Lock) -> None:
        """The zygote of that lock has died, and its environments with it."""
        for warm in [warm for warm in self._by_name.values() if warm.terms.lock == lock]:
            kill(warm.pid)
            self.died(warm.name, Death(status=None, cpu_ms=0.0, reason="its zygote has ended"))
        if any(line.queue for line in self._lines_of(lock)):
            self._nurseries.prepare(lock)

    def _settle(self, warm: Warm | None) -> None:
        """A busy environment without tickets is idle, or has served its time."""
        if warm is not None and warm.name in self._by_name and not warm.tickets and warm.doom is None:
            if warm.spent:
                self._forget(warm)
            elif warm.loaded:
                self._rest(warm)
        if not self.busy:
            self._quiet.set()

    def _rest(self, warm: Warm) -> None:
        line = self._line_of[warm]
        if warm in line.busy:
            line.busy.remove(warm)
            line.idle.append(warm)
            warm.tidy()
            spare = self._spare()
            if len(spare) > self._most_idle:
                self._forget(spare[0])
            if self._expiry is None:
                self._expire()

    def _spare(self) -> list[Warm]:
        """Idle ones that need not be kept, the longest idle one first."""
        return sorted((warm for line in self._lines.values() for warm in line.spare), key=lambda warm: warm.since)

    def _expire(self) -> None:
        """End what has been idle for too long, and come back when the next one will have been."""
        self._expiry = None
        now = time.monotonic()
        for warm in self._spare():
            if now - warm.since < _IDLE_S:
                self._expiry = asyncio.get_running_loop().call_later(_IDLE_S - (now - warm.since), self._expire)
                return
            self._forget(warm)

    def _forget(self, warm: Warm) -> None:
        """It is dead, or will be at once, with whatever it has left: it may be one that does not listen any more."""
        self._kill(warm)
        line = self._line_of.pop(warm)
        del self._by_name[warm.name]
        for place in (line.busy, line.idle):
            if warm in place:
                place.remove(warm)
        if line.empty:
            self._drop_empty_lines()
        asyncio.get_running_loop().remove_reader(warm.near)
        warm.close()
        self._chore(shutil.rmtree, warm.room, True)

    def _chore(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Something that blocks and that nobody waits for."""
        future = asyncio.get_running_loop().run_in_executor(None, work, *arguments)
        self._chores.add(future)
        future.add_done_callback(self._chores.discard)
