"""DBOS: a workflow whose state is in PostgreSQL, called where it is defined, or through a queue by other processes.

A queue and whoever waits for its results look at the database again and again. The intervals are settable; looking every
millisecond is slower than this, as the looking itself keeps the database busy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dbos import DBOS, DBOSClient

from .peer import ADDRESS, Peer, workers
from .servers import POSTGRES_DURABILITY, postgres

_QUEUE = "bench"
_LOOK_S = 0.01


@DBOS.workflow(name="noop")
def noop() -> None:
    """What is run."""


def _launch(url: str) -> None:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "application_version": "1",
            "executor_id": str(os.getpid()),
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    DBOS.register_queue(_QUEUE, polling_interval_sec=_LOOK_S)


@contextmanager
def called(_: int) -> Iterator[Peer]:
    """In the caller's process, as a web handler would: no queue, and no other process that could be killed alone."""
    with postgres() as url:
        _launch(url)
        yield Peer(
            name="DBOS, in the caller's process",
            durability=POSTGRES_DURABILITY,
            invoke=noop,
            drain=lambda count: [one.get_result() for one in [DBOS.start_workflow(noop) for _ in range(count)]],
        )
        DBOS.destroy()


@contextmanager
def queued(number: int) -> Iterator[Peer]:
    """Through a queue, by so many worker processes."""
    with postgres() as url:
        _launch(url)  # makes the tables
        DBOS.destroy()
        client = DBOSClient(system_database_url=url)
        with workers(__name__, number=number, environment={ADDRESS: url}):
            order = {"workflow_name": "noop", "queue_name": _QUEUE}

            def drain(count: int) -> None:
                for one in [client.enqueue(order) for _ in range(count)]:
                    one.get_result(polling_interval_sec=_LOOK_S)

            yield Peer(
                name="DBOS, queue",
                durability=POSTGRES_DURABILITY,
                invoke=lambda: client.enqueue(order).get_result(polling_interval_sec=_LOOK_S),
                drain=drain,
            )
        client.destroy()


if __name__ == "__main__":
    _launch(os.environ[ADDRESS])
    threading.Event().wait()
