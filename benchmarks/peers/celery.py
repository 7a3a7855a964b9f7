"""Celery: Redis as broker and for results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery, Task
from celery.result import ResultSet

from .peer import ADDRESS, PATIENCE_S, Peer, workers
from .servers import REDIS_DURABILITY, redis


def _declare(url: str | None) -> tuple[Celery, Task]:
    """An app of its own for each server, as an app keeps its connections."""
    app = Celery("bench", broker=url, backend=url, set_as_current=False)
    app.conf.update(task_acks_late=True, worker_send_task_events=False, broker_connection_retry_on_startup=True)
    return app, app.task(name="noop")(_nothing)


def _nothing() -> None:
    return None


app, _ = _declare(os.environ.get(ADDRESS))  # what a worker looks for


@contextmanager
def running(number: int) -> Iterator[Peer]:
    """A worker with a pool of so many processes, without chatter between workers."""
    with redis() as url:
        own, noop = _declare(url)
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR")
        pool = ("worker", "--pool=prefork", f"--concurrency={number}")
        with workers("celery", "-A", __name__, *pool, *quiet, environment={ADDRESS: url}):
            yield Peer(
                name="Celery",
                durability=REDIS_DURABILITY,
                invoke=lambda: noop.delay().get(timeout=PATIENCE_S),
                drain=lambda count: ResultSet([noop.delay() for _ in range(count)], app=own).join_native(
                    timeout=PATIENCE_S
                ),
            )
