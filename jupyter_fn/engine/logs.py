"""The store's two logs as sources see them, and the hints that they have grown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from ..model.log import FinishedRun, LogRecord
from ..store import finishes, records
from ..store.database import Database

Hint = Callable[[], None]


class StoreLogs:
    """`sources.protocol.Logs` over the store. The engine says after each commit what has grown."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._hints: dict[tuple[str, str], list[Hint]] = {}

    def records(self, topic: str, *, after: int, limit: int) -> Sequence[LogRecord]:
        """Records of `topic` with `seq > after`, oldest first."""
        return self._database.read(lambda conn: records.read(conn, topic, after=after, limit=limit))

    def last_record(self, topic: str) -> int:
        """The newest `seq` of `topic`."""
        return self._database.read(lambda conn: records.last(conn, topic))

    def finished(self, function: str, *, failed: bool, after: int, limit: int) -> Sequence[FinishedRun]:
        """Runs of `function` that ended after finish sequence `after`."""
        return self._database.read(
            lambda conn: finishes.finished_since(conn, function, failed=failed, after=after, limit=limit)
        )

    def last_finished(self) -> int:
        """The newest finish sequence of all runs."""
        return self._database.read(finishes.last_finish_seq)

    def listen(self, hint: Hint, *, topic: str = "", function: str = "") -> Callable[[], None]:
        """Call `hint` after every commit that adds to this topic, or finishes a run of this function."""
        key = ("topic", topic) if topic else ("function", function)
        with self._lock:
            self._hints.setdefault(key, []).append(hint)

        def stop() -> None:
            with self._lock:
                self._hints[key].remove(hint)

        return stop

    def grown(self, *, topics: Iterable[str] = (), functions: Iterable[str] = ()) -> None:
        """These have more than before."""
        keys = [*(("topic", name) for name in topics), *(("function", name) for name in functions)]
        with self._lock:
            hints = [hint for key in keys for hint in self._hints.get(key, ())]
        for hint in hints:
            hint()
