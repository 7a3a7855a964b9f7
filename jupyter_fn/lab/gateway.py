"""The way from a Jupyter server to the service of one home. The service's token stays on this side of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..client.address import read_address, start_service
from ..client.following import follow_frames
from ..model.errors import ServiceNotRunning


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
        # Not through the proxy that the environment may name, and nothing left open between requests: jupyter_server
        # has no hook in which to close it.
        self._http = httpx.AsyncClient(
            trust_env=False, timeout=httpx.Timeout(5.0, read=None), limits=httpx.Limits(max_keepalive_connections=0)
        )

    @property
    def running(self) -> bool:
        """Whether there is a service, so far as its own file and its process say."""
        try:
            read_address(self.home)
        except ServiceNotRunning:
            return False
        return True

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
        headers = {"Authorization": f"Bearer {address.token}", "Content-Type": content_type}
        try:
            response = await self._http.request(method, address.url + target, content=body, headers=headers)
        except httpx.TransportError as error:
            raise ServiceNotRunning(
                f"The service of {self.home} does not answer: {type(error).__name__}.",
                "Look at it with: jupyter fn status",
            ) from error
        return Answer(response.status_code, response.headers.get("content-type", ""), response.content)

    def frames(self, query: str = "") -> AsyncGenerator[str, None]:
        """What the service pushes, as whole server-sent events, and `service` whenever it comes or goes."""
        return follow_frames(self.home, query=query)
