"""Notices that the clock on the wall was set, or that the machine has slept. Timers of the event loop go by a clock that does
neither, so what they wait for may be due long before they ring."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)
_LOOK_S = 5.0
_NOTICED_S = 1.0  # clocks that are steered to the right time stay below


class ClockWatch:
    """Compares the two clocks now and again."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.was_set: Callable[[float], None] = lambda by_s: None

    async def run(self) -> None:
        """Until cancelled."""
        apart = self._apart()
        while True:
            await asyncio.sleep(_LOOK_S)
            before, apart = apart, self._apart()
            if abs(apart - before) > _NOTICED_S:
                log.info(
                    "The clock was set by %+.0f s, or the machine has slept; what is due is looked for.", apart - before
                )
                self.was_set(apart - before)

    def _apart(self) -> float:
        return self._clock() - asyncio.get_running_loop().time()
