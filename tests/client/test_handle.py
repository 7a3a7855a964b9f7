"""Handles: a published function and its runs as objects."""

from decimal import Decimal

import pytest

from jupyter_fn.client.client import Client
from jupyter_fn.client.handle import Function, Log, Run, Runs
from jupyter_fn.model.errors import HandlerFailed, RunCancelled

RUN = "0b1d7a52-0000-4000-8000-000000000001"
REPORT = "REPORT RequestId: x\tDuration: 15.74 ms"
ERROR = {
    "type": "ZeroDivisionError",
    "class": "HandlerFailed",
    "message": "division by zero",
    "remedy": "",
    "traceback": "Traceback (most recent call last):\nZeroDivisionError: division by zero\n",
}


@pytest.fixture
def client(fake):
    made = Client(fake.home, start=False, transport=fake.transport)
    yield made
    made.close()


@pytest.fixture
def daily(client):
    return Function("daily", client)


def test_invoke_gives_the_value_and_says_what_the_run_said(fake, daily, run_json, capsys):
    fake.on("POST", "functions/daily/invoke", run_json(log="hello\n", report=REPORT))
    assert daily.invoke({"n": 1}) == {"rows": 12}
    assert capsys.readouterr() == ("", f"hello\n{REPORT}\n")


def test_an_event_that_the_filter_refuses_is_none_and_said_in_a_line(fake, daily, run_json, capsys):
    skipped = {"state": "skipped", "reason": "Filtered", "result": None, "report": "", "log": ""}
    fake.on("POST", "functions/daily/invoke", run_json(**skipped))
    assert daily.invoke({"n": 1}) is None
    assert capsys.readouterr() == ("", "The event does not match the filter of daily; it was not run.\n")


def test_invoke_raises_the_remote_error_as_the_builtin_that_it_was(fake, daily, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(state="dead", error=ERROR, log=""))
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        daily.invoke()
    assert isinstance(caught.value, HandlerFailed)
    assert caught.value._render_traceback_() == ERROR["traceback"].splitlines()


def test_submit_gives_a_run_whose_result_can_be_waited_for(fake, daily, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(state="queued"))
    states = iter(["running", "succeeded"])
    fake.on("GET", f"runs/{RUN}", lambda r: run_json(state=next(states)))
    fake.on("GET", f"runs/{RUN}/logs", {"text": "hi\n", "ended": True})
    run = daily.submit()
    assert (run.id, repr(run)) == (RUN, f"Run('{RUN}', queued)")
    assert run.result() == {"rows": 12}
    assert (run.state, run.done, run["billed_ms"], run.worker) == ("succeeded", True, 1500, "w1")


def test_the_state_of_an_open_run_is_asked_for_and_of_an_ended_one_remembered(fake, client, run_json):
    states = iter(["running", "succeeded"])
    fake.on("GET", f"runs/{RUN}", lambda r: run_json(state=next(states)))
    run = Run(run_json(state="queued"), client)
    assert (run.state, run.state, run.state) == ("running", "succeeded", "succeeded")
    assert len(fake.asked) == 2


def test_patience_can_end_before_the_run_does(fake, client, run_json):
    fake.on("GET", f"runs/{RUN}", run_json(state="running"))
    run = Run(run_json(state="running"), client)
    assert not run.wait(timeout=0).done
    with pytest.raises(TimeoutError, match="still running after 0 s"):
        run.result(timeout=0)


def test_a_failed_run_has_an_exception_and_a_good_one_none(fake, client, run_json):
    assert Run(run_json(), client).exception() is None
    failed = Run(run_json(state="dead", error=ERROR), client)
    assert isinstance(failed.exception(), ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        failed.result()


def test_cancelling_shows_at_once(fake, client, run_json):
    fake.on("POST", f"runs/{RUN}/cancel", run_json(state="cancelled", error=None))
    run = Run(run_json(state="running"), client).cancel()
    assert run.state == "cancelled"
    with pytest.raises(RunCancelled):
        run.result()


def test_the_cost_of_a_run_is_exact(fake, client, run_json):
    fake.on("GET", f"runs/{RUN}", run_json())
    assert Run(run_json(), client).cost == Decimal("0.0000127000250")


def test_what_a_run_does_not_have_is_an_attribute_error(client, run_json):
    with pytest.raises(AttributeError, match="no 'colour'"):
        _ = Run(run_json(), client).colour


def test_a_run_known_by_its_id_only_looks_itself_up(fake, client, run_json):
    fake.on("GET", f"runs/{RUN}", run_json())
    assert Run({"id": RUN, "state": "queued"}, client).billed_ms == 1500


def test_a_run_shows_itself_with_its_traceback(client, run_json):
    html = Run(run_json(state="dead", error=ERROR), client)._repr_html_()
    assert "ZeroDivisionError: division by zero" in html
    assert "dead" in html


def test_map_gives_runs_in_the_order_of_the_events(fake, daily, run_json):
    fake.on("POST", "functions/daily/map", ["a", "b"])
    for name, value in (("a", 1), ("b", 2)):
        fake.on("GET", f"runs/{name}", run_json(id=name, result=value))
        fake.on("GET", f"runs/{name}/logs", {"text": "", "ended": True})
    runs = daily.map([{"n": 1}, {"n": 2}])
    assert isinstance(runs, Runs)
    assert [run.id for run in runs] == ["a", "b"]
    assert runs.results() == [1, 2]
    assert list(runs.wait().to_pandas()["result"]) == [1, 2]


def test_many_open_runs_are_shown_by_one_call(fake, client, run_json):
    fake.on("GET", "runs", [run_json(id="a", state="succeeded"), run_json(id="b", state="dead", error=ERROR)])
    runs = Runs(Run({"id": name, "function": "daily", "state": "queued"}, client) for name in "abc")
    text = repr(runs)
    assert ("succeeded" in text, "dead" in text, "queued" in text) == (True, True, True)
    assert len(fake.asked) == 1
    assert "<table" in runs._repr_html_()


def test_plural_things_show_themselves_and_become_frames(fake, daily, run_json):
    fake.on("GET", "runs", [run_json()])
    fake.on("GET", "functions/daily/failures", [])
    fake.on("GET", "functions/daily/versions", [{"number": 1, "created": "2026-11-03T06:00:00Z"}])
    fake.on("GET", f"runs/{RUN}/logs", {"text": "one\ntwo\n", "ended": True})
    assert daily.runs()[0].state == "succeeded"
    assert len(daily.runs().to_pandas()) == 1
    assert daily.versions().to_pandas()["number"].tolist() == [1]
    assert repr(daily.failures()) == "No failures."
    assert daily.failures().to_pandas()["error"].empty
    logs = daily.logs()
    assert (str(logs), repr(logs)) == ("one\ntwo\n", "one\ntwo\n")
    assert logs.to_pandas()["line"].tolist() == ["one", "two"]
    assert Log("<b>")._repr_html_().count("&lt;b&gt;") == 1


def test_operations_give_the_handle_back(fake, daily):
    for verb in ("pause", "resume", "rollback"):
        fake.on("POST", f"functions/daily/{verb}", {"name": "daily"})
    fake.on("PUT", "functions/daily/aliases/test", {"name": "daily"})
    fake.on("DELETE", "functions/daily", {"removed": "daily"})
    assert daily.pause().resume().rollback().alias("test", 3) is daily
    assert daily.delete() is None
    assert [request.method for request in fake.asked] == ["POST", "POST", "POST", "PUT", "DELETE"]


def test_runs_are_stopped_by_their_ids_or_all_of_them(fake, daily, run_json):
    fake.on("POST", "runs/cancel", [run_json(state="cancelled")])
    fake.on("POST", "functions/daily/cancel", [run_json(state="cancelled"), run_json(state="cancelled")])
    fake.on("POST", "functions/daily/replay", {"replay": "x", "count": 0})
    assert [run.state for run in daily.cancel(RUN)] == ["cancelled"]
    assert len(daily.cancel()) == 2
    fake.on("POST", "functions/daily/backfill", {"trigger": "t", "count": 0})
    assert daily.replay(key="k", dry_run=True).replay == "x"
    assert daily.backfill("in/*.csv", code=3).trigger == "t"
    assert (fake.body()["on"], fake.body()["code"]) == ("in/*.csv", "3")


def test_questions_go_to_the_service(fake, daily):
    fake.on("GET", "cost", {"total_usd": "1", "by": [], "cluster": {}})
    fake.on("GET", "functions/daily/audit", {"observed": 0, "balanced": True})
    fake.on("GET", "functions/daily/explain", {"subject": "x", "sentences": ["No."]})
    fake.on("POST", "functions/daily/redrive", {"count": 0, "bytes": 0, "estimated_cost_usd": "0", "runs": []})
    assert daily.cost(by="day").total_usd == "1"
    assert fake.query() == {"function": "daily", "by": "day"}
    assert daily.audit().balanced
    assert daily.explain("x").sentences == ["No."]
    assert daily.redrive(dry_run=True).count == 0


def test_a_handle_shows_the_function_as_it_is_now(fake, daily):
    version = {"number": 2, "source": "def handler(event): ..."}
    fake.on("GET", "functions/daily", {"name": "daily", "state": "active", "version": version})
    assert repr(daily) == "Function('daily')"
    assert "daily · version 2" in daily._repr_html_()


def test_a_handle_of_a_function_that_is_gone_still_shows_itself(fake, daily):
    fake.on("GET", "functions/daily", fake.error(404, "NotFound", "No function 'daily'."))
    assert "No function &#x27;daily&#x27;." in daily._repr_html_()


def test_ipython_shows_a_handle_as_text(fake, daily):
    from IPython.lib.pretty import pretty

    version = {"number": 2, "source": "def handler(event): ..."}
    fake.on("GET", "functions/daily", {"name": "daily", "state": "active", "version": version})
    assert "daily · version 2" in pretty(daily)
