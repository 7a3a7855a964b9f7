"""The only place that wires things together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .client.client import Client
    from .client.decorator import Fn
    from .client.triggers import after, at, cron, files, rate, stream, topic
    from .engine.engine import Engine
    from .settings import Settings

    fn: Fn

__all__ = ["Client", "after", "at", "cron", "demo", "files", "fn", "rate", "serve", "stream", "topic"]

_CLIENT = {"Client": "client", **dict.fromkeys(("after", "at", "cron", "files", "rate", "stream", "topic"), "triggers")}


def __getattr__(name: str) -> Any:
    """What users import from `jupyter_fn`, made on first use."""
    if name == "fn":
        value: Any = _new_fn()
    elif name in _CLIENT:
        value = getattr(import_module(f".client.{_CLIENT[name]}", __package__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _new_fn() -> Fn:
    from .client.decorator import Fn

    def dashboard(client: Client) -> Any:
        from .widgets import dashboard as show

        return show(client)

    return Fn(dashboard=dashboard)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """`%load_ext jupyter_fn`."""
    from . import fn
    from .magics.extension import load

    load(shell, fn)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """`%unload_ext jupyter_fn`."""
    from .magics.extension import unload

    unload(shell)


def serve(home: Path, port: int | None = None, cluster: str | None = None, store: str | None = None) -> None:
    """Run the service of `home` in the foreground; prints one line with its URL when it answers."""
    from .service.serve import serve as run
    from .settings import load_settings

    settings = load_settings(home=home, port=port, cluster=cluster, store=store)
    run(settings, _open_engine, lambda url: print(url, flush=True))  # noqa: T201 - the contract's line


@contextmanager
def _open_engine(settings: Settings) -> Iterator[Engine]:
    """The engine of a home, over its store and its cluster."""
    from socket import gethostname

    from .engine.engine import Engine
    from .executors.dask import DaskExecutor
    from .model.ids import digest
    from .runtime.limits import Limits, Ways
    from .store import payloads
    from .store.database import Database

    with Database.open(
        settings.store or settings.home / "store.db",
        synchronous=settings.synchronous,
        payloads=settings.payloads,
        inline_bytes=settings.inline_bytes,
    ) as database:
        executor = DaskExecutor(
            settings.cluster,
            lambda name: database.read(lambda conn: payloads.get(conn, name)),
            service=digest(f"{gethostname()}:{settings.home}".encode())[:12],
            slots=settings.slots_per_worker,
            max_workers=settings.max_workers,
            beat_s=settings.beat_s,
            lease_s=settings.lease_s,
            ways=Ways(
                limits=Limits(processes=settings.max_processes, scratch_mb=settings.scratch_mb, log_mb=settings.log_mb),
                start=settings.environment_start,
                cgroup=settings.cgroup,
            ),
        )
        yield Engine(settings, database, executor, check_here=settings.cluster == "local")


def demo(home: Path, keep: str | None = None) -> None:
    """The README's main job, on real data, start to finish."""
    from .demo import run

    run(home, keep)
