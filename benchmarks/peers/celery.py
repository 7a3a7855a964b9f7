"""Celery: Redis as broker and for results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from celery.result import ResultSet

from .peer import ADDRESS, PATIENCE_S, Peer, workers
from .servers import REDIS_DURABILITY, redis

app = Celery("bench", broker=os.environ.get(ADDRESS), backend=os.environ.get(ADDRESS))
app.conf.update(task_acks_late=True, worker_send_task_events=False, broker_connection_retry_on_startup=True)


@app.task(name="noop")
def noop() -> None:
    """What is run."""


@contextmanager
def running(number: int) -> Iterator[Peer]:
    """A worker with a pool of so many processes, without chatter between workers."""
    with redis() as url:
        app.conf.update(broker_url=url, result_backend=url)
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR")
        pool = ("worker", "--pool=prefork", f"--concurrency={number}")
        with workers("celery", "-A", __name__, *pool, *quiet, environment={ADDRESS: url}):
            yield Peer(
                name="Celery",
                durability=REDIS_DURABILITY,
                invoke=lambda: noop.delay().get(timeout=PATIENCE_S),
                drain=lambda count: ResultSet([noop.delay() for _ in range(count)]).join_native(timeout=PATIENCE_S),
            )
