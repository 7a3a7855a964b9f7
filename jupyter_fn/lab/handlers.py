"""Routes under `base_url/jupyter-fn/`: authenticate by Jupyter's rules, then hand over to the gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from ..model.errors import FnError
from .gateway import Gateway

NAMESPACE = "jupyter-fn"
PULSE_S = 15.0
_PULSE = b": still here\n\n"


def routes(base_url: str, gateway: Gateway) -> list[tuple[str, type[APIHandler], dict[str, Any]]]:
    """Everything this extension answers."""
    table: list[tuple[str, type[APIHandler]]] = [
        ("service", ServiceHandler),
        ("service/start", StartHandler),
        ("api/v1/events", EventsHandler),
        (r"api/v1/.*", ForwardHandler),
    ]
    return [(url_path_join(base_url, NAMESPACE, path), handler, {"gateway": gateway}) for path, handler in table]


class GatewayHandler(APIHandler):
    """Errors as `{"error": {type, message, remedy}}`; work ends when the browser goes."""

    auth_resource = NAMESPACE
    gateway: Gateway
    _work: asyncio.Task[None] | None = None

    def initialize(self, gateway: Gateway) -> None:
        """Called by tornado with what the route holds."""
        self.gateway = gateway

    async def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Await `work`, unless the browser goes away first."""
        self._work = asyncio.ensure_future(work)
        with suppress(StreamClosedError, asyncio.CancelledError):
            await self._work

    def on_connection_close(self) -> None:
        """Called by tornado when the browser has gone."""
        if self._work:
            self._work.cancel()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The one shape of an error; a defect of ours is told in the log, not to the browser."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, FnError):
            self.set_status(error.status)
            shown = error.to_dict()
        else:
            said = (error.log_message or error.reason) if isinstance(error, web.HTTPError) else None
            shown = {"type": "HTTPError", "message": said or HTTPStatus(status_code).phrase, "remedy": ""}
        self.finish(json.dumps({"error": shown}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """An FnError is an answer, not a defect."""
        if isinstance(value, FnError):
            self.log.info("%s: %s", typ.__name__, value.cause)
        else:
            super().log_exception(typ, value, tb)


class ServiceHandler(GatewayHandler):
    """Is there a service?"""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """→ `{"running", "home"}`."""
        self.finish(json.dumps({"running": self.gateway.running, "home": str(self.gateway.home)}))


class StartHandler(GatewayHandler):
    """The only request that starts a service."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """→ `{"running": true, "home"}`, once it answers."""
        await self.gateway.start()
        self.finish(json.dumps({"running": True, "home": str(self.gateway.home)}))


class ForwardHandler(GatewayHandler):
    """Any other request goes to the service as it is, with the service's own token."""

    # `authorized` keeps the action of the first request it sees, so each method has its own.
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Forwarded."""
        await self.do(self._forward())

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Forwarded."""
        await self.do(self._forward())

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """Forwarded."""
        await self.do(self._forward())

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Forwarded."""
        await self.do(self._forward())

    async def _forward(self) -> None:
        request = self.request
        # The raw text: unquoting and quoting again would change names.
        target = request.uri[request.uri.index(f"/{NAMESPACE}/") + len(NAMESPACE) + 1 :]
        content_type = request.headers.get("Content-Type", "application/json")
        answer = await self.gateway.forward(request.method, target, body=request.body, content_type=content_type)
        self.set_status(answer.status)
        self.finish(answer.body, set_content_type=answer.content_type)


class EventsHandler(GatewayHandler):
    """What the service pushes, and whether there is one, as server-sent events."""

    _track_activity = False  # a panel left open must not keep an idle server alive

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Ends when the browser goes."""
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")
        await self.do(self._relay())

    async def _relay(self) -> None:
        pulse = asyncio.ensure_future(self._pulse())
        try:
            async with aclosing(self.gateway.frames(self.request.query)) as frames:
                async for frame in frames:
                    self.write(frame)
                    await self.flush()
        finally:
            pulse.cancel()

    async def _pulse(self) -> None:
        """A comment now and then, so that proxies keep a quiet connection. Frames are written whole: it falls between."""
        with suppress(StreamClosedError):
            while True:
                await asyncio.sleep(PULSE_S)
                self.write(_PULSE)
                await self.flush()
