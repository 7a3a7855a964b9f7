"""Environments that were made ready in this process before Dask was there to ask for them."""

from __future__ import annotations

from ..runtime.pool import Environments

_ready: dict[str, Environments] = {}  # by service


def keep(service: str, environments: Environments) -> None:
    """They are for the plugin of that service."""
    _ready[service] = environments


def taken(service: str) -> Environments | None:
    """They are somebody's now, if there were any."""
    return _ready.pop(service, None)
