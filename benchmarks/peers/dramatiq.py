"""Dramatiq: Redis as broker and for results."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from .peer import ADDRESS, PATIENCE_S, Peer, workers
from .servers import REDIS_DURABILITY, redis

_PATIENCE_MS = int(PATIENCE_S * 1000)
_LOOK = {"dramatiq_worker_timeout": "1"}  # ms at most between two looks at the queue; 1,000 by default


def _declare(url: str) -> dramatiq.Actor[[], None]:
    broker = RedisBroker(url=url)
    broker.add_middleware(Results(backend=RedisBackend(url=url), store_results=True))
    dramatiq.set_broker(broker)

    @dramatiq.actor(actor_name="noop")
    def noop() -> None:
        """What is run."""

    return noop


if ADDRESS in os.environ:  # this is a worker, which imports this module to know what there is
    _declare(os.environ[ADDRESS])


@contextmanager
def running(number: int) -> Iterator[Peer]:
    """So many processes of one thread."""
    with redis() as url:
        noop = _declare(url)
        size = ("--processes", str(number), "--threads", "1")
        with workers("dramatiq", __name__, *size, environment={ADDRESS: url, **_LOOK}):
            yield Peer(
                name="Dramatiq",
                durability=REDIS_DURABILITY,
                invoke=lambda: noop.send().get_result(block=True, timeout=_PATIENCE_MS),
                drain=lambda count: _drain(noop, count),
            )


def _drain(noop: dramatiq.Actor[[], None], count: int) -> None:
    group = dramatiq.group([noop.message() for _ in range(count)]).run()
    for _ in group.get_results(block=True, timeout=_PATIENCE_MS):
        pass
