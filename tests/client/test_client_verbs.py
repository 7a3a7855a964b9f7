"""Each verb: what it asks of the HTTP API, what it gives back."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from jupyter_fn.client.client import Client
from jupyter_fn.model.errors import BadValue, NotFound
from jupyter_fn.model.function import Options
from jupyter_fn.model.units import parse_time
from jupyter_fn.model.version import Bundle, Draft


@pytest.fixture
def client(fake):
    made = Client(fake.home, start=False, transport=fake.transport)
    yield made
    made.close()


@pytest.fixture
def draft():
    bundle = Bundle(kind="cell", source="def handler(e): ...", handler="handler", filename="<fn f>", values={"x": b"1"})
    return Draft(
        function="f",
        bundle=bundle,
        options=Options(),
        folder="/data",
        python="3.11.7",
        packages={},
        captured=(),
        digest="d",
    )


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../status"])
def test_what_cannot_be_a_part_of_a_path_is_nobodys_name(client, name):
    for verb in (client.function, client.versions, client.remove, client.failures):
        with pytest.raises(NotFound, match="Nothing is called"):
            verb(name)


def test_making_a_client_touches_nothing(tmp_path):
    Client(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_publishing_sends_the_whole_draft(fake, client, draft):
    answer = {"created": True, "dry_run": False, "version": {"number": 1}, "triggers": []}
    fake.on("POST", "functions/f/versions", answer)
    assert client.publish(draft).version.number == 1
    assert Draft.from_dict(fake.body()) == draft
    assert fake.query() == {}
    client.publish(draft, dry_run=True)
    assert fake.query() == {"dry_run": "true"}


def test_publishing_may_be_repeated_because_it_is_idempotent(fake, client, draft):
    answers = iter([httpx.ReadError("gone"), {"version": {"number": 1}}])
    fake.on("POST", "functions/f/versions", lambda r: next(answers))
    assert client.publish(draft).version.number == 1


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("function", "GET", "functions/f"),
        ("versions", "GET", "functions/f/versions"),
        ("remove", "DELETE", "functions/f"),
        ("pause", "POST", "functions/f/pause"),
        ("resume", "POST", "functions/f/resume"),
        ("rollback", "POST", "functions/f/rollback"),
        ("failures", "GET", "functions/f/failures"),
        ("audit", "GET", "functions/f/audit"),
        ("run", "GET", "runs/f"),
        ("logs", "GET", "runs/f/logs"),
        ("cancel", "POST", "runs/f/cancel"),
    ],
)
def test_verbs_about_one_thing_go_to_its_route(fake, client, verb, method, path):
    fake.on(method, path, [] if verb in ("versions", "failures") else {"name": "f"})
    answer = getattr(client, verb)("f")
    assert answer == ([] if verb in ("versions", "failures") else {"name": "f"})
    assert (fake.asked[0].method, len(fake.asked)) == (method, 1)


def test_a_name_cannot_leave_its_place_in_the_path(fake, client):
    with pytest.raises(NotFound):
        client.function("a?x#y%2F")
    assert [asked.url.raw_path for asked in fake.asked] == [b"/api/v1/functions/a%3Fx%23y%252F"]


def test_invoke_waits_by_long_polls_until_the_run_has_ended(fake, client, run_json):
    states = iter(["running", "waiting", "succeeded"])
    fake.on("POST", "functions/daily/invoke", run_json(state="queued"))
    run_id = run_json()["id"]
    fake.on("GET", f"runs/{run_id}", lambda r: run_json(state=next(states)))
    fake.on("GET", f"runs/{run_id}/logs", {"text": "hello\n", "ended": True})
    run = client.invoke("daily", {"n": 1}, qualifier="live")
    assert (run.state, run.log, run.result) == ("succeeded", "hello\n", {"rows": 12})
    assert {k: v for k, v in fake.body(0).items() if k != "run_key"} == {
        "event": {"n": 1},
        "qualifier": "live",
        "wait_s": 30.0,
    }
    assert fake.query(1) == {"wait_s": "30.0"}


def test_a_version_may_be_given_as_its_number(fake, client, run_json):
    fake.on("POST", "functions/daily/invoke", run_json())
    fake.on("POST", "functions/daily/map", [])
    client.submit("daily", qualifier=3)
    client.map("daily", [1], qualifier=3)
    assert [fake.body(at)["qualifier"] for at in (0, 1)] == ["3", "3"]


def test_a_warm_invoke_is_one_call(fake, client, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(log="hi\n"))
    assert client.invoke("daily").log == "hi\n"
    assert len(fake.asked) == 1


def test_a_broken_invoke_is_repeated_under_the_same_key_so_that_it_runs_once(fake, client, run_json):
    answers = iter([httpx.ReadError("gone"), run_json(log="")])
    fake.on("POST", "functions/daily/invoke", lambda r: next(answers))
    client.invoke("daily")
    assert fake.body(0)["run_key"] == fake.body(1)["run_key"] != ""


def test_a_watched_invoke_passes_the_log_on_piece_by_piece(fake, client, run_json):
    run_id = run_json()["id"]
    states = iter(["running", "succeeded"])
    texts = iter(["one\n", "one\ntwo\n", "one\ntwo\nthree\n"])
    fake.on("POST", "functions/daily/invoke", run_json(state="running"))
    fake.on("GET", f"runs/{run_id}", lambda r: run_json(state=next(states)))
    fake.on("GET", f"runs/{run_id}/logs", lambda r: {"text": next(texts), "ended": False})
    pieces = []
    client.invoke("daily", on_log=pieces.append)
    assert pieces == ["one\n", "two\n", "three\n"]


def test_a_log_that_lost_its_middle_is_shown_from_where_it_differs(fake, client, run_json):
    run_id = run_json()["id"]
    fake.on("POST", "functions/daily/invoke", run_json(state="running"))
    fake.on("GET", f"runs/{run_id}", run_json(log="head … tail\n"))
    fake.on("GET", f"runs/{run_id}/logs", {"text": "head middle", "ended": False})
    pieces = []
    client.invoke("daily", on_log=pieces.append)
    assert pieces == ["head middle", "… tail\n"]


def test_waiting_ends_when_the_patience_does(fake, client, run_json):
    fake.on("GET", "runs/r", run_json(state="running"))
    assert client.wait("r", timeout_s=0).state == "running"


def test_submit_does_not_wait(fake, client, run_json):
    fake.on("POST", "functions/daily/invoke", run_json(state="queued"))
    assert client.submit("daily", run_key="k").state == "queued"
    assert (fake.body()["wait_s"], fake.body()["run_key"]) == (0.0, "k")


def test_events_may_hold_whatever_the_codec_knows(fake, client):
    fake.on("POST", "functions/f/map", ["r1", "r2"])
    assert client.map("f", [{"day": date(2026, 1, 2)}, Path("x.csv")]) == ["r1", "r2"]
    assert fake.body() == {"events": [{"day": "2026-01-02"}, "x.csv"], "qualifier": ""}


def test_an_event_that_json_cannot_say_is_refused_here(client):
    with pytest.raises(BadValue, match=r"The event: .*\$\.conn is a builtins\.object"):
        client.submit("f", {"conn": object()})


def test_runs_are_asked_for_by_function_state_and_number(fake, client, run_json):
    fake.on("GET", "runs", [run_json()])
    assert client.runs("daily", state="dead", last=5)[0].function == "daily"
    assert fake.query() == {"function": "daily", "state": "dead", "last": "5"}


def test_the_end_or_the_beginning_of_an_id_names_a_run_when_it_is_the_only_one(fake, client):
    fake.on("GET", "runs", [{"id": "abc-1111"}, {"id": "abc-2222"}, {"id": "def-2223"}])
    assert [client.find_run(part) for part in ("1111", "def", "2223")] == ["abc-1111", "def-2223", "def-2223"]
    with pytest.raises(NotFound, match="2 runs end or begin with 'abc'"):
        client.find_run("abc")
    for nobody in ("x", "", "bc-1"):
        with pytest.raises(NotFound, match="No recent run ends or begins with"):
            client.find_run(nobody)
    assert client.find_run("0" * 36) == "0" * 36


def test_a_whole_id_is_taken_as_it_is(fake, client, run_json):
    assert client.find_run(run_json()["id"]) == run_json()["id"]
    assert not fake.asked


def test_recent_logs_come_oldest_first(fake, client):
    fake.on("GET", "runs", [{"id": "new"}, {"id": "old"}])
    fake.on("GET", "runs/new/logs", {"text": "later\n", "ended": True})
    fake.on("GET", "runs/old/logs", {"text": "earlier\n", "ended": True})
    assert client.recent_logs("f", last=2) == "earlier\nlater\n"


def test_an_alias_points_at_one_version_or_at_several(fake, client):
    fake.on("PUT", "functions/f/aliases/live", {"name": "f"})
    client.alias("f", "live", {3: 90, 4: 10})
    assert fake.body() == {"weights": {"3": 90, "4": 10}}
    client.alias("f", "live", 3)
    assert fake.body() == {"weights": {"3": 1}}


def test_redrive_names_runs_or_means_all(fake, client):
    fake.on("POST", "functions/f/redrive", {"count": 0})
    client.redrive("f", dry_run=True)
    assert fake.body() == {"ids": None, "code": "latest", "events": {}, "dry_run": True}
    client.redrive("f", ["a"], code="same", events={"a": {"n": 1}})
    assert fake.body() == {"ids": ["a"], "code": "same", "events": {"a": {"n": 1}}, "dry_run": False}
    client.redrive("f", [])
    assert fake.body()["ids"] == []  # none of them is not all of them


def test_several_runs_are_stopped_and_all_of_a_function(fake, client, run_json):
    fake.on("POST", "runs/cancel", [run_json(state="cancelled")])
    fake.on("POST", "functions/f/cancel", [])
    assert client.cancel_each(["a", "b"])[0].state == "cancelled"
    assert fake.body() == {"ids": ["a", "b"]}
    assert repr(client.cancel_all("f")) == "Nothing was under way."


def test_replay_says_which_events_and_has_an_id_from_the_beginning(fake, client, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    fake.on("POST", "functions/f/replay", {"replay": "x", "count": 0})
    client.replay("f")
    body = fake.body()
    assert len(body.pop("replay")) == 36
    assert body == {"since": "", "until": "", "code": "latest", "dry_run": False}
    client.replay("f", since="2h", until=datetime(2026, 1, 1, tzinfo=UTC), key="k", failed=True, last=3, replay="x")
    assert parse_time(fake.body()["since"]) == 1_000_000.0 - 7200
    assert fake.body()["until"].startswith("2026-01-01T00:00:00")
    assert {name: fake.body()[name] for name in ("key", "failed", "last", "replay")} == {
        "key": "k",
        "failed": True,
        "last": 3,
        "replay": "x",
    }


def test_a_replay_may_be_repeated_because_its_id_is_known(fake, client):
    answers = iter([httpx.ReadError("gone"), {"replay": "x", "count": 1}])
    fake.on("POST", "functions/f/replay", lambda r: next(answers))
    assert client.replay("f").count == 1
    assert fake.body(0)["replay"] == fake.body(1)["replay"]


@pytest.mark.parametrize(
    ("since", "ago_s"), [("24h", 86400), ("30 minutes", 1800), (timedelta(minutes=1), 60), (60, 60), ("2s", 2)]
)
def test_since_may_be_a_duration_ago(fake, client, monkeypatch, since, ago_s):
    monkeypatch.setattr("time.time", lambda: 1_000_000.0)
    fake.on("GET", "cost", {"total_usd": "0", "by": []})
    client.cost("f", by="day", since=since)
    assert parse_time(fake.query()["since"]) == 1_000_000.0 - ago_s
    assert (fake.query()["function"], fake.query()["by"]) == ("f", "day")


@pytest.mark.parametrize("since", ["2026-11-01", "2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)])
def test_since_may_be_a_time(fake, client, since):
    fake.on("GET", "cost", {"total_usd": "0", "by": []})
    client.cost(since=since)
    assert fake.query() == {"since": "2026-11-01T00:00:00.000000Z"}


def test_since_that_is_neither_is_refused(client):
    with pytest.raises(BadValue, match="is not a duration"):
        client.cost(since="yesterday")


def test_explain_takes_a_path_or_an_event(fake, client):
    fake.on("GET", "functions/f/explain", {"subject": "x", "sentences": []})
    client.explain("f", Path("/data/a.csv"))
    assert fake.query() == {"subject": "/data/a.csv"}
    client.explain("f", {"n": 1})
    assert json.loads(fake.query()["subject"]) == {"n": 1}


def test_records_are_values_or_values_with_keys(fake, client):
    fake.on("POST", "topics/t", {"accepted": 3, "last": 3})
    client.emit("t", [1, {"key": "k", "value": 2}, {"value": 3, "more": 4}])
    assert fake.body()["records"] == [
        {"key": "", "value": 1},
        {"key": "k", "value": 2},
        {"key": "", "value": {"value": 3, "more": 4}},
    ]


def test_stopping_what_does_not_run_is_no_error(tmp_path):
    assert Client(tmp_path, start=False).stop() is False
