"""jupyter-fn: serverless functions native to Jupyter.

`import jupyter_fn` is lazy (PEP 562): nothing heavy is loaded before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .app import (
        Client,
        after,
        at,
        cron,
        files,
        fn,
        load_ipython_extension,
        rate,
        stream,
        topic,
        unload_ipython_extension,
    )
    from .model.errors import FnError, Throttled
    from .runtime.failures import Failures

_NAMES = {
    "Client": "app",
    "Failures": "runtime.failures",
    "FnError": "model.errors",
    "Throttled": "model.errors",
    "after": "app",
    "at": "app",
    "cron": "app",
    "files": "app",
    "fn": "app",
    "load_ipython_extension": "app",
    "rate": "app",
    "stream": "app",
    "topic": "app",
    "unload_ipython_extension": "app",
}

__all__ = [
    "Client",
    "Failures",
    "FnError",
    "Throttled",
    "after",
    "at",
    "cron",
    "files",
    "fn",
    "load_ipython_extension",
    "rate",
    "stream",
    "topic",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_NAMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_NAMES])


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "jupyter-fn"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "jupyter_fn.lab"}]
