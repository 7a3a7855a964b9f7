"""The one writer: a thread that takes what waits, carries it out in one transaction and answers after the COMMIT."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, NestedTransaction
from sqlalchemy.exc import SQLAlchemyError

from ..model.errors import ServiceNotRunning
from .faults import translate

T = TypeVar("T")
Op = Callable[[Connection], Any]

_MOST = 512  # ops in one transaction, so that the first of them does not wait for ever
_HOOKS = "after_commit"

log = logging.getLogger(__name__)


def after_commit(conn: Connection, hook: Callable[[], None]) -> None:
    """From inside an op: call `hook`, in the writer's thread, once the op's transaction is committed; never if it is not."""
    conn.info[_HOOKS].append(hook)


@dataclass(slots=True)
class _Job:
    op: Op
    future: Future[Any]
    result: Any = None
    error: BaseException | None = None
    hooks: list[Callable[[], None]] = field(default_factory=list)

    def settle(self) -> None:
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


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

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            with self._conn.begin():
                for job in jobs:
                    self._carry_out(job, alone=len(jobs) == 1)
        except BaseException as error:
            # The whole transaction is gone, also what had gone well in it: nobody is told otherwise.
            fault = translate(error, self._path)
            for job in jobs:
                job.future.set_exception(fault)
            return
        for job in jobs:
            job.settle()
        for job in jobs:
            _call(job.hooks)

    def _carry_out(self, job: _Job, *, alone: bool) -> None:
        """One op. A failure stays with it, unless it took the transaction with it (disk full) or it is alone in it."""
        self._conn.info[_HOOKS] = job.hooks
        if alone:
            job.result = job.op(self._conn)
            return
        savepoint = self._conn.begin_nested()
        try:
            job.result = job.op(self._conn)
            savepoint.commit()
        except Exception as error:
            _undo(savepoint, error)
            job.error = translate(error, self._path)
            job.hooks.clear()


def _undo(savepoint: NestedTransaction, error: Exception) -> None:
    """Back to the savepoint. When `error` took the whole transaction with it, there is none: raise `error` again."""
    try:
        savepoint.rollback()
    except SQLAlchemyError:
        raise error from None


def _call(hooks: list[Callable[[], None]]) -> None:
    for hook in hooks:
        try:
            hook()
        except Exception:
            log.exception("A hook after a commit failed.")
