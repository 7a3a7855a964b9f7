"""The server extension, in a real Jupyter server, in front of a small service of the test's own."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado import httpserver, netutil, web
from tornado.httpclient import HTTPClientError

from jupyter_fn.lab import gateway as gateway_module
from jupyter_fn.lab import handlers

TOKEN = "the-service-token"


class FakeService:
    """Answers like the service of a home: one list, one error, one echo, one stream."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.seen: list[web.RequestHandler] = []
        self.streams: list[asyncio.Queue[str | None]] = []
        self.left = asyncio.Event()
        self.server: httpserver.HTTPServer | None = None

    def start(self) -> None:
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        self.server = httpserver.HTTPServer(web.Application([(".*", _Anything, {"service": self})]))
        self.server.add_sockets(sockets)
        self.home.mkdir(parents=True, exist_ok=True)
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        fresh = self.home / "service.new"
        fresh.write_text(json.dumps({"url": url, "token": TOKEN, "pid": os.getpid()}))
        fresh.replace(self.home / "service.json")

    async def stop(self) -> None:
        (self.home / "service.json").unlink(missing_ok=True)
        for queue in self.streams:
            queue.put_nowait(None)
        if self.server:
            self.server.stop()
            await self.server.close_all_connections()
            self.server = None

    def push(self, text: str) -> None:
        for queue in self.streams:
            queue.put_nowait(text)


class _Anything(web.RequestHandler):
    def initialize(self, service: FakeService) -> None:
        self.service = service

    async def prepare(self) -> None:
        self.service.seen.append(self)
        if self.request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.set_status(401)
            self.finish({"error": {"type": "Unauthorized", "message": "no", "remedy": ""}})

    async def get(self) -> None:
        if self.request.path == "/api/v1/events":
            await self.stream()
        elif self.request.path == "/api/v1/runs/none":
            self.set_status(404)
            self.finish({"error": {"type": "NotFound", "message": "No run none.", "remedy": ""}})
        else:
            self.echo()

    def echo(self) -> None:
        self.finish({"method": self.request.method, "uri": self.request.uri, "body": self.request.body.decode()})

    post = put = delete = echo

    async def stream(self) -> None:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.service.streams.append(queue)
        self.set_header("Content-Type", "text/event-stream")
        await self.flush()
        while (text := await queue.get()) is not None:
            self.write(text)
            await self.flush()

    def on_connection_close(self) -> None:
        self.service.left.set()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JUPYTER_FN_HOME", str(tmp_path / "data" / "fn"))
    return tmp_path / "data" / "fn"


@pytest.fixture
def jp_base_url() -> str:
    return "/user/someone@example/"


@pytest.fixture
def jp_server_config(home: Path) -> dict[str, Any]:
    return {"ServerApp": {"jpserver_extensions": {"jupyter_fn": True}}}


@pytest.fixture
def service(home: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[FakeService]:
    fake = FakeService(home)
    yield fake
    jp_asyncio_loop.run_until_complete(fake.stop())


class Stream:
    """Reads the relayed events, as a browser does."""

    def __init__(self, jp_serverapp: Any, jp_http_port: int, jp_base_url: str) -> None:
        self.port = jp_http_port
        self.path = f"{jp_base_url}jupyter-fn/api/v1/events"
        self.token = jp_serverapp.identity_provider.token

    async def __aenter__(self) -> "Stream":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: token {self.token}\r\n\r\n"
        self.writer.write(head.encode())
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        await self.writer.wait_closed()

    async def frame(self) -> str:
        """One chunk of the chunked transfer: exactly one frame was flushed into it."""
        size = int(await asyncio.wait_for(self.reader.readline(), 20), 16)
        chunk = await self.reader.readexactly(size + 2)
        return chunk[:-2].decode()


@pytest.fixture
def stream(jp_serverapp: Any, http_server: Any, jp_http_port: int, jp_base_url: str) -> Stream:
    return Stream(jp_serverapp, jp_http_port, jp_base_url)


def error_of(raised: pytest.ExceptionInfo[HTTPClientError]) -> dict[str, Any]:
    assert raised.value.response is not None
    return json.loads(raised.value.response.body)["error"]


async def test_a_request_reaches_the_service_unchanged_with_the_services_own_token(
    jp_fetch: Any, service: FakeService
) -> None:
    service.start()
    response = await jp_fetch("jupyter-fn", "api", "v1", "functions", "f g", params={"dry_run": "1"})
    assert json.loads(response.body)["uri"] == "/api/v1/functions/f%20g?dry_run=1"
    assert TOKEN not in response.body.decode() + str(dict(response.headers))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_every_method_of_the_api_is_forwarded_with_its_body(
    jp_fetch: Any, service: FakeService, method: str
) -> None:
    service.start()
    body = None if method == "DELETE" else '{"a": 1}'
    answer = json.loads((await jp_fetch("jupyter-fn", "api", "v1", "x", method=method, body=body)).body)
    assert answer == {"method": method, "uri": "/api/v1/x", "body": body or ""}


async def test_an_error_of_the_service_comes_through_with_its_status(jp_fetch: Any, service: FakeService) -> None:
    service.start()
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", "api", "v1", "runs", "none")
    assert raised.value.code == 404
    assert error_of(raised)["message"] == "No run none."


async def test_without_a_service_the_error_says_how_to_start_it_and_nothing_was_started(
    jp_fetch: Any, home: Path
) -> None:
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", "api", "v1", "functions")
    assert raised.value.code == 503
    assert error_of(raised)["type"] == "ServiceNotRunning"
    assert error_of(raised)["remedy"]
    assert json.loads((await jp_fetch("jupyter-fn", "service")).body)["running"] is False
    assert not home.exists()


async def test_a_service_that_died_without_tidying_up_is_not_running(jp_fetch: Any, service: FakeService) -> None:
    service.start()
    address = json.loads((service.home / "service.json").read_text())
    (service.home / "service.json").write_text(json.dumps({**address, "url": "http://127.0.0.1:9"}))
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", "api", "v1", "functions")
    assert error_of(raised)["type"] == "ServiceNotRunning"


async def test_only_an_explicit_post_starts_the_service(
    jp_fetch: Any, home: Path, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(gateway_module, "start_service", asked.append)
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", "service", "start")
    assert raised.value.code == 405
    assert asked == []
    answer = await jp_fetch("jupyter-fn", "service", "start", method="POST", body="")
    assert json.loads(answer.body)["running"] is True
    assert asked == [home]


@pytest.mark.parametrize("path", ["service", "api/v1/functions", "api/v1/events"])
async def test_nobody_gets_in_without_authentication(jp_fetch: Any, service: FakeService, path: str) -> None:
    service.start()
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", *path.split("/"), headers={"Authorization": ""})
    assert raised.value.code == 403
    assert error_of(raised)["message"]
    assert service.seen == []


async def test_a_cookie_without_its_xsrf_twin_may_not_change_anything(
    jp_fetch: Any, jp_serverapp: Any, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.start()
    monkeypatch.setattr(type(jp_serverapp.identity_provider), "is_token_authenticated", lambda *_: False)
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", "api", "v1", "functions", "f", "pause", method="POST", body="")
    assert raised.value.code == 403
    assert "_xsrf" in error_of(raised)["message"]
    assert service.seen == []


async def test_who_may_only_read_can_look_but_not_touch(jp_fetch: Any, jp_serverapp: Any, service: FakeService) -> None:
    service.start()
    asked: list[tuple[str, str]] = []

    class ReadOnly(type(jp_serverapp.authorizer)):  # type: ignore[misc]
        def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
            asked.append((action, resource))
            return action == "read"

    jp_serverapp.web_app.settings["authorizer"] = ReadOnly(parent=jp_serverapp)
    await jp_fetch("jupyter-fn", "api", "v1", "functions")
    with pytest.raises(HTTPClientError) as raised:
        await jp_fetch("jupyter-fn", "api", "v1", "functions", "f", "pause", method="POST", body="")
    assert raised.value.code == 403
    assert asked == [("read", "jupyter-fn"), ("write", "jupyter-fn")]


async def test_pushed_events_pass_one_by_one(stream: Stream, service: FakeService) -> None:
    service.start()
    async with stream:
        assert "text/event-stream" in stream.head
        assert await stream.frame() == 'event: service\ndata: {"running": true}\n\n'
        service.push('event: run\ndata: {"id"')
        service.push(': "a\u2028b"}\n\nevent: run\r\ndata: {"id": 2}\r\n\r\n')
        assert await stream.frame() == 'event: run\ndata: {"id": "a\u2028b"}\n\n'
        assert await stream.frame() == 'event: run\ndata: {"id": 2}\n\n'


async def test_an_open_stream_sees_the_service_come_go_and_come_back(stream: Stream, service: FakeService) -> None:
    async with stream:
        assert '"running": false' in await stream.frame()
        service.start()
        assert '"running": true' in await stream.frame()
        await service.stop()
        assert '"running": false' in await stream.frame()
        service.start()
        assert '"running": true' in await stream.frame()


async def test_when_the_browser_goes_the_service_is_left_too(stream: Stream, service: FakeService) -> None:
    service.start()
    async with stream:
        assert '"running": true' in await stream.frame()
    await asyncio.wait_for(service.left.wait(), 20)


async def test_a_quiet_stream_still_has_a_pulse(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "PULSE_S", 0.01)
    async with stream:
        assert '"running": false' in await stream.frame()
        assert await stream.frame() == ": still here\n\n"


def test_the_extension_is_enabled_by_the_file_that_the_wheel_ships() -> None:
    folder = Path(handlers.__file__).parent / "jupyter_server_config.d"
    assert json.loads((folder / "jupyter_fn.json").read_text()) == {
        "ServerApp": {"jpserver_extensions": {"jupyter_fn": True}}
    }
