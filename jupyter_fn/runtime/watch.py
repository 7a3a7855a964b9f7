"""The look at busy environments every few milliseconds: limits and live logs. Nothing runs when none is busy."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from . import faults
from .limits import Limits
from .linux import descendants, disk_kb, private_kb, punch_hole, unnamed_kb
from .logs import droppable, read_new
from .warm import Warm

_TICK_S = 0.01
_TREE_EVERY = 5  # ticks between looks at the processes that an environment has started
_SHOW_EVERY = 10
_ROOM_EVERY_S = 0.1  # between looks at the scratch folder of an environment, or longer when they take long
_ROOM_SHARE = 0.05  # of the time is what they may take
_MOST_ENTRIES = 20_000  # of a scratch folder that are looked at
_BIRTH_LIMIT_S = 10.0
_LOAD_LIMIT_S = 10.0  # or the time limit of a run, if that is longer: as AWS Lambda's init phase
_DEATH_LIMIT_S = 0.4
_ALL = 1_000_000
_ANNOUNCED_S = 0.05
_SHOWN_S = 0.1
_AHEAD_S = 0.02  # a run that takes longer than this holds up what is written ahead


class Watched(Protocol):
    """What the pool lets the watch do."""

    @property
    def busy(self) -> Sequence[Warm]:
        """Environments that run or load something."""

    def doom(self, warm: Warm, error: dict[str, Any]) -> None:
        """Kill it; the run in progress ends with `error`."""

    def give_up(self, warm: Warm) -> None:
        """Its birth or its death is overdue."""

    def take_back_from(self, warm: Warm) -> None:
        """What is written ahead to it goes elsewhere."""

    def announce(self, warm: Warm) -> None:
        """The run in progress has been running for a while."""

    def show(self, warm: Warm, text: str) -> None:
        """New output of the run in progress."""


class Watch:
    """A timer that runs only while something is busy."""

    def __init__(self, pool: Watched, ready_since: Callable[[Warm], float | None], *, limits: Limits) -> None:
        """`ready_since`: when its zygote began to take requests (monotonic), None while it does not."""
        self._pool = pool
        self._limits = limits
        self._ready_since = ready_since
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    def go(self) -> None:
        """Something may be busy now."""
        if self._timer is None and self._pool.busy:
            self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)

    def stop(self) -> None:
        """For good."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self._timer = None
        self._ticks += 1
        now = time.monotonic()
        try:
            for warm in self._pool.busy:
                self._look(warm, now)
        finally:
            self.go()  # whatever happened: without the watch no limit holds

    def _look(self, warm: Warm, now: float) -> None:
        if warm.doom is not None:
            if now - warm.doom.at > _DEATH_LIMIT_S:
                self._pool.give_up(warm)
        elif not warm.born:
            ready = self._ready_since(warm)
            if ready is not None and now - max(ready, warm.made) > _BIRTH_LIMIT_S:
                self._pool.give_up(warm)
        elif not self._over_a_limit(warm, now) and warm.loaded and warm.tickets:
            self._tell(warm, now - warm.since)

    def _over_a_limit(self, warm: Warm, now: float) -> bool:
        over = self._over_memory(warm) or self._over_time(warm, now)
        return over or (now >= warm.room_due and self._over_disk(warm, now))

    def _over_time(self, warm: Warm, now: float) -> bool:
        limit_s = warm.terms.timeout_s
        age_s = now - warm.since
        if not warm.loaded and age_s > max(limit_s, _LOAD_LIMIT_S):
            self._pool.doom(warm, faults.load_timed_out(warm.terms.function, age_s))
        elif warm.loaded and warm.tickets and age_s > limit_s:
            self._pool.doom(warm, faults.timed_out(limit_s))
        return warm.doom is not None

    def _over_memory(self, warm: Warm) -> bool:
        used_kb = private_kb(warm.pid) - warm.base_kb
        if self._ticks % _TREE_EVERY == 0:
            most = self._limits.processes or _ALL
            below = descendants(warm.pid, most=most)
            if len(below) >= most:
                self._pool.doom(warm, faults.too_many_processes(most))
                return True
            used_kb += sum(private_kb(pid) for pid in below)
        if warm.tickets:
            warm.tickets[0].peak_kb = max(warm.tickets[0].peak_kb, used_kb)
        limit_mb = warm.terms.memory_mb
        if used_kb > limit_mb << 10:
            self._pool.doom(warm, faults.out_of_memory(limit_mb, used_kb >> 10))
        return warm.doom is not None

    def _over_disk(self, warm: Warm, now: float) -> bool:
        """What it has printed, and what lies in its room."""
        printed_mb = (os.fstat(warm.log).st_size - warm.log_at) >> 20
        used_mb = self._scratch_kb(warm) >> 10
        warm.room_due = now + max(_ROOM_EVERY_S, (time.monotonic() - now) / _ROOM_SHARE)
        if 0 < self._limits.log_mb < printed_mb:
            self._pool.doom(warm, faults.too_much_logged(self._limits.log_mb, printed_mb))
        elif 0 < self._limits.scratch_mb < used_mb:
            self._pool.doom(warm, faults.too_much_scratch(self._limits.scratch_mb, used_mb))
        return warm.doom is not None

    def _scratch_kb(self, warm: Warm) -> int:
        if not self._limits.scratch_mb:
            return 0
        return disk_kb(warm.room, most=_MOST_ENTRIES) + unnamed_kb(warm.pid, warm.room)

    def _tell(self, warm: Warm, age_s: float) -> None:
        if age_s > _AHEAD_S and len(warm.tickets) > 1:
            self._pool.take_back_from(warm)
        if age_s > _ANNOUNCED_S:
            self._pool.announce(warm)
        if age_s > _SHOWN_S and self._ticks % _SHOW_EVERY == 0:
            self._show(warm)

    def _show(self, warm: Warm) -> None:
        end = os.fstat(warm.log).st_size
        if end > warm.shown_at:
            text, warm.shown_at = read_new(warm.log, warm.shown_at, end)
            if text:
                self._pool.show(warm, text)
            start, length = droppable(warm.log_at, end)
            if length:
                punch_hole(warm.log, start, length)
