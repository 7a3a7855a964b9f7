"""jupyter-fn itself, with as many environments as the others have worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import service
from ..measures.events import drain
from .peer import DURABILITY, Peer


@contextmanager
def running(workers: int, synchronous: str) -> Iterator[Peer]:
    """Through HTTP, as every client."""
    settings = {"max_workers": workers, "slots_per_worker": 1, "idle_timeout_s": 600, "synchronous": synchronous}
    with service.running(**settings) as house:
        house.publish("noop", service.NOOP)
        yield Peer(
            name=f"jupyter-fn, synchronous={synchronous}",
            durability=DURABILITY[synchronous],
            invoke=lambda: house.invoke("noop"),
            drain=lambda number: drain(house, number),
        )
