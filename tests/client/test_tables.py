"""Rows, tables and facts: JSON underneath, readable everywhere."""

import json
import re

import pytest

from jupyter_fn.client import readable, tables
from jupyter_fn.client.facts import Audit, Backfill, Cost, Explanation, FunctionFacts, Redrive, Replay, RunFacts, Status
from jupyter_fn.client.tables import Row, Table, plain

FUNCTION = {
    "name": "daily",
    "version": {
        "number": 3,
        "source": "def handler(event):\n    return '<b>'\n",
        "options": {"memory_mb": 512, "timeout_s": 60.0},
        "captured": [{"name": "limit", "preview": "5"}],
        "packages": {"pandas": "3.1.1"},
        "folder": "/data",
    },
    "state": "active",
    "triggers": [{"id": "t", "uri": "in/*.csv", "state": "active", "lag": 0}],
    "runs": {"succeeded": 12, "dead": 1, "queued": 0},
    "cost_usd": "0.0000127",
    "tags": {"team": "etl"},
    "aliases": {"live": {"3": 90, "2": 10}, "test": {"3": 1}},
    "latest": 3,
}
COST = {
    "total_usd": "0.0254",
    "by": [{"key": "daily", "runs": 13, "billed_ms": 90500, "gb_s": 45.25, "cpu_s": 70.1, "bytes_read": 1_000_000}],
    "cluster": {"worker_s": 300, "busy_s": 90.5, "idle_s": 209.5, "cost_usd": "0.008"},
    "prices": {"active": "aws-lambda-x86", "books": []},
}


@pytest.fixture
def runs(run_json):
    failed = run_json(state="dead", error={"type": "ValueError", "message": "bad <row>\n2", "traceback": "Trace…"})
    return Table([run_json(), failed], tables.RUNS, empty="No runs.")


def test_rows_are_json_and_their_keys_are_attributes(runs):
    assert json.loads(json.dumps(runs)) == runs
    assert runs[0].state == "succeeded"
    with pytest.raises(AttributeError, match="no 'stat'"):
        _ = runs[0].stat


def test_a_table_in_a_notebook_is_escaped_html_in_the_themes_colours(runs):
    html = runs._repr_html_()
    assert "ValueError: bad &lt;row&gt; 2" in html
    assert "var(--jp-error-color1" in html
    assert "<script" not in html


def test_a_table_elsewhere_is_text(runs):
    text = repr(runs)
    assert "00000001" in text
    assert "$0.0000127" in text
    assert "1.5 s" in text
    assert "reason" not in text  # nothing to say in any row


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_terminal_gets_fewer_columns_not_broken_ones(runs, width):
    text = plain(runs, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert "succeeded" in text
    assert "00000001" in text


def test_an_empty_table_says_so(runs):
    runs.clear()
    assert repr(runs) == "No runs."
    assert "No runs." in runs._repr_html_()


def test_a_table_becomes_a_frame_with_times_and_money(runs):
    frame = runs.to_pandas()
    assert list(frame["state"]) == ["succeeded", "dead"]
    assert frame["created"].dt.year.tolist() == [2026, 2026]
    assert frame["cost_usd"].sum() == pytest.approx(0.000025400050)


def test_a_table_of_nothing_becomes_an_empty_frame_with_its_columns():
    frame = Table([], tables.RUNS).to_pandas()
    assert frame.empty
    assert frame[["id", "state", "error"]].shape == (0, 3)
    assert frame["created"].dt.year.tolist() == []
    assert frame["cost_usd"].sum() == 0
    assert "billed_ms" in Cost(total_usd="0", by=[]).to_pandas()


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "$0"), ("0.0000127000250", "$0.0000127"), ("0.01", "$0.01"), ("1.255", "$1.26"), (None, "$0"), ("x", "x")],
)
def test_money_is_readable(amount, text):
    assert readable.dollars(amount) == text


def test_money_has_no_exponent_however_small():
    assert readable.dollars("0.000000000123") == "$0.000000000123"


def test_times_may_be_text_or_seconds():
    assert readable.when("2026-11-03T06:00:00Z") == readable.when(1793685600.0) != ""
    assert readable.when(None) == ""


def test_a_function_shows_its_live_version():
    facts = FunctionFacts(FUNCTION)
    text = repr(facts)
    assert "daily · version 3 · active" in text
    assert "live → 3:90 2:10, test → 3" in text
    assert "12 succeeded, 1 dead" in text
    assert "limit = 5" in text
    assert "    def handler(event):" in text
    assert "&#x27;&lt;b&gt;&#x27;" in facts._repr_html_()
    assert facts.summary() == "daily is active; live → 3:90 2:10, test → 3."


def test_functions_in_a_list_have_a_number_as_version():
    text = repr(Table([{**FUNCTION, "version": 3}], tables.FUNCTIONS))
    assert "in/*.csv" in text
    assert "team=etl" in text


def test_a_cost_summary_shows_lines_total_and_cluster():
    cost = Cost(COST)
    assert "Total $0.03 at aws-lambda-x86 prices" in repr(cost)
    assert "1 m 30 s" in repr(cost) or "90.5 s" in repr(cost)
    assert "Cluster: worker 5 m 0 s, busy 90.5 s, idle 3 m 30 s, $0.008" in repr(cost)
    assert "<table" in cost._repr_html_()
    assert cost.to_pandas()["runs"].tolist() == [13]


def test_a_cost_summary_of_nothing_is_its_total():
    assert repr(Cost(total_usd="0", by=[], cluster={})).startswith("Total $0")


def test_an_audit_is_an_equation():
    audit = Audit(observed=12, done=10, pending=1, dead=1, skipped=0, superseded=0, balanced=True)
    assert repr(audit) == "12 observed = 10 done + 1 pending + 1 dead + 0 skipped + 0 superseded: balanced."
    assert audit.to_pandas()["observed"].tolist() == [12]
    assert "NOT balanced" in repr(Audit(observed=1, balanced=False))


def test_an_explanation_is_sentences():
    told = Explanation(subject="in/a.csv", sentences=["It matches.", "Run r1 took it."], runs=["r1"])
    assert repr(told) == "in/a.csv:\n  It matches.\n  Run r1 took it."
    assert len(told.to_pandas()) == 2


def test_a_redrive_says_what_it_did_or_would_do():
    assert repr(Redrive(count=2, bytes=1500, estimated_cost_usd="0.00002", runs=[])).startswith(
        "would make 2 runs over 1.5 kB, estimated cost $0.00002."
    )
    assert repr(Redrive(count=1, bytes=0, estimated_cost_usd="0", runs=["r9"])).endswith("\nr9")
    assert repr(Redrive(count=0, bytes=0, estimated_cost_usd="0", runs=[])).startswith("made 0 runs")


def test_the_status_lists_workers():
    status = Status(url="http://x", pid=1, workers=[{"id": "w", "name": "w0", "slots": 4, "busy": 1}], functions=2)
    assert "2 functions" in repr(status)
    assert "w0" in repr(status)
    assert status.to_pandas()["name"].tolist() == ["w0"]


def test_a_run_shows_its_attempts_and_its_traceback(run_json):
    error = {"type": "ValueError", "message": "bad", "traceback": "Traceback …\nValueError: bad\n"}
    attempts = [{"number": 1, "state": "failed", "error": error}]
    facts = RunFacts(run_json(state="dead", error=error, attempts_list=attempts, event={"n": 1}))
    assert "attempt 1: failed ValueError: bad" in repr(facts)
    assert repr(facts).endswith("Traceback …\nValueError: bad")
    assert "Traceback …\nValueError: bad" in facts._repr_html_()


def test_a_run_says_of_its_effects_whether_they_are_done(run_json):
    times = {"entered": "2026-11-03T06:00:00Z", "done": "2026-11-03T06:00:01Z"}
    facts = RunFacts(run_json(effects=[{"name": "pay", **times}, {"name": "ship", **times, "done": None}]))
    assert re.search(r"effects +pay \(done 2026-.*\); ship \(begun 2026-.*, not done\)", repr(facts))
    assert "effects" not in repr(RunFacts(run_json(effects=[])))


def test_everything_shown_is_a_dict_underneath():
    assert json.loads(json.dumps(Cost(COST))) == COST
    assert isinstance(Status(), Row)


def test_what_was_run_again_says_so_and_not_every_run():
    many = Replay(replay="x", count=25, bytes=0, estimated_cost_usd="0", runs=[f"r{n}" for n in range(25)])
    assert repr(many).startswith("Replay x: made 25 runs")
    assert repr(many).endswith("r19\n… and 5 more.")
    assert many.to_pandas()["id"].tolist()[-1] == "r24"
    assert repr(Backfill(trigger="f-1", count=3, bytes=7, estimated_cost_usd=None, runs=[])) == (
        "Backfill of f-1: would make 3 runs over 7 B, estimated cost unknown, for nothing has run yet."
    )
