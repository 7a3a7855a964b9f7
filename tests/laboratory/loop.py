"""An event loop in virtual time: nothing waits, nothing runs beside it, and a seed decides when threads answer."""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from collections.abc import Callable
from random import Random
from typing import Any

from .clock import Time
from .crash import Crash
from .history import Broken

_MOST_TURNS = 50_000  # of one history: it spins, and time does not pass


class VirtualLoop(asyncio.BaseEventLoop):
    """One service's loop. What `run_in_executor` is given runs in this very thread, a little later."""

    _ready: Any
    _scheduled: Any

    def __init__(self, time: Time, chance: Random, *, slowness_s: float) -> None:
        super().__init__()
        self._virtual = time
        self._chance = chance
        self._slowness_s = slowness_s
        self._turns = 0
        self.unhandled: set[str] = set()  # what tasks ended with, and nobody asked

    # --- what asyncio asks of a loop

    def time(self) -> float:
        """Virtual seconds."""
        return self._virtual.now

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """There is only one thread."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """As a thread of `executor` would do it, at some moment, and the answer comes at some later one."""
        answer = self.create_future()
        self.call_later(self.moment_s(), self._carry_out, answer, func, args)
        return answer

    def _carry_out(self, answer: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            found, error = func(*args), None
        except Crash:
            raise
        except Exception as failed:
            found, error = None, failed
        self.call_later(self.moment_s(), _answer, answer, found, error)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nothing that goes wrong unseen is right."""
        error = context.get("exception")
        if isinstance(error, Broken):
            raise error
        self.unhandled.add(f"{context.get('message')} {error!r}")
        if "handle" in context:
            raise Broken("unhandled", f"{context.get('message')} {error!r}")

    # --- its life

    def moment_s(self) -> float:
        """How long a thread takes, this time."""
        return 0.0 if self._chance.random() < 0.5 else self._chance.random() * self._slowness_s

    def run(self, stop: Callable[[], bool]) -> None:
        """Until `stop`, or the Crash of the service. Raises Broken when nothing will ever happen again before that."""
        events._set_running_loop(self)
        try:
            while not stop():
                if self._ready:
                    self._turn()
                else:
                    self._pass_time()
        finally:
            events._set_running_loop(None)

    def _turn(self) -> None:
        self._turns += 1
        if self._turns > _MOST_TURNS:
            raise Broken("progress", "The service spins: it works and no time passes.")
        handle = self._ready.popleft()
        if not handle._cancelled:
            handle._run()

    def _pass_time(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        due = self._scheduled[0]._when if self._scheduled else float("inf")
        if self._virtual.next_at <= due:
            if not self._virtual.next_at < float("inf"):
                raise Broken("progress", "Nothing will ever happen again.")
            self._virtual.pass_on()
            return
        handle = heapq.heappop(self._scheduled)
        handle._scheduled = False
        self._virtual.now = max(self._virtual.now, due)
        self._ready.append(handle)

    def bury(self) -> None:
        """The process is gone: nothing of it runs any more. Its coroutines are put away without a word."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            _put_away(task.get_coro())
        self.close()


def _answer(answer: asyncio.Future[Any], found: Any, error: Exception | None) -> None:
    if answer.cancelled():
        return
    if error is None:
        answer.set_result(found)
    else:
        answer.set_exception(error)


def _put_away(coroutine: Any) -> None:
    for _ in range(10):  # one that awaits while it ends has to be told again
        try:
            coroutine.close()
        except RuntimeError:
            continue
        return
