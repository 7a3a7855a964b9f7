"""The service process: owns a home, answers HTTP, runs the engine, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import uvicorn

from ..engine.engine import Engine
from ..model.errors import ServiceError
from ..settings import Settings
from .home import announced, owned
from .http import make_app
from .state import Running

_GRACE_S = 3  # open answers may take so long when the service stops
_SWITCH_S = 0.0005  # the writer's thread and the loop hand over to each other several times for one run
_COLLECT = (20_000, 20, 20)  # thousands of events are in memory at once and none of them is a circle
OpenEngine = Callable[[Settings], AbstractContextManager[Engine]]


def serve(settings: Settings, open_engine: OpenEngine, ready: Callable[[str], None]) -> None:
    """Run the service of `settings.home` until SIGTERM, SIGINT or `POST /stop`. `ready` gets its URL once it answers.

    Raises:
        HomeRefused: the folder cannot hold the store.
        ServiceOwnedElsewhere: another service owns it.
        ServiceError: the port is taken.
        BadValue: the cluster or the price book cannot be used.
    """
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # what was imported stays: it need not be looked through again and again
    gc.set_threshold(*_COLLECT)
    with owned(settings.home), open_engine(settings) as engine:
        asyncio.run(_serve(settings, engine, ready))


async def _serve(settings: Settings, engine: Engine, ready: Callable[[str], None]) -> None:
    service = Running(engine, settings, token=secrets.token_urlsafe(32), started=time.time())
    with _listening(settings) as sock:
        service.url = f"http://{_shown_host(settings.host)}:{sock.getsockname()[1]}"
        try:
            await engine.start(service.url)
            with announced(settings.home, service.url, service.token):
                await _answer(service, sock, lambda: ready(service.url))
        finally:
            await engine.close()


async def _answer(service: Running, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Answer until somebody says stop: what is asked already is answered, streams end at once."""
    config = uvicorn.Config(
        make_app(service),
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # nobody stands in front of it
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=30,
    )
    server = _Uvicorn(config, ready)

    def stop() -> None:
        service.engine.feed.close()
        server.should_exit = True

    service.stop = stop
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await server.serve(sockets=[sock])


class _Uvicorn(uvicorn.Server):
    """Says when it answers, and leaves the signals to us: uvicorn would raise them again before the engine is closed."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn."""
        await super().startup(sockets)
        self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Called by uvicorn."""
        yield


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise ServiceError(
            f"Port {settings.port} of {settings.host} cannot be used: {error.strerror}.", "Choose another --port."
        ) from None
    sock.listen(256)
    return sock


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the user asked for it
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
