"""A bare Dask submit: nothing is stored, so this is what placing alone costs there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..service import nothing, plain_dask
from .peer import Peer


@contextmanager
def running(workers: int) -> Iterator[Peer]:
    """A LocalCluster with processes of one thread."""
    with plain_dask(workers=workers) as client:
        yield Peer(
            name="Dask submit",
            durability="none",
            invoke=lambda: client.submit(nothing, pure=False).result(),
            drain=lambda number: client.gather([client.submit(nothing, one, pure=False) for one in range(number)]),
        )
