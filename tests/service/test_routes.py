"""Every route of docs/architecture.md answers, to those who have the token."""

import re
from pathlib import Path

import pytest

from jupyter_fn.client.sse import lines_of, parse_events

pytestmark = pytest.mark.anyio
DOCS = Path(__file__).parents[2] / "docs" / "architecture.md"
ROW = re.compile(r"^\| `(GET|POST|PUT|DELETE) (/[^`? ]*)(\?[^`]*)?`(.*?)\|", re.MULTILINE)
SHORT = re.compile(r"`(/\w+)`")


def documented():
    """`(method, path)` of every route in the table; `· /resume` beside `…/pause` is one more of the same folder."""
    found = set()
    for method, path, _, more in ROW.findall(DOCS.read_text()):
        found.add((method, path))
        found |= {(method, path.rsplit("/", 1)[0] + short) for short in SHORT.findall(more)}
    return sorted(found)


ROUTES = documented()


def filled(path, run_id="nothing"):
    """A path of functions, runs and topics that may be there."""
    values = {"name": "f", "id": run_id, "alias": "live", "topic": "t"}
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], path)


def test_the_table_is_read():
    assert len(ROUTES) > 20
    assert ("POST", "/api/v1/functions/{name}/rollback") in ROUTES


def test_the_table_and_the_application_have_the_same_routes(api_routes):
    known = {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in ROUTES}
    assert {(method, re.sub(r"\{\w+\}", "{}", path)) for method, path in api_routes} == known


@pytest.fixture
async def api_routes(api):
    """What the OpenAPI document has, and the two documents that are not in it."""
    document = await api.get("openapi.json")
    paths = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    return paths | {("GET", "/api/v1/openapi.json")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("token", [None, "", "wrong", "the-token-of-this-servicf"])
async def test_every_route_but_health_needs_the_token(api, method, path, token):
    answer = await api.ask(method, filled(path), token=token, json={})
    if path == "/healthz":
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    else:
        assert answer.status_code == 401
        assert answer.json()["error"]["type"] == "Unauthorized"
    assert not api.stopped


async def test_every_route_answers(api, make_draft):
    """The life of a function through all of them."""
    asked = set()

    async def ask(method, path, body=None, **query):
        route = next(
            (m, p) for m, p in ROUTES if m == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", p), f"/api/v1/{path}")
        )
        asked.add(route)
        how = {"params": query, **({} if body is None else {"json": body})}
        answer = await api.ask(method, path, **how)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    published = await ask("POST", "functions/f/versions", make_draft(on=("topic:t",)).to_dict())
    assert (published["created"], published["version"]["number"]) == (True, 1)
    assert (await ask("POST", "functions/f/versions", make_draft().to_dict(), dry_run=True))["dry_run"] is True
    await api.publish("f", source="def handler(event):\n    return 2\n")
    assert [version["number"] for version in await ask("GET", "functions/f/versions")] == [2, 1]
    assert [function["name"] for function in await ask("GET", "functions")] == ["f"]
    assert (await ask("GET", "functions/f"))["version"]["number"] == 2
    assert (await ask("PUT", "functions/f/aliases/beta", {"weights": {"1": 1}}))["aliases"]["beta"] == {"1": 1}
    assert (await ask("POST", "functions/f/rollback"))["version"] == 1
    assert (await ask("POST", "functions/f/pause"))["state"] == "paused"
    assert (await ask("POST", "functions/f/resume"))["state"] == "active"

    run = await ask("POST", "functions/f/invoke", {"event": {"answer": 7}, "qualifier": "1", "wait_s": 60})
    assert (run["state"], run["result"], run["log"].splitlines()[0]) == ("succeeded", 7, "done")
    dead = await ask("POST", "functions/f/invoke", {"event": {"fails": True}, "wait_s": 60})
    assert (dead["state"], dead["error"]["type"]) == ("dead", "ValueError")
    assert len(await ask("POST", "functions/f/map", {"events": [1, 2]})) == 2
    assert await ask("POST", "topics/t", {"records": [{"value": 1, "key": "k"}]}) == {"accepted": 1, "last": 1}

    shown = await ask("GET", f"runs/{run['id']}", wait_s=60)
    assert (shown["attempts_list"][0]["state"], shown["event"]["answer"]) == ("succeeded", 7)
    assert {one["function"] for one in await ask("GET", "runs", function="f", state="dead", last=5)} == {"f"}
    assert (await ask("GET", f"runs/{run['id']}/logs"))["ended"] is True
    assert [one["id"] for one in await ask("GET", "functions/f/failures")] == [dead["id"]]
    assert (await ask("POST", "functions/f/redrive", {"dry_run": True}))["count"] == 1
    replay = await ask("POST", "functions/f/replay", {"failed": True, "replay": "again"})
    assert (replay["count"], len(replay["runs"])) == (1, 1)
    assert [one["id"] for one in await ask("GET", "runs", replay="again")] == replay["runs"]
    past = await ask("POST", "functions/f/backfill", {"on": "topic:u", "dry_run": True})
    assert (past["count"], past["runs"]) == (0, [])
    assert (await ask("GET", "functions/f/explain", subject=run["id"]))["runs"][0]["id"] == run["id"]
    assert (await ask("GET", "functions/f/audit"))["balanced"] is True
    stays = await ask("POST", "functions/f/invoke", {"event": {"stays": True}})
    assert (await ask("POST", f"runs/{stays['id']}/cancel"))["state"] == "cancelled"
    more = [(await ask("POST", "functions/f/invoke", {"event": {"stays": True}}))["id"] for _ in range(2)]
    assert [one["state"] for one in await ask("POST", "runs/cancel", {"ids": more[:1]})] == ["cancelled"]
    assert [one["id"] for one in await ask("POST", "functions/f/cancel")] == more[1:]
    assert (await ask("GET", "cost", function="f", by="version", since="2020-01-01"))["total_usd"] != "0"

    status = await ask("GET", "status")
    assert set(status) >= {"version", "pid", "url", "home", "started", "cluster", "workers", "functions", "queued"}
    assert (status["functions"], status["workers"][0]["slots"]) == (1, 4)
    assert "paths" in await ask("GET", "openapi.json")
    assert await ask("DELETE", "functions/f") == {"removed": "f"}
    assert await ask("POST", "stop") == {"stopping": True}
    assert api.stopped
    elsewhere = {("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/api/v1/events")}
    assert set(ROUTES) - asked == elsewhere


# --- metrics


async def test_metrics_are_what_prometheus_reads(api):
    from prometheus_client import parser

    await api.publish(on=("topic:t",))
    await api.invoke(answer=1)
    await api.invoke(fails=True)
    answer = await api.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in parser.text_string_to_metric_families(answer.text)}
    runs = {sample.labels["state"]: sample.value for sample in families["jupyter_fn_runs"].samples}
    assert runs == {"succeeded": 1.0, "dead": 1.0}
    assert families["jupyter_fn_cost_usd"].type == "counter"
    assert families["jupyter_fn_cost_usd"].samples[0].value > 0
    assert families["jupyter_fn_workers"].samples[0].value == 1.0
    assert families["jupyter_fn_trigger_lag"].samples[0].labels["function"] == "f"
    assert [(s.labels["function"], s.value) for s in families["jupyter_fn_breaker_open"].samples] == [("f", 0.0)]


async def test_every_line_of_the_metrics_is_well_formed(api):
    await api.publish(on=("topic:t",))
    await api.invoke()
    line = re.compile(r'[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? [0-9.e+-]+')
    text = (await api.ask("GET", "/metrics")).text
    assert text.endswith("\n")
    for one in text.splitlines():
        assert one.startswith(("# HELP ", "# TYPE ")) or line.fullmatch(one), one


# --- the stream of news


async def stream(api, enough, **query):
    """What is pushed until that is enough; `enough` is asked after each piece, and first when the stream is heard."""
    from jupyter_fn.service.stream import event_stream

    pieces = []
    async for piece in event_stream(api.running.engine.feed, **{"function": "", **query}):
        pieces.append(piece)
        if await enough(pieces):
            break
    return "".join(pieces)


async def test_the_stream_begins_with_a_comment_and_then_tells_what_happens(api):
    await api.publish()

    async def enough(pieces):
        if len(pieces) == 1:
            await api.invoke(answer="ä\u2028\n")
        return '"state":"succeeded"' in "".join(pieces)

    text = await stream(api, enough)
    assert text.startswith(": here\n\n")
    told = list(parse_events(lines_of([text])))
    assert {one.event for one in told} <= {"run", "function", "worker", "log", "progress"}
    assert [one.data["result"] for one in told if one.event == "run"][-1] == "ä\u2028\n"
    for frame in text.removesuffix("\n\n").split("\n\n")[1:]:
        assert re.fullmatch(r"event: \w+\ndata: [^\n]+", frame)


async def test_a_stream_of_one_function_tells_of_no_other(api):
    await api.publish("f")
    await api.publish("g")

    async def enough(pieces):
        if len(pieces) == 1:
            await api.invoke("g")
            await api.invoke("f")
        return '"state":"succeeded"' in "".join(pieces)

    text = await stream(api, enough, function="f")
    told = list(parse_events(lines_of([text])))
    assert {one.data.get("function", one.data.get("name")) for one in told} == {"f"}


async def test_the_stream_ends_with_the_service(api):
    async def enough(pieces):
        api.running.engine.feed.close()
        return False

    assert (await stream(api, enough)).startswith(": here")
