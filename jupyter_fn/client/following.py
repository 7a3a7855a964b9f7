"""Following the service of a home for as long as one likes: over its restarts, and while there is none.

For event loops, the Jupyter server's and a kernel's. `Client.follow` is the way for threads.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from watchfiles import Change, watch

from ..model.errors import ServiceNotRunning
from .address import Address, read_address

_CONNECT_S = 5.0
_FIRST_PAUSE_S = 0.1
_LAST_PAUSE_S = 10.0
_LOOK_MS = 1000
_GATHER_MS = 50  # changes of service.json within this time are one


async def follow_frames(home: Path, *, query: str = "") -> AsyncGenerator[str, None]:
    """Whole server-sent events as text, without end: what the service pushes and, of our own, `service`.

    `service` comes first and then whenever the service comes or goes: `{"running": bool}`. While there is none, this
    waits for `service.json` to change; while there is one that does not answer, it also tries again, ever more seldom.
    """
    pause_s = _FIRST_PAUSE_S
    said_gone = False
    # Not through the proxy that the environment may name.
    async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(_CONNECT_S, read=None)) as http:
        while True:
            address = _address(home)
            if address:
                async with aclosing(_pushed(http, address, query)) as pushed:
                    async for frame in pushed:
                        pause_s, said_gone = _FIRST_PAUSE_S, False
                        yield frame
            if not said_gone:
                said_gone = True
                yield _frame("service", {"running": False})
            # Jitter, so that many windows do not come back in one moment.
            limit_s = pause_s * random.uniform(0.5, 1.0) if _address(home) else None  # noqa: S311
            await _changed(home, limit_s)
            pause_s = min(pause_s * 2, _LAST_PAUSE_S)


async def _pushed(http: httpx.AsyncClient, address: Address, query: str) -> AsyncGenerator[str, None]:
    """`service` and then what is pushed, until the connection ends; nothing when there is no connection."""
    url = f"{address.url}/api/v1/events" + (f"?{query}" if query else "")
    headers = {"Authorization": f"Bearer {address.token}"}
    with suppress(httpx.TransportError):
        async with http.stream("GET", url, headers=headers) as response:
            if response.status_code != httpx.codes.OK:
                return
            yield _frame("service", {"running": True})
            async for frame in _whole(response.aiter_text()):
                yield frame


async def _whole(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Chunks cut and joined to whole events. Only `\\n` ends a line: JSON may hold Unicode's other separators."""
    rest = ""
    async for chunk in chunks:
        *frames, rest = (rest + chunk).replace("\r\n", "\n").split("\n\n")
        for frame in frames:
            yield f"{frame}\n\n"


async def _changed(home: Path, limit_s: float | None) -> None:
    """Wait until `service.json` comes, goes or changes, at most `limit_s` (None = without limit)."""
    before = _address(home), _nearest(home)
    changed, stop = asyncio.Event(), threading.Event()
    tell = partial(asyncio.get_running_loop().call_soon_threadsafe, changed.set)
    # A thread of our own, which no interpreter waits for: those of an event loop's library keep a Jupyter server from
    # ending when its loop stops before they are told.
    threading.Thread(target=_watch, args=(home, before, stop, tell), name="jupyter-fn address", daemon=True).start()
    try:
        async with asyncio.timeout(limit_s):
            await changed.wait()
    except TimeoutError:
        pass
    finally:
        stop.set()


def _watch(home: Path, before: tuple[Address | None, Path], stop: threading.Event, tell: Callable[[], object]) -> None:
    """Until something is not as it was before. What happened before the watch began, a look now and then sees."""
    folder = before[1]
    names = {"service.json"} if folder == home else {home.relative_to(folder).parts[0]}

    def concerns_us(_: Change, path: str) -> bool:
        return Path(path).name in names

    looks = watch(
        folder,
        watch_filter=concerns_us,
        recursive=False,
        debounce=_GATHER_MS,
        stop_event=stop,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    with suppress(OSError, RuntimeError):  # the folder is gone, or the loop
        if not any((_address(home), _nearest(home)) != before for _ in looks):
            return  # told to stop
    with suppress(RuntimeError):
        tell()


def _address(home: Path) -> Address | None:
    try:
        return read_address(home)
    except ServiceNotRunning:
        return None


def _nearest(home: Path) -> Path:
    """The home itself, or what there is of the way to it."""
    return next(path for path in (home, *home.parents) if path.is_dir())


def _frame(event: str, data: Mapping[str, Any]) -> str:
    return f"event: {event}\ndata: {json.dumps(data)}\n\n"
