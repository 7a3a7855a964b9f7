"""The zygotes of one worker: its own Python's, and one for each lock that something waits for or runs by."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ..model.errors import FnError, WorkerLost
from . import venvs
from .limits import USUAL, Ways
from .nursery import Death, Nursery

Lock = tuple[str, ...]
_OWN: Lock = ()
_REST_S = 300.0  # a zygote that nothing needs is ended after this


class Owner(Protocol):
    """Who hears of them. Called on the event loop."""

    def born(self, name: str, pid: int) -> None:
        """An environment lives."""

    def died(self, name: str, death: Death) -> None:
        """An environment has ended."""

    def lost(self, lock: Lock) -> None:
        """A zygote has died, and its environments with it."""

    def made(self, lock: Lock) -> None:
        """Environments by that lock can be had now."""

    def unmade(self, lock: Lock, error: FnError) -> None:
        """They cannot be had."""

    def said(self, lock: Lock, text: str) -> None:
        """What is done to have them."""


@dataclass(slots=True)
class _Making:
    task: asyncio.Task[None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)


class Nurseries:
    """Everything is called on the event loop; as for `Nursery`, its thread must live as long as environments may."""

    def __init__(self, folder: Path, owner: Owner, *, ways: Ways = USUAL) -> None:
        self._ways = ways
        self._folder = folder
        self._owner = owner
        self._there: dict[Lock, Nursery] = {_OWN: self._new(_OWN, None)}
        self._making: dict[Lock, _Making] = {}
        self._resting: dict[Lock, asyncio.TimerHandle] = {}  # those that nothing needs
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def own(self) -> Nursery:
        """That of the worker's own Python."""
        return self._there[_OWN]

    def of(self, lock: Lock) -> Nursery | None:
        """The one that forks environments by that lock, once there is one."""
        return self._there.get(lock)

    def prepare(self, lock: Lock) -> None:
        """`made` or `unmade` follows, unless there is one already."""
        if (timer := self._resting.pop(lock, None)) is not None:
            timer.cancel()
        if lock in self._there or lock in self._making:
            return
        making = self._making[lock] = _Making()
        making.task = asyncio.get_running_loop().create_task(self._make(lock, making.stop))

    async def _make(self, lock: Lock, stop: threading.Event) -> None:
        loop = asyncio.get_running_loop()
        failed: FnError | None = None

        def say(text: str) -> None:
            loop.call_soon_threadsafe(self._owner.said, lock, text)

        try:
            python = await asyncio.to_thread(partial(venvs.build, lock, say=say, stop=stop))
            if stop.is_set():
                return
            self._there[lock] = self._new(lock, python)
            self._there[lock].start()
        except FnError as error:
            failed = error
        except venvs.Stopped:
            return
        except Exception as error:  # whatever uv or the disk have thought of
            failed = WorkerLost(f"The environment cannot be made: {error!r}.", "Look at the worker's own log.")
        del self._making[lock]
        if failed is None:
            self._owner.made(lock)
        else:
            self._owner.unmade(lock, failed)

    def _new(self, lock: Lock, python: Path | None) -> Nursery:
        owner = self._owner
        lost = partial(self._lost, lock)
        return Nursery(self._folder, born=owner.born, died=owner.died, lost=lost, python=python, ways=self._ways)

    def _lost(self, lock: Lock) -> None:
        """One of a virtual environment is looked for again, for that may be gone, too."""
        if lock != _OWN:
            self._there.pop(lock, None)
        self._owner.lost(lock)

    def lease(self, lease_s: float | None) -> None:
        """As `Nursery.lease`, for all."""
        for nursery in self._there.values():
            nursery.lease(lease_s)

    def keep(self, locks: Iterable[Lock]) -> None:
        """Nothing waits for others than these and the own one, and nothing lives by them: they end after a while, unless
        they are prepared again."""
        for lock in set(self._there) - {_OWN, *self._resting, *locks}:
            self._resting[lock] = asyncio.get_running_loop().call_later(_REST_S, self._end, lock)

    def _end(self, lock: Lock) -> None:
        del self._resting[lock]
        if (nursery := self._there.pop(lock, None)) is not None:
            task = asyncio.get_running_loop().create_task(nursery.close())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End them all."""
        for timer in self._resting.values():
            timer.cancel()
        for making in self._making.values():
            making.stop.set()
        waiting: list[Any] = [making.task for making in self._making.values() if making.task is not None]
        await asyncio.gather(*waiting, *self._ending, *(nursery.close() for nursery in self._there.values()))
