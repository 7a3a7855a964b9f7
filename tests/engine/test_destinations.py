"""Where results and failures go: functions and topics of the store, files, and a real web server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jupyter_fn.store import deliveries, events, records
from jupyter_fn.store.whole import write_whole

pytestmark = pytest.mark.anyio


class Hook:
    """A web server that answers from a list, the last answer for ever. What came stands in `came`."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str]]] = [(204, {})]
        self.came: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.gate = threading.Event()
        self.gate.set()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.came.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
                hook.gate.wait(60.0)
                status, headers = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
                self.send_response(status)
                for name, value in {"content-length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Hook()
    yield server
    server.close()


async def succeeded(stage, **options):
    """`f` is published with these options and has succeeded once: the run's id."""
    (assignment,) = await stage.invoked(1, **options)
    stage.executor.succeed(assignment, {"rows": 3})
    await stage.ended(assignment.run_id)
    return assignment.run_id


async def failed(stage, **options):
    (assignment,) = await stage.invoked(1, retries=0, **options)
    stage.executor.fail(assignment)
    await stage.ended(assignment.run_id)
    return assignment.run_id


def sent(stage, run_id):
    return stage.read(deliveries.of_run, run_id)


async def settled(stage, run_id, state="done"):
    """The only delivery of a run, once it is in that state."""
    await stage.until(lambda: [one.state for one in sent(stage, run_id)] == [state], f"a delivery that is {state}")
    return sent(stage, run_id)[0]


# --- functions and topics


async def test_a_function_is_told_of_a_result_as_an_event_whose_cause_is_the_run(busy):
    await busy.publish("next")
    run_id = await succeeded(busy, then=("next",))
    (assignment,) = await busy.sent(1)
    run = busy.run(assignment.run_id)
    event = busy.read(events.get, run.event_id)
    assert (run.function, run.trigger, run.hops) == ("next", "then:f", 1)
    assert (event.type, event.cause, event.hops) == ("destination.success", run_id, 1)
    assert assignment.event["requestContext"]["requestId"] == run_id
    assert assignment.event["responsePayload"] == {"rows": 3}
    assert assignment.event["requestPayload"]["function"] == "f"


async def test_a_failure_goes_elsewhere_than_a_result(busy):
    await busy.publish("next")
    await busy.publish("repair")
    await failed(busy, then=("next",), on_failure=("fn:repair",))
    (assignment,) = await busy.sent(1)
    assert assignment.terms.function == "repair"
    assert assignment.event["responsePayload"]["errorType"] == "ValueError"
    assert busy.runs("next") == []
    assert busy.run(assignment.run_id).trigger == "on-failure:f"


async def test_several_functions_are_told_each_once(busy):
    await busy.publish("a")
    await busy.publish("b")
    await succeeded(busy, then=("a", "b", "fn:a"))
    await busy.quiet()
    assert (len(busy.runs("a")), len(busy.runs("b"))) == (1, 1)


async def test_a_topic_gets_the_record_with_its_cause_and_its_followers_are_woken(busy):
    await busy.publish("reader", on=("topic:done batch=1",))
    run_id = await succeeded(busy, then=("topic:done",))
    (record,) = busy.read(records.read, "done", after=0, limit=9)
    assert (record.key, record.cause, record.hops) == (run_id, run_id, 0)
    (assignment,) = await busy.sent(1)
    assert assignment.event["records"][0]["value"]["responsePayload"] == {"rows": 3}


async def test_a_function_that_comes_later_is_told_then(busy):
    run_id = await succeeded(busy, then=("late",))
    await busy.until(lambda: sent(busy, run_id)[0].tries == 1)
    assert sent(busy, run_id)[0].error == "There is no function 'late'."
    await busy.publish("late")
    busy.clock.advance(600.0)
    busy.engine.outbox.wake()
    await settled(busy, run_id)
    (assignment,) = await busy.sent(1)
    assert assignment.event["requestContext"]["requestId"] == run_id


async def test_a_cancelled_run_is_told_to_nobody(busy):
    await busy.publish("next")
    (assignment,) = await busy.invoked(1, then=("next",), on_failure=("next",))
    busy.executor.killed(assignment)
    await busy.ended(assignment.run_id)
    assert busy.runs("next") == []


# --- files


async def test_a_folder_gets_a_file_for_each_run_that_failed(busy, tmp_path):
    run_id = await failed(busy, on_failure=("failures/",))
    await settled(busy, run_id)
    (path,) = (tmp_path / "failures").iterdir()
    assert path.name == f"f-{run_id}.json"
    assert json.loads(path.read_text())["requestContext"]["condition"] == "RetriesExhausted"


async def test_a_pattern_names_the_file(busy, tmp_path):
    run_id = await succeeded(busy, then=("done/{date}/{run}.record",))
    await settled(busy, run_id)
    assert (tmp_path / "done" / "2027-01-15" / f"{run_id}.record").exists()


async def test_a_file_that_was_written_by_a_service_that_died_is_the_same_file(busy, tmp_path, monkeypatch):
    """The service dies between the file and its note."""

    def died(*arguments, **more):
        write_whole(*arguments, **more)
        raise OSError("died")

    monkeypatch.setattr("jupyter_fn.engine.outbox.write_whole", died)
    run_id = await failed(busy, on_failure=("failures/",))
    await busy.until(lambda: sent(busy, run_id)[0].tries == 1)
    (path,) = (tmp_path / "failures").iterdir()
    written = path.stat()
    busy.clock.advance(600.0)
    await busy.restart()
    await settled(busy, run_id)
    assert [path.stat() == written for path in (tmp_path / "failures").iterdir()] == [True]


async def test_a_folder_that_cannot_be_written_is_tried_again(busy, tmp_path):
    (tmp_path / "failures").write_text("a file stands in the way")
    run_id = await failed(busy, on_failure=("failures/",))
    await busy.until(lambda: sent(busy, run_id)[0].tries == 1)
    assert "File" in sent(busy, run_id)[0].error
    (tmp_path / "failures").unlink()
    busy.clock.advance(600.0)
    busy.engine.outbox.wake()
    await settled(busy, run_id)


# --- webhooks


async def test_a_webhook_gets_the_record_with_its_idempotency_key(busy, hook):
    run_id = await succeeded(busy, then=(hook.url,))
    delivery = await settled(busy, run_id)
    ((headers, record),) = hook.came
    assert record["requestContext"]["requestId"] == run_id
    assert headers["idempotency-key"] == delivery.id
    assert headers["content-type"] == "application/json"
    assert {name: headers[f"ce-{name}"] for name in ("specversion", "type", "source", "subject", "time")} == {
        "specversion": "1.0",
        "type": "jupyter_fn.destination.success",
        "source": "fn:f",
        "subject": run_id,
        "time": record["timestamp"],
    }


async def test_a_webhook_that_fails_is_asked_again_with_the_same_key(busy, hook):
    hook.answers = [(500, {}), (503, {"retry-after": "7200"}), (200, {})]
    run_id = await failed(busy, on_failure=(hook.url,))
    await busy.until(lambda: sent(busy, run_id)[0].tries == 1)
    busy.clock.advance(300.0)
    busy.engine.outbox.wake()
    await busy.until(lambda: sent(busy, run_id)[0].tries == 2)
    assert sent(busy, run_id)[0].due == busy.clock.now + 7200.0
    busy.clock.advance(7200.0)
    busy.engine.outbox.wake()
    await settled(busy, run_id)
    assert len({headers["idempotency-key"] for headers, _ in hook.came}) == 1
    assert len(hook.came) == 3


async def test_a_webhook_that_refuses_the_record_is_dead_at_once(busy, hook):
    hook.answers = [(422, {})]
    run_id = await failed(busy, on_failure=(hook.url,))
    delivery = await settled(busy, run_id, "dead")
    assert (delivery.error, delivery.tries) == ("It answered 422.", 1)


async def test_a_webhook_that_nobody_answers_is_given_up_after_a_day(busy, hook):
    hook.close()
    run_id = await failed(busy, on_failure=(hook.url,))
    await busy.until(lambda: sent(busy, run_id)[0].tries == 1)
    assert "Connect" in sent(busy, run_id)[0].error
    busy.clock.advance(86_400.0)
    busy.engine.outbox.wake()
    await settled(busy, run_id, "dead")


async def test_one_that_answers_slowly_holds_up_no_other(busy, hook, tmp_path):
    hook.gate.clear()
    runs = await busy.invoked(1, then=(hook.url, "done/"))
    for _ in range(9):
        busy.executor.succeed(runs.pop())
        runs = await busy.invoked(1, then=(hook.url, "done/"))
    await busy.until(lambda: (tmp_path / "done").exists() and len(list((tmp_path / "done").iterdir())) == 9)
    assert len(hook.came) == 4
    hook.gate.set()
    await busy.until(lambda: len(hook.came) == 9)


async def test_what_was_on_its_way_when_the_service_died_is_sent_by_the_next(busy, hook):
    hook.gate.clear()
    run_id = await failed(busy, on_failure=(hook.url,))
    await busy.until(lambda: len(hook.came) == 1)
    await busy.crash()
    hook.gate.set()
    await busy.open()
    await settled(busy, run_id)
    assert len({headers["idempotency-key"] for headers, _ in hook.came}) == 1


async def test_what_another_service_leads_is_left_to_it(busy, hook):
    busy.engine.outbox.leads = lambda function: function != "f"
    run_id = await failed(busy, on_failure=(hook.url,))
    await busy.quiet()
    assert (hook.came, sent(busy, run_id)[0].state) == ([], "due")


async def test_a_service_ends_though_a_webhook_hangs(busy, hook, monkeypatch):
    monkeypatch.setattr("jupyter_fn.engine.outbox._CLOSING_S", 0.01)
    hook.gate.clear()
    run_id = await failed(busy, on_failure=(hook.url,))
    await busy.until(lambda: len(hook.came) == 1)
    await busy.close()
    hook.gate.set()
    await busy.open()
    await settled(busy, run_id)


# --- who can see it


async def test_a_run_tells_what_became_of_its_record_and_explain_says_it(busy, hook):
    hook.answers = [(404, {})]
    run_id = await failed(busy, on_failure=(hook.url, "failures/"))
    await busy.until(lambda: sorted(one.state for one in sent(busy, run_id)) == ["dead", "done"])
    shown = {one["target"]: one for one in (await busy.engine.questions.run(run_id))["deliveries"]}
    assert shown[hook.url]["state"] == "dead"
    assert shown[hook.url]["error"] == "It answered 404."
    said = (await busy.engine.explanations.explain("f", run_id))["sentences"]
    assert f"Its record was not taken by {hook.url}, which is given up. It answered 404." in said
    assert any(sentence.startswith("Its record was taken by ") for sentence in said)
    assert (await busy.engine.questions.function("f"))["undelivered"] == 1


async def test_explain_says_when_a_destination_is_tried_again(busy, hook):
    hook.answers = [(503, {"retry-after": "60"})]
    run_id = await failed(busy, on_failure=(hook.url,))
    await busy.until(lambda: sent(busy, run_id)[0].tries == 1)
    said = (await busy.engine.explanations.explain("f", run_id))["sentences"][-1]
    assert said.startswith(f"Its record is on its way to {hook.url}, which has refused it 1×; again at ")
