"""Where results and failures go, what rests after too many of them, what is given up: through the command line."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from .conftest import until

MODULE = """
@fn(then=["archive", "topic:done", "results/"])
def double(event):
    return event.n * 2

@fn
def archive(event):
    return event.responsePayload

@fn(on="topic:done batch=1")
def reader(event):
    return event.records[0]["value"]["requestContext"]["condition"]

@fn(on="topic:orders batch=1", retries=0, backoff="none")
def fragile(event):
    if event.records[0]["value"] < 0:
        raise ValueError("negative")
    return "fine"

@fn(concurrency=0)
def closed(event):
    return 1
"""


@pytest.fixture(scope="module")
def settings():
    return {"max_workers": "2", "poll_s": "0.5", "breaker_runs": "4", "breaker_pause_s": "3600"}


@pytest.fixture(scope="module")
def environment():
    return {"NO_PROXY": "127.0.0.1"}


@pytest.fixture(scope="module", autouse=True)
def published(house):
    house.publish(MODULE)


@pytest.fixture
def hook():
    """A web server that takes everything; what came stands in its list."""
    came = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", came
    server.shutdown()
    server.server_close()


def test_a_result_goes_to_a_function_a_topic_and_a_folder(house):
    run = house.invoke("double", {"n": 21}, "--json").json
    (told,) = house.all_ended("archive", 1)
    assert (told["result"], told["trigger"]) == (42, "then:double")
    (read,) = house.all_ended("reader", 1)
    assert read["result"] == "Success"
    path = house.work / "results" / f"double-{run['id']}.json"
    record = json.loads(until(lambda: path.exists() and path.read_text(), "the record"))
    assert (record["requestPayload"]["n"], record["responsePayload"]) == (21, 42)
    assert "(done)" in house.ok(f"run {run['id']}").out


def test_a_failure_goes_to_a_web_address(house, hook):
    url, came = hook
    house.publish(
        f'@fn(retries=0, on_failure="{url}")\ndef refuse(event):\n    raise ValueError("no")\n', name="refuse.py"
    )
    said = house.invoke("refuse", {})
    assert said.code == 1
    (record,) = until(lambda: came, "the record")
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_a_target_that_cannot_be_is_refused_when_it_is_published(house):
    path = house.write("wrong.py", "from jupyter_fn import fn\n\n@fn(then='htps://x')\ndef f(event): ...\n")
    said = house.fn(f"publish {path}")
    assert said.code == 2
    assert "'htps'" in said.err
    assert "Did you mean 'https'?" in said.err


def test_a_function_that_may_run_nothing_says_so_at_once(house):
    said = house.invoke("closed", {})
    assert said.code == 1
    assert "--concurrency 0" in said.err


def test_triggers_rest_after_too_many_failures_and_resume_lets_them_go_on(house):
    for value in (-1, -2, -3, -4):
        house.ok(["emit", "orders", "--record", str(value)])
    house.all_ended("fragile", 4)

    def paused():
        (trigger,) = house.ok("show fragile --json").json["triggers"]
        return trigger if trigger["state"] == "paused" else None

    assert "4 of the last 4 runs failed." in until(paused, "the rest")["error"]
    house.ok(["emit", "orders", "--record", "1"])
    (waiting,) = until(lambda: house.runs("fragile --state queued"), "the backlog")
    assert "The triggers of fragile rest." in house.ok(f"explain fragile {waiting['id']}").out
    assert 'jupyter_fn_breaker_open{function="fragile"} 1' in house.http("GET", "/metrics").text
    house.ok("resume fragile")
    assert house.ended(waiting["id"])["result"] == "fine"
