"""Commands that run something again: what they ask of the service."""

import json

import pytest

RUN = "0b1d7a52-0000-4000-8000-000000000001"
OTHER = "7c2e7a52-0000-4000-8000-000000000002"
MADE = {"count": 1, "bytes": 10, "estimated_cost_usd": "0.1", "runs": ["r2"]}


@pytest.fixture(autouse=True)
def service(fake, run_json):
    fake.on("GET", "runs", [run_json(), run_json(id=OTHER)])
    fake.on("POST", "functions/daily/redrive", MADE)
    fake.on("POST", "functions/daily/replay", {**MADE, "replay": "again"})
    fake.on("POST", "functions/daily/backfill", {**MADE, "trigger": "daily-1", "estimated_cost_usd": None})
    return fake


def refused(said):
    """An error of two lines, for wrong words."""
    assert (said.code, said.out) == (2, "")
    cause, _remedy = said.err.splitlines()
    return cause


# --- redrive


def test_redrive_takes_ids_apart_by_repetition_or_commas(call, fake):
    call(f"redrive daily --ids {RUN},7c2e --ids 0b1d7a52")
    assert fake.body() == {"ids": [RUN, OTHER, RUN], "code": "latest", "events": {}, "dry_run": False}
    call("redrive daily --code same --dry-run")
    assert fake.body() == {"ids": None, "code": "same", "events": {}, "dry_run": True}


def test_one_run_is_redriven_with_another_event(call, fake, tmp_path):
    call(["redrive", "daily", "--ids", "0b1d", "--event", '{"n": 2}'])
    assert (fake.body()["ids"], fake.body()["events"]) == ([RUN], {RUN: {"n": 2}})
    (tmp_path / "event.json").write_text('{"n": 3}')
    call(["redrive", "daily", "--ids", "0b1d", "--event", f"@{tmp_path / 'event.json'}"])
    assert fake.body()["events"] == {RUN: {"n": 3}}


def test_several_are_redriven_with_the_events_of_a_file(call, fake, tmp_path):
    (tmp_path / "events.json").write_text(json.dumps({"0b1d": {"n": 2}, OTHER: {"n": 3}}))
    call(["redrive", "daily", "--events", f"@{tmp_path / 'events.json'}"])
    assert (fake.body()["ids"], fake.body()["events"]) == ([RUN, OTHER], {RUN: {"n": 2}, OTHER: {"n": 3}})
    call(["redrive", "daily", "--ids", f"{RUN},{OTHER}", "--events", '{"0b1d": {"n": 2}}'])
    assert (fake.body()["ids"], fake.body()["events"]) == ([RUN, OTHER], {RUN: {"n": 2}})


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["--event", "{}"], "--event is for one run."),
        (["--ids", f"{RUN},{OTHER}", "--event", "{}"], "--event is for one run."),
        (["--ids", RUN, "--event", "{}", "--events", "{}"], "--event and --events are one too many."),
        (["--events", "[1]"], "--events is no JSON object of events by run."),
        (["--ids", RUN, "--event", "{"], "--event: '{' is not JSON"),
    ],
)
def test_events_that_fit_no_run_are_wrong_words(call, words, cause):
    assert refused(call(["redrive", "daily", *words])).startswith(cause)


# --- replay


def test_replay_passes_on_which_events_are_meant(call, fake):
    said = call(
        "replay daily --since 2026-01-01 --until 2026-02-01 --key k --path in/*.csv --trigger t --failed --last 5"
    )
    assert said.out.startswith("Replay again: made 1 runs")
    body = fake.body()
    assert (body["since"][:10], body["until"][:10]) == ("2026-01-01", "2026-02-01")
    assert {name: body[name] for name in ("key", "path", "trigger", "failed", "last", "code", "dry_run")} == {
        "key": "k",
        "path": "in/*.csv",
        "trigger": "t",
        "failed": True,
        "last": 5,
        "code": "latest",
        "dry_run": False,
    }
    call("replay daily --replay again --code same --dry-run")
    assert {name: fake.body()[name] for name in ("replay", "code", "dry_run", "last")} == {
        "replay": "again",
        "code": "same",
        "dry_run": True,
        "last": None,
    }


def test_the_runs_of_a_replay_are_listed_by_its_id(call, fake):
    call("runs daily --replay again")
    assert fake.query() == {"function": "daily", "replay": "again"}


def test_the_answer_is_the_apis(call):
    assert json.loads(call("replay daily --json").out) == {**MADE, "replay": "again"}
    assert json.loads(call("redrive daily --json").out) == MADE


# --- backfill


def test_backfill_passes_on_the_trigger_and_the_span(call, fake):
    said = call(
        ["backfill", "daily", "--on", "in/*.csv settle=1s", "--since", "2026-01-01", "--code", "3", "--dry-run"]
    )
    assert (
        said.out == "Backfill of daily-1: made 1 runs over 10 B, estimated cost unknown, for nothing has run yet.\nr2\n"
    )
    body = fake.body()
    assert body.pop("since")[:10] == "2026-01-01"
    assert body == {"on": "in/*.csv settle=1s", "until": "", "code": "3", "dry_run": True}
    call(["backfill", "daily", "--on", "cron(0 6 * * *)"])
    assert (fake.body()["code"], fake.body()["dry_run"]) == ("latest", False)


def test_backfill_needs_a_trigger(call):
    assert refused(call("backfill daily")) == "`jupyter fn backfill` needs --on."
