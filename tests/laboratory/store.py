"""A real SQLite store in memory, whose writer works in the thread of the virtual loop.

The disk outlives the services that write on it: what a crash leaves there is what was committed. There is one disk per
process, and each history begins with a copy of a store that was migrated and filled once.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from jupyter_fn.model.errors import HomeRefused, ServiceNotRunning
from jupyter_fn.store import migrations
from jupyter_fn.store.database import Database
from jupyter_fn.store.payloads import Shelf
from jupyter_fn.store.recent import forget

from .crash import Crash, Crashes
from .history import Broken
from .loop import VirtualLoop

T = TypeVar("T")
Op = Callable[[Connection], Any]
_TERMINAL = "('succeeded', 'failed', 'dead', 'cancelled', 'split', 'unknown', 'skipped')"
_GUARDS = f"""
CREATE TABLE laboratory (what TEXT);
CREATE TRIGGER laboratory_g6 AFTER UPDATE ON runs WHEN OLD.state IN {_TERMINAL}
BEGIN INSERT INTO laboratory VALUES ('G6: run ' || OLD.id || ' was ' || OLD.state || ' and became ' || NEW.state); END;
CREATE TRIGGER laboratory_token AFTER UPDATE ON runs WHEN NEW.token < OLD.token
BEGIN INSERT INTO laboratory VALUES ('G4: the token of run ' || OLD.id || ' went back'); END;
CREATE TRIGGER laboratory_cancel AFTER UPDATE ON runs WHEN OLD.cancel_requested = 1 AND NEW.token > OLD.token
BEGIN INSERT INTO laboratory VALUES ('cancel: run ' || OLD.id || ' was cancelled, and claimed again'); END;
CREATE TRIGGER laboratory_order AFTER UPDATE ON runs WHEN NEW.state = 'claimed' AND NEW.token > OLD.token AND NEW.rank != ''
AND EXISTS (SELECT 1 FROM runs r WHERE r.function = NEW.function AND r.lane = NEW.lane AND r.rank != '' AND r.state NOT IN
{_TERMINAL} AND (r.rank < NEW.rank OR r.rank = NEW.rank AND r.seq < NEW.seq))
BEGIN INSERT INTO laboratory VALUES ('G8: run ' || OLD.id || ' was claimed before its turn in lane ' || OLD.lane); END;
CREATE TRIGGER laboratory_effect AFTER UPDATE ON runs WHEN OLD.barrier != '' AND NEW.token > OLD.token AND OLD.token > 0
BEGIN INSERT INTO laboratory VALUES ('effect: run ' || OLD.id || ' was tried again behind ' || OLD.barrier); END;
CREATE TRIGGER laboratory_runs AFTER DELETE ON runs
BEGIN INSERT INTO laboratory VALUES ('G1: run ' || OLD.id || ' was taken away'); END;
CREATE TRIGGER laboratory_events AFTER DELETE ON events
BEGIN INSERT INTO laboratory VALUES ('G1: event ' || OLD.id || ' was taken away'); END;
CREATE TRIGGER laboratory_attempts AFTER UPDATE ON attempts
BEGIN INSERT INTO laboratory VALUES ('G3: attempt ' || OLD.token || ' of run ' || OLD.run || ' was changed'); END;
"""


class Disk:
    """The database file of this process, in memory. Guarded by triggers that write down what must never be done."""

    def __init__(self) -> None:
        self.raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=512)
        self._engine = create_engine("sqlite://", creator=lambda: self.raw, poolclass=StaticPool)
        event.listen(self._engine, "begin", lambda conn: self.raw.execute("BEGIN IMMEDIATE"))
        self.conn = self._engine.connect()
        self.conn.info["shelf"] = Shelf("memory://laboratory/payloads", 1 << 30)
        event.listen(self._engine, "before_cursor_execute", self._before)
        self.crashes: Crashes | None = None
        self._migrate()
        self.empty = self.image()

    def _migrate(self) -> None:
        with self.conn.begin():
            migrations.upgrade(self.conn)
        self.raw.executescript(_GUARDS)

    def _before(self, conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if self.crashes is None:
            return
        try:
            self.crashes.point("before statement", statement[:60].replace("\n", " "))
        except Crash:
            raise _Pulled from None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed, or rolled back. Raises Crash when the service dies in it."""
        try:
            with self.conn.begin():
                yield self.conn
                if self.crashes is not None and self.crashes.over:
                    raise _Pulled
        except Exception:
            forget(self.conn)
            if self.crashes is not None and self.crashes.over:
                raise Crash from None
            raise

    def image(self) -> bytes:
        """Everything that is on it."""
        return self.raw.serialize()

    def restore(self, image: bytes) -> None:
        """Have on it what was there then."""
        self.raw.deserialize(image)
        forget(self.conn)

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Look at it without a service; no point for a crash."""
        return self.raw.execute(query, values).fetchall()


@dataclass(slots=True)
class _Job:
    op: Op
    future: Future[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a disk behaves in a history."""

    slowness_s: float = 0.002  # most seconds of a transaction
    redone: float = 0.0  # share of shared transactions that are undone and carried out op by op
    hurried: float = 0.3  # share of transactions that do not take everything that waits


class Store(Database):
    """What a service has opened. Once `dead` it answers nobody; nothing of its process is left."""

    def __init__(
        self, disk: Disk, loop: VirtualLoop, chance: Random, *, manners: Manners, committed: Callable[[int], None]
    ) -> None:
        """`committed` is called after every COMMIT with the number of its ops."""
        self.place = "the laboratory"
        forget(disk.conn)  # a connection is made anew by each service
        self._disk = disk
        self._loop = loop
        self._chance = chance
        self._manners = manners
        self._committed = committed
        self._waiting: deque[_Job] = deque()
        self._answers: deque[tuple[Future[Any], Any, BaseException | None]] = deque()
        self._busy = False
        self._closed = False
        self.dead = False
        self.refused_until = -1.0  # virtual seconds: the disk is full until then

    # --- as Database has it

    def submit(self, op: Callable[[Connection], T]) -> Future[T]:
        """Carried out on the loop, soon."""
        if self._closed:
            raise ServiceNotRunning("The store is closed.", "Start the service again: jupyter fn start.")
        job = _Job(op, Future())
        if not self.dead:
            self._waiting.append(job)
            self._hurry()
        return job.future

    def write(self, op: Callable[[Connection], T]) -> T:
        """Nothing of the engine may block its loop."""
        raise Broken("progress", "The engine waits for the writer in the thread of its loop.")

    def read(self, fn: Callable[[Connection], T]) -> T:
        """At once, of this moment."""
        if self.dead:
            raise ServiceNotRunning("The store is gone.")
        with self._disk.transaction() as conn:
            return fn(conn)

    def close(self) -> None:
        """Carry out what waits."""
        while self._waiting and not self.dead:
            self._commit_some()
        self._closed = True
        self._answer_all()

    # --- the writer

    def _hurry(self) -> None:
        if not self._busy:
            self._busy = True
            self._loop.call_later(self._chance.random() * self._manners.slowness_s, self._turn)

    def _turn(self) -> None:
        self._busy = False
        if self.dead or not self._waiting:
            return
        self._commit_some()
        if self._answers:
            self._loop.call_later(self._loop.moment_s(), self._answer_all)
        if self._waiting:
            self._hurry()

    def _commit_some(self) -> None:
        most = len(self._waiting)
        if most > 1 and self._chance.random() < self._manners.hurried:
            most = self._chance.randint(1, most)
        jobs = [self._waiting.popleft() for _ in range(most)]
        live = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        if len(live) > 1 and self._chance.random() < self._manners.redone:
            self._undo(live)
            for job in live:
                self._commit([job])
        elif live:
            self._commit(live)

    def _undo(self, jobs: Sequence[_Job]) -> None:
        """As when one of them has failed: all that was done is rolled back."""
        try:
            with self._disk.transaction() as conn:
                for job in jobs:
                    job.op(conn)
                raise _Undone
        except Broken:
            raise
        except Exception:
            return

    def _commit(self, jobs: Sequence[_Job]) -> None:
        crashes = self._disk.crashes
        try:
            with self._disk.transaction() as conn:
                if self._loop.time() < self.refused_until:
                    raise HomeRefused("The disk is full.", "Free some space.")
                results = [job.op(conn) for job in jobs]
                if crashes is not None:
                    crashes.point("before COMMIT")
        except Broken:
            raise
        except Exception as error:
            if len(jobs) == 1:
                self._answers.append((jobs[0].future, None, error))
                return
            for job in jobs:
                self._commit([job])
            return
        self._committed(len(jobs))
        if crashes is not None:
            crashes.point("after COMMIT")
        self._answers.extend((job.future, result, None) for job, result in zip(jobs, results, strict=True))

    def _answer_all(self) -> None:
        while self._answers and not self.dead:
            future, result, error = self._answers.popleft()
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class _Undone(Exception):
    pass


class _Pulled(Exception):
    """The plug: a Crash, as long as SQLAlchemy has it in hand; it would throw the connection away for a SystemExit."""
