"""News of functions: their counts and cost change with every run, so they are told seldom, and only to followers."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from ..model.errors import FnError, NotFound
from .feed import Feed
from .questions import Questions

_REST_S = 0.3
_REST_SHARE = 9  # counting many runs takes its time: 10 % of one core at most


class News:
    """Collects the names of changed functions, and pushes each function's JSON once in a while."""

    def __init__(self, feed: Feed, questions: Questions) -> None:
        self._feed = feed
        self._questions = questions
        self._changed: set[str] = set()
        self._woken = asyncio.Event()

    def function_changed(self, name: str) -> None:
        """Something about that function is new."""
        if self._feed.followed:
            self._changed.add(name)
            self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            changed, self._changed = self._changed, set()
            started = time.monotonic()
            for name in changed:
                with suppress(FnError):
                    await self._tell(name)
            await asyncio.sleep(max(_REST_S, _REST_SHARE * (time.monotonic() - started)))

    async def _tell(self, name: str) -> None:
        try:
            facts = await self._questions.function(name)
        except NotFound:
            return  # removed meanwhile; that was told by itself
        self._feed.push("function", facts, function=name, key=name)
