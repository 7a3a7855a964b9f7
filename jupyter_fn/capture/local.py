"""Builds the handler of a bundle in this process: what `.local(event)` calls."""

from __future__ import annotations

import itertools
import linecache
import pickle
import types
from collections.abc import Callable
from typing import Any

from ..model.errors import NoHandler
from ..model.version import Bundle

_numbers = itertools.count(1)


def build_handler(bundle: Bundle) -> Callable[..., Any]:
    """The handler, made from the bundle's own copy of the source and of the captured values.

    Local modules are this process's. Tracebacks show the source's lines.

    Raises:
        NoHandler: a notebook has none, and the source did not define it.
    """
    if bundle.kind == "notebook":
        raise NoHandler("A notebook has no handler.", "Run the notebook itself.")
    module = types.ModuleType(f"jupyter_fn_local_{next(_numbers)}")
    vars(module).update(bundle.unpickled(pickle.loads))
    lines = bundle.source.splitlines(keepends=True)
    linecache.cache[bundle.filename] = (len(bundle.source), None, lines, bundle.filename)
    exec(compile(bundle.source, bundle.filename, "exec", dont_inherit=True), vars(module))  # noqa: S102
    handler = getattr(module, bundle.handler, None)
    if not callable(handler):
        raise NoHandler(f"{bundle.handler} is not a function once the source has run.", "Define it with def.")
    found: Callable[..., Any] = handler
    return found
