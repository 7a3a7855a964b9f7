"""The one writer: a thread that takes what waits, carries it out in one transaction and answers after the COMMIT."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ..model.errors import ServiceNotRunning
from .faults import is_broken, translate
from .kind import Kind
from .recent import forget

T = TypeVar("T")
Op = Callable[[Connection], Any]
log = logging.getLogger(__name__)

_MOST = 512  # ops in one transaction, so that the first of them does not wait for ever
_PAUSES_S = (0.0, 0.1, 0.3, 0.6, 1.0, 2.0, 3.0, 3.0)  # a server that restarts is back within these


def closed() -> ServiceNotRunning:
    """What is said to who comes too late."""
    return ServiceNotRunning("The store is closed.", "Start the service again: jupyter fn start.")


@dataclass(slots=True)
class _Job:
    op: Op
    future: Future[Any]


class Writer:
    """Owns `conn` until `close`."""

    def __init__(self, conn: Connection, kind: Kind) -> None:
        self._conn = conn
        self._kind = kind
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()  # between the last submit and close
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jupyter-fn-writer", daemon=True)
        self._thread.start()

    def submit(self, op: Callable[[Connection], T]) -> Future[T]:
        """See `Database.submit`."""
        job = _Job(op, Future())
        with self._lock:
            if self._closing.is_set():
                raise closed()
            self._waiting.put(job)
        return job.future

    def close(self) -> None:
        """Finish what waits, end the thread and give the connection back."""
        with self._lock:
            if self._closing.is_set():
                return
            self._closing.set()
            self._waiting.put(None)
        self._thread.join()
        self._conn.close()

    def _run(self) -> None:
        while jobs := self._take():
            live = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if live:
                self._commit(live)

    def _take(self) -> list[_Job]:
        """Everything that waits, at least one; nothing at the end."""
        jobs: list[_Job] = []
        try:
            job = self._waiting.get()
            while job is not None:
                jobs.append(job)
                if len(jobs) == _MOST:
                    return jobs
                job = self._waiting.get_nowait()
            if jobs:
                self._waiting.put(None)  # the end was seen behind work: see it again after the work
        except Empty:
            pass
        return jobs

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """All in one transaction. When one fails, all of it is rolled back and each is carried out again in a transaction
        of its own: failures are rare, and savepoints would cost every op as much as its work."""
        try:
            results = self._transact(jobs)
        except BaseException as error:
            if len(jobs) == 1 or is_broken(error):
                fault = translate(error, self._kind.place)
                for job in jobs:
                    job.future.set_exception(fault)
                return
            for job in jobs:
                self._commit([job])
            return
        for job, result in zip(jobs, results, strict=True):
            job.future.set_result(result)

    # --- connections that break

    def _transact(self, jobs: Sequence[_Job]) -> list[Any]:
        """Carry out in one transaction, and again when the connection breaks, for that undoes it; after a COMMIT that had
        no answer only once it is certain that it did not come through."""
        pauses_s = iter(_PAUSES_S)
        while True:
            ending = False
            try:
                with self._conn.begin():
                    self._kind.begun(self._conn)
                    results = [job.op(self._conn) for job in jobs]
                    self._kind.ending(self._conn)
                    ending = True
                return results
            except BaseException as error:
                forget(self._conn)
                pause_s = next(pauses_s, None)
                if not is_broken(error) or (pause_s is None and not ending):
                    raise
                log.warning("The connection to the store %s broke; it is made again.", self._kind.place)
            if ending and self._has_committed():
                return results
            self._closing.wait(pause_s)

    def _has_committed(self) -> bool:
        """Asked until there is an answer: an op that claims runs must not be left in doubt, or nobody would run them.
        Only when the service ends nobody waits for it; then the next one takes up what there is."""
        while True:
            try:
                with self._conn.begin():
                    return self._kind.has_committed(self._conn)
            except DBAPIError as error:
                if not is_broken(error) or self._closing.wait(_PAUSES_S[-1]):
                    raise
