"""The service as a process: it says where it is, ends when it is told to, and what it leaves is found by the next."""

import signal
import socket
import stat
import threading

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.service, pytest.mark.timeout(180)]
SLOW = """
import time
def handler(event):
    time.sleep(0.01)
    return event["n"]
"""


def ended(runs):
    return all(run["state"] in ("succeeded", "dead", "cancelled") for run in runs)


def publish(process, draft):
    return process.http("POST", f"functions/{draft.function}/versions", json=draft.to_dict())


def children_of(process):
    return psutil.Process(process.process.pid).children(recursive=True)


def lives(child):
    return child.is_running() and child.status() != psutil.STATUS_ZOMBIE


def test_it_says_where_it_is_in_one_line_when_it_answers(serve):
    process = serve()
    line = process.ready()
    assert process.address["url"] in line
    assert process.address["pid"] == process.process.pid
    assert stat.S_IMODE((process.home / "service.json").stat().st_mode) == 0o600
    assert process.http("GET", "status")["url"] == process.address["url"]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_and_leaves_no_process(serve, make_draft, eventually, tmp_path, signum):
    process = serve()
    process.ready()
    publish(process, make_draft("f", SLOW, folder=tmp_path))
    assert process.http("POST", "functions/f/invoke", json={"event": {"n": 1}, "wait_s": 60})["result"] == 1
    process.http("POST", "functions/f/map", json={"events": [{"n": n} for n in range(500)]})
    children = children_of(process)
    assert children
    process.process.send_signal(signum)
    code, out, err = process.wait()
    assert (code, out, err) == (0, "", "")
    assert not (process.home / "service.json").exists()
    eventually(lambda: not any(lives(child) for child in children), "the end of its children")


def test_stop_over_http_ends_it_too(serve):
    process = serve()
    process.ready()
    assert process.http("POST", "stop") == {"stopping": True}
    assert process.wait()[0] == 0


def test_a_stop_ends_streams_and_whoever_waits(serve, make_draft, tmp_path):
    process = serve()
    process.ready()
    publish(process, make_draft("f", "import time\ndef handler(event):\n    time.sleep(600)\n", folder=tmp_path))
    address = process.address
    answers = []

    def wait():
        body = {"event": {}, "wait_s": 300}
        answers.append(process.http("POST", "functions/f/invoke", json=body))

    waiting = threading.Thread(target=wait)
    headers = {"Authorization": f"Bearer {address['token']}"}
    with (
        httpx.Client(base_url=address["url"], headers=headers, timeout=60, trust_env=False) as client,
        client.stream("GET", "/api/v1/events") as stream,
    ):
        pieces = stream.iter_text()
        assert next(pieces) == ": here\n\n"
        waiting.start()
        assert "event: " in next(pieces)
        process.process.terminate()
        list(pieces)
    waiting.join(60)
    assert process.wait()[0] == 0
    assert answers[0]["state"] in ("queued", "running")


def test_a_port_that_is_taken_is_an_error_of_two_lines(serve):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, out, err = serve("--port", str(port)).wait()
    assert (code, out) == (1, "")
    cause, remedy = err.splitlines()
    assert str(port) in cause
    assert "--port" in remedy


def test_a_home_that_is_owned_is_an_error_of_two_lines(serve):
    first = serve()
    first.ready()
    code, out, err = serve().wait()
    assert (code, out) == (1, "")
    cause, remedy = err.splitlines()
    assert str(first.process.pid) in cause
    assert remedy
    assert first.http("GET", "status")["pid"] == first.process.pid


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        (["--cluster", "carrier-pigeon"], {}),
        ([], {"prices": "aws-lamda"}),
        ([], {"synchronous": "maybe"}),
        ([], {"port": "many"}),
    ],
)
def test_settings_that_make_no_sense_are_errors_of_two_lines(serve, words, settings):
    process = serve(*words, **settings)
    code, out, err = process.wait()
    assert code in (1, 2)
    assert out == ""
    assert len(err.splitlines()) == 2, err
    assert not (process.home / "service.json").exists()


def test_killed_in_the_middle_of_many_runs_the_next_service_ends_them_all_and_none_twice(
    serve, make_draft, eventually, tmp_path
):
    marks = tmp_path / "marks"
    marks.mkdir()
    source = f"""
import time
def handler(event, context):
    time.sleep(0.01)
    with context.output(f"{marks}/{{event['n']}}.txt") as path:
        path.write_text(context.run_id)
    return event["n"]
"""
    first = serve()
    first.ready()
    publish(first, make_draft("f", source, folder=tmp_path, retries=0, concurrency=3))
    ids = first.http("POST", "functions/f/map", json={"events": [{"n": n} for n in range(200)]})
    eventually(lambda: len(first.http("GET", "runs?state=succeeded")) >= 20, "some results")
    children = children_of(first)
    first.kill()
    eventually(lambda: not any(lives(child) for child in children), "the end of its children")
    second = serve(home=first.home)
    second.ready()
    runs = eventually(lambda: (runs := second.http("GET", "runs?last=1000")) and ended(runs) and runs, "the end of all")
    assert [run["id"] for run in runs][::-1] == ids
    assert [(run["state"], run["result"]) for run in runs][::-1] == [("succeeded", n) for n in range(200)]
    assert {run["attempts"] for run in runs} == {1}, "those that were lost are no attempts that anybody pays for"
    assert {path.stem: path.read_text() for path in marks.iterdir()} == {str(n): ids[n] for n in range(200)}
    audit = second.http("GET", "functions/f/audit")
    assert (audit["observed"], audit["done"], audit["balanced"]) == (200, 200, True)


def test_a_killed_service_does_not_hold_the_home(serve):
    first = serve()
    first.ready()
    old = first.address
    first.kill()
    assert (first.home / "service.json").exists(), "nobody was left to remove it"
    second = serve()
    second.ready()
    assert second.address["pid"] == second.process.pid != old["pid"]
    assert second.address["token"] != old["token"]
