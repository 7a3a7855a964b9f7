"""The way from a Jupyter server to the service of one home. The service's token stays on this side of it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from watchfiles import Change, awatch

from ..client.address import Address, read_address, start_service
from ..model.errors import ServiceNotRunning

_FIRST_PAUSE_S = 0.1
_LAST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the service answered, as it came."""

    status: int
    content_type: str
    body: bytes


class Gateway:
    """Requests and pushed events of the service of `home`, wherever it answers at that moment."""

    def __init__(self, home: Path) -> None:
        self.home = home
        # Not through the proxy that the environment may name, as many streams as there are windows, and nothing left
        # open between requests: jupyter_server has no hook in which to close it.
        self._http = httpx.AsyncClient(
            trust_env=False, timeout=httpx.Timeout(5.0, read=None), limits=httpx.Limits(max_keepalive_connections=0)
        )

    def address(self) -> Address | None:
        """Where the service should answer, or None when none is running."""
        try:
            return read_address(self.home)
        except ServiceNotRunning:
            return None

    async def start(self) -> None:
        """Start the service, unless it runs already.

        Raises:
            ServiceError: it did not start; the cause is what it said last.
        """
        await asyncio.to_thread(start_service, self.home)

    async def forward(
        self, method: str, target: str, *, body: bytes = b"", content_type: str = "application/json"
    ) -> Answer:
        """Ask the service and give its answer unchanged, errors too. `target` is path and query.

        Raises:
            ServiceNotRunning: nothing answers.
        """
        address = read_address(self.home)
        headers = {**_bearer(address), "Content-Type": content_type}
        try:
            response = await self._http.request(method, address.url + target, content=body, headers=headers)
        except httpx.TransportError as error:
            raise ServiceNotRunning(
                f"The service of {self.home} does not answer: {type(error).__name__}.",
                "Look at it with: jupyter fn status",
            ) from error
        return Answer(response.status_code, response.headers.get("content-type", ""), response.content)

    async def frames(self, query: str = "") -> AsyncGenerator[bytes, None]:
        """Whole server-sent events, without end: what the service pushes and, of our own, `service`.

        `service` comes first and then whenever the service comes or goes: `{"running": bool}`. While there is none,
        this waits for `service.json` to change; while there is one that does not answer, it also tries again.
        """
        pause_s = _FIRST_PAUSE_S
        said_gone = False
        while True:
            address = self.address()
            if address:
                async with aclosing(self._pushed(address, query)) as pushed:
                    async for frame in pushed:
                        pause_s, said_gone = _FIRST_PAUSE_S, False
                        yield frame
            if not said_gone:
                said_gone = True
                yield _frame("service", {"running": False})
            # Jitter, so that many windows do not come back in one moment.
            await self._changed(pause_s * random.uniform(0.5, 1.0) if self.address() else None)  # noqa: S311
            pause_s = min(pause_s * 2, _LAST_PAUSE_S)

    async def _pushed(self, address: Address, query: str) -> AsyncGenerator[bytes, None]:
        """`service` and then what is pushed, until the connection ends; nothing when there is no connection."""
        url = f"{address.url}/api/v1/events" + (f"?{query}" if query else "")
        with suppress(httpx.TransportError):
            async with self._http.stream("GET", url, headers=_bearer(address)) as response:
                if response.status_code != httpx.codes.OK:
                    return
                yield _frame("service", {"running": True})
                async for frame in _whole(response.aiter_lines()):
                    yield frame

    async def _changed(self, limit_s: float | None) -> None:
        """Wait until `service.json` comes, goes or changes, at most `limit_s` (None = without limit)."""
        before = self.address()
        folder = _nearest(self.home)
        names = {"service.json", self.home.relative_to(folder).parts[0] if folder != self.home else ""}

        def concerns_us(_: Change, path: str) -> bool:
            return Path(path).name in names

        async with aclosing(awatch(folder, watch_filter=concerns_us, recursive=False, debounce=50)) as changes:
            change = asyncio.ensure_future(anext(changes))
            try:
                await asyncio.sleep(0)  # from here on it is being watched; what came before, the next line sees
                if self.address() == before and folder == _nearest(self.home):
                    await asyncio.wait({change}, timeout=limit_s)
            finally:
                change.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await change


def _nearest(home: Path) -> Path:
    """The home itself, or what there is of the way to it."""
    return next(path for path in (home, *home.parents) if path.is_dir())


def _bearer(address: Address) -> dict[str, str]:
    return {"Authorization": f"Bearer {address.token}"}


def _frame(event: str, data: Mapping[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()


async def _whole(lines: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """Lines of a stream joined to whole events, so that nothing of ours can come between two halves."""
    held: list[str] = []
    async for line in lines:
        held.append(line)
        if not line:
            yield ("\n".join(held) + "\n").encode()
            held.clear()
