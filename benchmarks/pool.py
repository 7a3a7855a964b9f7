"""Environments of this very process, without a service: what the machine's forks cost by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from jupyter_fn.model.ids import digest
from jupyter_fn.model.run import Outcome
from jupyter_fn.model.version import Bundle
from jupyter_fn.runtime.assignment import Assignment, Terms
from jupyter_fn.runtime.loading import pack
from jupyter_fn.runtime.pool import Environments

_MEMORY_MB = 512
_TIMEOUT_S = 60.0


class House:
    """Runs attempts of versions that it makes up. Hears what the environments report; only outcomes matter here."""

    def __init__(self, folder: Path, source: str, *, slots: int, most_idle: int | None = None) -> None:
        self.folder = folder
        bundle = Bundle(kind="cell", source=source, handler="handler", filename="<fn bench>")
        self._payload = pack(bundle)
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}
        self.pool = Environments(folder, slots=slots, reports=self, most_idle=most_idle)

    def terms(self, version: int = 1) -> Terms:
        """Versions differ by their number alone, which is enough to need environments of their own."""
        return Terms(
            function="bench",
            version=version,
            bundle=digest(self._payload),
            folder=str(self.folder),
            timeout_s=_TIMEOUT_S,
            memory_mb=_MEMORY_MB,
        )

    async def run(self, terms: Terms) -> Outcome:
        """One attempt; fails when its handler does."""
        run_id = str(next(self._numbers))
        waiter = self._waiting[run_id] = asyncio.get_running_loop().create_future()
        self.pool.submit([Assignment(terms=terms, run_id=run_id, token=1, attempt=1, event={})])
        outcome = await waiter
        assert outcome.error is None, outcome.error
        return outcome

    def environments(self) -> list[psutil.Process]:
        """Those that live."""
        return psutil.Process(self.pool.zygote).children()

    # --- what the environments report

    def outcome(self, outcome: Outcome) -> None:
        """An attempt has ended."""
        self._waiting.pop(outcome.run_id).set_result(outcome)

    def need(self, digest: str) -> None:
        """The code, which is the same for all."""
        asyncio.get_running_loop().call_soon(self.pool.provide, digest, self._payload)

    def _ignore(self, *_: Any) -> None:
        """Nothing of interest here."""

    started = log = progress = effect = effect_done = _ignore


@asynccontextmanager
async def house(source: str, *, slots: int, most_idle: int | None = None) -> AsyncIterator[House]:
    """A zygote that has imported what it should, and no environment yet; all ended at the end."""
    with TemporaryDirectory(prefix="jupyter-fn-bench-") as folder:
        made = House(Path(folder), source, slots=slots, most_idle=most_idle)
        try:
            await made.run(made.terms())
            yield made
        finally:
            await made.pool.close()
