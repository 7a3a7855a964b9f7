"""Effect barriers: an attempt may pass when it is stored that its run has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from ..policy.stimuli import EffectEntered
from ..store import effects
from ..store.database import Database
from .catalog import Catalog
from .transitions import transit

log = logging.getLogger(__name__)


class Barriers:
    """Answers the questions of attempts that stand before one."""

    def __init__(self, database: Database, catalog: Catalog, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._catalog = catalog
        self._clock = clock

    async def enter(self, run_id: str, token: int, name: str) -> bool:
        """Whether the attempt may go on: it is the run's present one, its run has not passed this barrier before, and
        both the run and its barrier are committed. An answer that does not come from the store is a no."""
        try:
            return await asyncio.wrap_future(self._database.submit(partial(self._enter, run_id, token, name)))
        except ServiceNotRunning:
            return False
        except Exception:
            log.exception("Run %s may not enter its effect %r: the store refused it.", run_id, name)
            return False

    def _enter(self, run_id: str, token: int, name: str, conn: Connection) -> bool:
        if effects.is_entered(conn, run_id, name):
            return False
        now = self._clock()
        steps = transit(conn, self._catalog, [(run_id, EffectEntered(token, name))], now, known={})
        passed = any(step.after is not step.before for step in steps)
        if passed:
            effects.enter(conn, run_id, token, name, now=now)
        return passed

    def leave(self, run_id: str, token: int, name: str) -> None:
        """Its block was left as it should. For who has to decide on an unknown run; nothing depends on it."""
        with suppress(ServiceNotRunning):
            self._database.submit(lambda conn: effects.leave(conn, run_id, token, name, now=self._clock()))
