"""What stands in for randomness, real time and filesystems while a history goes on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

from jupyter_fn.engine import news, outbox, scaler, sweeper
from jupyter_fn.model import ids
from jupyter_fn.runtime import outputs
from jupyter_fn.sources import files, registry

from .folder import Folder

_LOOK_S = 20.0  # of the scaler: what wakes it shall wake it, not the next look
_NO_TIME = SimpleNamespace(monotonic=lambda: 0.0, perf_counter=lambda: 0.0)  # whatever is done takes no time


class Hour:
    """The history that goes on at present, as far as product code reaches it through modules."""

    folder: Folder


@contextmanager
def stand_ins() -> Iterator[None]:
    """Ids are counted, durations are nothing, files lie in a dict, and the log goes to the history only."""
    numbers = count(1)
    logger = logging.getLogger("jupyter_fn")
    propagate, logger.propagate = logger.propagate, False
    try:
        with ExitStack() as stack:
            stack.enter_context(_new_ids(lambda: f"{next(numbers):05d}"))
            for patch in _patches():
                stack.enter_context(patch)
            yield
    finally:
        logger.propagate = propagate


def _patches() -> Iterator[Any]:
    yield mock.patch.object(registry, "KINDS", {**registry.KINDS, "lab": registry.Kind(registry.FILES)})
    yield mock.patch.object(scaler, "_LOOK_S", _LOOK_S)
    for module in (files, news, sweeper):
        yield mock.patch.object(module, "time", _NO_TIME)
    for module in (outputs, outbox):
        yield mock.patch.object(module, "filesystem", _filesystem)


def _filesystem(url: str) -> tuple[Any, str]:
    return Hour.folder, url


@contextmanager
def _new_ids(new_id: Callable[[], str]) -> Iterator[None]:
    """Every module that makes ids makes these."""
    real = ids.new_id
    makers = [module for name, module in sys.modules.items() if name.startswith("jupyter_fn.") and _makes_ids(module)]
    for module in makers:
        module.new_id = new_id  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in makers:
            module.new_id = real  # type: ignore[attr-defined]


def _makes_ids(module: ModuleType) -> bool:
    return vars(module).get("new_id") is ids.new_id
