"""The service over HTTP: who may come in, what is open, what it says of itself."""

import json
import re
import socket
import stat
from urllib.parse import urlsplit

import httpx
import pytest

ROUTES = [
    ("GET", "/metrics"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/functions"),
    ("POST", "/api/v1/functions/x/invoke"),
    ("DELETE", "/api/v1/functions/x"),
    ("GET", "/api/v1/runs"),
    ("GET", "/api/v1/cost"),
    ("POST", "/api/v1/topics/t"),
    ("POST", "/api/v1/stop"),
]


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish("@fn\ndef one(event):\n    return event.get('n', 1)\n")
    assert house.invoke("one").code == 0


def test_only_its_owner_reads_where_it_is_and_how_to_get_in(house):
    file = house.home / "service.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(house.address) >= {"url", "token", "pid"}
    assert len(house.address["token"]) >= 32
    assert not [name for name in house.home.iterdir() if stat.S_IMODE(name.stat().st_mode) & 0o022]


def test_it_listens_on_this_machine_only(house):
    address = urlsplit(house.address["url"])
    assert address.hostname == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for other in (other for other in others if not other.startswith("127.")):
        with socket.socket() as client:
            client.settimeout(5)
            assert client.connect_ex((other, address.port)) != 0


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("token", ["", "wrong"])
def test_nobody_comes_in_without_the_token(house, method, path, token):
    answer = house.http(method, path, token=token, json={})
    assert answer.status_code == 401
    assert house.address["token"] not in answer.text


def test_health_is_open_to_everybody(house):
    answer = house.http("GET", "/healthz", token="")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_metrics_are_prometheus_text(house):
    answer = house.http("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = [line for line in answer.text.splitlines() if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z_]+="[^"]*",?)*\})? [-+0-9.eEinfNa]+', line), line
    assert any("one" in line and "succeeded" in line for line in lines)


def test_the_openapi_document_names_every_route(house):
    document = house.get("openapi.json")
    assert document["openapi"].startswith("3.")
    paths = set(document["paths"])
    for path in ("functions", "functions/{name}/invoke", "runs", "runs/{run_id}", "cost", "events", "topics/{topic}"):
        assert any(re.sub(r"\{\w+\}", "{}", p).endswith("/" + re.sub(r"\{\w+\}", "{}", path)) for p in paths), path


def test_an_error_says_what_happened_and_what_to_do(house):
    answer = house.http("GET", "/api/v1/functions/nobody")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) >= {"type", "message", "remedy"}
    assert answer.json()["error"]["type"] == "NotFound"


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/api/v1/functions/one/invoke", "{"),
        ("POST", "/api/v1/functions/one/invoke", "[1]"),
        ("POST", "/api/v1/functions/one/versions", "{}"),
        ("PUT", "/api/v1/functions/one/aliases/live", '{"weights": {"x": "y"}}'),
        ("GET", "/api/v1/runs?last=many", ""),
        ("GET", "/api/v1/cost?by=colour", ""),
    ],
)
def test_nonsense_is_the_callers_fault(house, method, path, content):
    answer = house.http(method, path, content=content)
    assert 400 <= answer.status_code < 500
    assert set(answer.json()["error"]) >= {"type", "message"}


def test_what_happens_is_pushed(house):
    address = house.address
    with (
        httpx.Client(base_url=address["url"], headers={"Authorization": f"Bearer {address['token']}"}) as client,
        client.stream("GET", "/api/v1/events", timeout=60) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        run_id = house.submit("one")
        kind, states = "", []
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: ") and kind == "run":
                run = json.loads(line.removeprefix("data: "))
                states += [run["state"]] if run["id"] == run_id else []
                if states[-1:] == ["succeeded"]:
                    break
    assert states[-1] == "succeeded"
