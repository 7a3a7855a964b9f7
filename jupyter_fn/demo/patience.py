"""Going on while the service is away: killed, stopped, started again by somebody, or by the client itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ..model.errors import HomeRefused, ServiceError

T = TypeVar("T")
LIMIT_S = 120.0
_PAUSE_S = 0.5


def patient(ask: Callable[[], T], *, tell: Callable[[str], None], limit_s: float = LIMIT_S) -> T:
    """What `ask` answers; asked again while no service does. `tell` is told once that one waits. `ask` must be repeatable.

    Raises:
        ServiceError: nothing has answered for `limit_s`.
    """
    end = time.monotonic() + limit_s
    told = False
    while True:
        try:
            return ask()
        except HomeRefused:
            raise
        except ServiceError as error:
            if time.monotonic() > end:
                raise
            if not told:
                tell(f"The service is away, the demo goes on when it is back. ({error.cause})")
                told = True
        time.sleep(_PAUSE_S)
