"""Many wishes, one deed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Gathered:
    """Calls `action` once, `delay_s` after the first of the wishes that came since the last call."""

    def __init__(self, action: Callable[[], None], *, delay_s: float) -> None:
        self._action = action
        self._delay_s = delay_s
        self._due: asyncio.TimerHandle | None = None

    def wish(self) -> None:
        """Have `action` called before long. Needs a running loop."""
        if not self._due:
            self._due = asyncio.get_running_loop().call_later(self._delay_s, self.now)

    def now(self) -> None:
        """Call it, without waiting any longer."""
        self.forget()
        self._action()

    def forget(self) -> None:
        """Do not call it after all."""
        if self._due:
            self._due.cancel()
            self._due = None
