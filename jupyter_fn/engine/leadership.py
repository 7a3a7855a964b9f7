"""Which functions this service leads: it alone follows their triggers and begins their runs.

A service that has its store for itself leads all of them. Where several share one, functions are spread over partitions, and
a service leads those whose leases it holds. What runs when a partition changes hands goes on where it is: its service is
told of the end as before. Only runs of services that are gone are taken up by whoever leads their functions then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from ..model.errors import StoreUnreachable
from ..model.run import Run
from ..policy.partitions import partition_of
from ..policy.stimuli import Recovered
from ..store import functions, leases, queue
from ..store.bell import News
from ..store.database import Database
from ..store.leases import Service, Standing
from ..store.watch import Watch
from .catalog import Catalog
from .transitions import Told

log = logging.getLogger(__name__)
_FIRST_BEAT_S = 30.0
_AGAIN_S = 1.0


class NotLed(Exception):
    """Another service leads that function by now."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What is another thing since the last one."""

    gained: bool = False  # functions, to be followed from now on
    lost: bool = False
    gone: bool = False  # services, with their workers
    returned: bool = False  # this service had been given up, with its workers, by the others or by itself


class Leadership:
    """Lives on the event loop; `foreign`, `confirmed` and `require` are parts of ops of the writer."""

    def __init__(self, database: Database, catalog: Catalog, *, beat_s: float, lease_s: float) -> None:
        self._database = database
        self._catalog = catalog
        self._beat_s, self._lease_s = beat_s, lease_s
        self._service = Service(url="")
        self._watch: Watch | None = None
        self._standing: Standing | None = None  # the newest
        self._acted_on = Standing(frozenset(), frozenset())
        self._beaten = 0.0  # monotonic seconds
        self._woken = asyncio.Event()
        self.turned: Callable[[Turn], Awaitable[None]] = _nothing
        self.heard: Callable[[Collection[News]], None] = lambda news: None

    @property
    def shared(self) -> bool:
        """Whether there may be other services."""
        return self._database.shared

    @property
    def service(self) -> str:
        """What this one is called in the store; "" when there is no other."""
        return self._service.id if self.shared else ""

    async def start(self, url: str) -> None:
        """Say that this service, which answers at `url`, lives, and take what nobody leads. Raises StoreUnreachable."""
        if not self.shared:
            return
        self._service = replace(self._service, url=url)
        self._begin()
        try:
            async with asyncio.timeout(_FIRST_BEAT_S):
                await self._woken.wait()
        except TimeoutError:
            await self.close()
            raise StoreUnreachable(
                f"The store {self._database.place} does not answer.", "Check that its server runs."
            ) from None
        self._acted_on = self._standing or self._acted_on

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()

        def hear(standing: Standing | None, news: Collection[News]) -> None:
            with suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._hear, standing, news)

        self._watch = self._database.watch(self._service, hear, beat_s=self._beat_s, lease_s=self._lease_s)

    async def close(self) -> None:
        """Others may lead at once what this service has led."""
        if self._watch is not None:
            watch, self._watch = self._watch, None
            await asyncio.to_thread(watch.close)

    # --- asked

    def leads(self, function: str) -> bool:
        """Whether this service leads that function, as far as it knows."""
        if not self.shared:
            return True
        certain = time.monotonic() < self._beaten + self._lease_s
        return certain and self._standing is not None and partition_of(function) in self._standing.led

    def foreign(self, conn: Connection) -> set[str]:
        """The functions that others lead at this moment."""
        if not self.shared:
            return set()
        led = leases.led(conn, self._service.id)
        return {name for name in self._catalog.names(conn) if partition_of(name) not in led}

    def confirmed(self, conn: Connection, chosen: list[Run]) -> list[Run]:
        """Those whose functions this service will lead when this transaction is committed."""
        if not self.shared or not chosen:
            return chosen
        led = leases.led(conn, self._service.id, for_certain=True)
        return [run for run in chosen if partition_of(run.function) in led]

    def others(self, conn: Connection) -> set[str]:
        """The functions that others lead, as far as this service knows. For readers."""
        return {one.name for one in functions.list_all(conn) if not self.leads(one.name)} if self.shared else set()

    def require(self, conn: Connection, function: str) -> None:
        """Raises NotLed when another service will lead that function by the time this transaction is committed."""
        if self.shared and partition_of(function) not in leases.led(conn, self._service.id, for_certain=True):
            raise NotLed(function)

    def orphans(self, conn: Connection) -> list[Told]:
        """What becomes of runs that nobody works on any more: those that workers of services hold which are gone."""
        held = queue.unfinished(conn)
        return [(run.id, Recovered()) for run in (self._unattended(conn, held) if self.shared else held)]

    def _unattended(self, conn: Connection, held: Iterable[Run]) -> Iterable[Run]:
        attended, led = leases.attended(conn), leases.led(conn, self._service.id, for_certain=True)
        return [run for run in held if run.worker not in attended and partition_of(run.function) in led]

    async def services(self) -> list[dict[str, object]]:
        """The services that have the store open; none where there can be only one."""
        if not self.shared:
            return []
        found = await asyncio.to_thread(self._database.read, leases.listed)
        return [{"id": one.id, "url": one.url, "host": one.host, "pid": one.pid} for one in found]

    # --- heard

    def _hear(self, standing: Standing | None, news: Collection[News]) -> None:
        if standing is not None:
            now = time.monotonic()
            before = self._standing
            unheeded = before is not None and before is not self._acted_on and before.returned
            silent = now > self._beaten + self._lease_s  # it has led nothing meanwhile, as far as it knew
            self._standing = replace(standing, returned=standing.returned or unheeded or silent)
            self._beaten = now
            self._woken.set()
        if news:
            self.heard(news)

    async def run(self) -> None:
        """Have everybody told who has to know what this service leads. Until cancelled."""
        while self.shared:
            await self._woken.wait()
            self._woken.clear()
            standing = self._standing or self._acted_on
            turn = turn_of(self._acted_on, standing)
            if turn == Turn():
                continue
            log.info("This service leads %d partitions; %d services live.", len(standing.led), len(standing.living))
            try:
                await self.turned(turn)
                self._acted_on = standing
            except Exception:
                log.exception("What this service leads could not be taken up; it is tried again.")
                await asyncio.sleep(_AGAIN_S)
                self._woken.set()


def turn_of(before: Standing, after: Standing) -> Turn:
    """What has to be acted on between two beats."""
    return Turn(
        gained=not after.led <= before.led,
        lost=not before.led <= after.led,
        gone=not before.living <= after.living,
        returned=after.returned,
    )


async def _nothing(turn: Turn) -> None:
    """Nobody has to know."""
