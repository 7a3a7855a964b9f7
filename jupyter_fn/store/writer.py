"""The one writer: a thread that takes what waits, carries it out in one transaction and answers after the COMMIT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection

from ..model.errors import ServiceNotRunning
from .faults import translate

T = TypeVar("T")
Op = Callable[[Connection], Any]

_MOST = 512  # ops in one transaction, so that the first of them does not wait for ever


@dataclass(slots=True)
class _Job:
    op: Op
    future: Future[Any]


class Writer:
    """Owns `conn` until `close`."""

    def __init__(self, conn: Connection, path: Path) -> None:
        self._conn = conn
        self._path = path
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()  # between the last submit and close
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="jupyter-fn-writer", daemon=True)
        self._thread.start()

    def submit(self, op: Callable[[Connection], T]) -> Future[T]:
        """See `Database.submit`."""
        job = _Job(op, Future())
        with self._lock:
            if self._closed:
                raise ServiceNotRunning("The store is closed.", "Start the service again: jupyter fn start.")
            self._waiting.put(job)
        return job.future

    def close(self) -> None:
        """Finish what waits, end the thread and give the connection back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
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
            with self._conn.begin():
                results = [job.op(self._conn) for job in jobs]
        except BaseException as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(translate(error, self._path))
                return
            for job in jobs:
                self._commit([job])
            return
        for job, result in zip(jobs, results, strict=True):
            job.future.set_result(result)
