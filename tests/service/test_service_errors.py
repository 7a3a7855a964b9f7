"""Errors over HTTP: one shape, the status that the error itself names, one line of cause and one of remedy."""

import json

import pytest

from jupyter_fn.model.errors import FnError, error_class

pytestmark = pytest.mark.anyio


@pytest.fixture
async def published(api):
    await api.publish()
    return api


def is_an_error(answer, status, kind):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert set(answer.json()) == {"error"}
    assert error["type"] == kind
    assert issubclass(error_class(kind), FnError)
    for line in ("message", "remedy"):
        assert error[line], line
        assert "\n" not in error[line]
    return error


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "functions/nobody", None, 404, "NotFound"),
        ("DELETE", "functions/nobody", None, 404, "NotFound"),
        ("GET", "functions/nobody/versions", None, 404, "NotFound"),
        ("POST", "functions/nobody/invoke", {}, 404, "NotFound"),
        ("POST", "functions/nobody/map", {"events": [1]}, 404, "NotFound"),
        ("POST", "functions/nobody/pause", None, 404, "NotFound"),
        ("POST", "functions/nobody/rollback", None, 404, "NotFound"),
        ("GET", "functions/nobody/failures", None, 404, "NotFound"),
        ("GET", "functions/nobody/audit", None, 404, "NotFound"),
        ("GET", "functions/nobody/explain?subject=x", None, 404, "NotFound"),
        ("POST", "functions/nobody/redrive", {}, 404, "NotFound"),
        ("GET", "runs/nothing", None, 404, "NotFound"),
        ("GET", "runs/nothing?wait_s=1", None, 404, "NotFound"),
        ("GET", "runs/nothing/logs", None, 404, "NotFound"),
        ("POST", "runs/nothing/cancel", None, 404, "NotFound"),
        ("GET", "runs?function=nobody", None, 404, "NotFound"),
        ("GET", "cost?function=nobody", None, 404, "NotFound"),
        ("POST", "functions/f/rollback", None, 409, "Conflict"),
        ("GET", "runs?state=flying", None, 400, "BadValue"),
        ("GET", "runs?last=0", None, 400, "BadValue"),
        ("GET", "runs?last=many", None, 400, "BadValue"),
        ("GET", "runs/x?wait_s=-1", None, 400, "BadValue"),
        ("GET", "cost?by=colour", None, 400, "BadValue"),
        ("GET", "cost?since=yesterday", None, 400, "BadValue"),
        ("GET", "functions/f/explain", None, 400, "BadValue"),
        ("POST", "functions/f/invoke", [1], 400, "BadValue"),
        ("POST", "functions/f/invoke", {"evnt": 1}, 400, "BadValue"),
        ("POST", "functions/f/invoke", {"event": 1, "wait_s": "soon"}, 400, "BadValue"),
        ("POST", "functions/f/invoke", {"event": 1, "qualifier": "9"}, 404, "NotFound"),
        ("POST", "functions/f/map", {}, 400, "BadValue"),
        ("POST", "functions/f/map", {"events": 3}, 400, "BadValue"),
        ("PUT", "functions/f/aliases/live", {"weights": {"x": "y"}}, 400, "BadValue"),
        ("PUT", "functions/f/aliases/live", {"weights": {"7": 1}}, 404, "NotFound"),
        ("PUT", "functions/f/aliases/live", {"weights": {}}, 400, "BadValue"),
        ("PUT", "functions/f/aliases/a%20b", {"weights": {"1": 1}}, 400, "BadValue"),
        ("POST", "functions/f/redrive", {"code": "newest"}, 400, "BadValue"),
        ("POST", "functions/f/redrive", {"ids": ["nothing"]}, 404, "NotFound"),
        ("POST", "topics/t", {"records": [{"valu": 1}]}, 400, "BadValue"),
        ("POST", "topics/a%20b", {"records": [{"value": 1}]}, 400, "BadValue"),
        ("GET", "nowhere", None, 404, "NotFound"),
        ("GET", "/", None, 404, "NotFound"),
        ("POST", "/nowhere", {}, 404, "NotFound"),
        ("DELETE", "runs", None, 405, "ServiceError"),
        ("GET", "stop", None, 405, "ServiceError"),
    ],
)
async def test_what_cannot_be_done_is_said_in_two_lines(published, method, path, body, status, kind):
    how = {} if body is None else {"json": body}
    is_an_error(await published.ask(method, path, **how), status, kind)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe", b"null", b"nonsense", b'{"event": 1}{"event": 2}'])
@pytest.mark.parametrize("path", ["functions/f/invoke", "functions/f/versions", "topics/t"])
async def test_a_body_that_cannot_be_read_is_the_callers_fault(published, path, content):
    headers = {"content-type": "application/json"}
    is_an_error(await published.ask("POST", path, content=content, headers=headers), 400, "BadValue")


@pytest.mark.parametrize(
    "change",
    [
        {"bundle": 5},
        {"bundle": {}},
        {"bundle": {"values": []}},
        {"options": 1},
        {"options": {"memroy_mb": 1}},
        {"options": []},
        {"captured": 7},
        {"captured": [{"nme": "x"}]},
        {"digest": None, "function": 3},
        {"colour": "red"},
    ],
    ids=json.dumps,
)
async def test_a_draft_that_is_none_is_refused(published, make_draft, change):
    body = {**make_draft().to_dict(), **change}
    is_an_error(await published.ask("POST", "functions/f/versions", json=body), 400, "BadValue")
    assert [version["number"] for version in await published.get("functions/f/versions")] == [1]


async def test_a_draft_goes_to_its_own_function(published, make_draft):
    answer = await published.ask("POST", "functions/f/versions", json=make_draft("g").to_dict())
    assert "'g', not of 'f'" in is_an_error(answer, 400, "BadValue")["message"]


async def test_a_draft_that_cannot_run_here_is_unprocessable(published, make_draft):
    body = {**make_draft().to_dict(), "packages": {"no-such-thing": "1"}}
    is_an_error(await published.ask("POST", "functions/f/versions", json=body), 422, "PackageMismatch")


async def test_a_key_that_was_used_otherwise_is_a_conflict(published):
    await published.post("functions/f/invoke", {"event": {"n": 1}, "run_key": "k"})
    answer = await published.ask("POST", "functions/f/invoke", json={"event": {"n": 2}, "run_key": "k"})
    is_an_error(answer, 409, "Conflict")


async def test_a_fault_of_the_service_itself_has_the_shape_of_every_error(published, monkeypatch):
    async def broken():
        raise RuntimeError("the secret path /home/me")

    monkeypatch.setattr(published.running.engine.questions, "functions", broken)
    error = is_an_error(await published.ask("GET", "functions"), 500, "ServiceError")
    assert "RuntimeError" in error["message"]


async def test_the_token_is_never_in_an_answer(published):
    for path in ("status", "functions", "openapi.json", "nowhere"):
        assert "the-token-of-this-service" not in (await published.ask("GET", path)).text


async def test_a_path_with_strange_letters_is_just_not_there(published):
    for name in ("%00", "%ff", "a%2fb", "..%2f..", "%F0%9F%92%A9", "x" * 5000):
        assert (await published.ask("GET", f"functions/{name}")).status_code == 404
