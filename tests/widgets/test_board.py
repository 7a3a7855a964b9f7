"""What the dashboard shows, as values."""

from typing import Any

from jupyter_fn.widgets.board import MOST_ENDED, MOST_LIVE, Board


def run(name: str, state: str, second: int = 0, **more: Any) -> dict[str, Any]:
    time = f"2026-11-24T08:00:{second:02}.000000Z"
    ended = time if state not in ("running", "waiting", "queued") else None
    return {"id": name, "function": "f", "state": state, "created": time, "ended": ended, **more}


def function(name: str, cost_usd: str = "0", **more: Any) -> dict[str, Any]:
    return {"name": name, "cost_usd": cost_usd, **more}


def names(board: Board) -> list[str]:
    return [each["id"] for each in board.runs]


def test_running_stands_before_waiting_before_queued_and_then_the_last_that_ended() -> None:
    board = Board()
    states = [("e1", "succeeded", 1), ("q", "queued", 1), ("w", "waiting", 2), ("e2", "dead", 2), ("r", "running", 3)]
    board.fill([], [run(*each) for each in states])
    assert names(board) == ["r", "w", "q", "e2", "e1"]


def test_a_run_that_has_ended_stays_ended() -> None:
    board = Board()
    board.take("run", run("1", "succeeded"))
    board.take("run", run("1", "running"))
    assert [each["state"] for each in board.runs] == ["succeeded"]


def test_functions_come_change_and_go() -> None:
    board = Board()
    board.fill([function("b"), function("a")], [])
    board.take("function", function("b", state="paused"))
    board.take("function", {"removed": "a"})
    assert [(each["name"], each.get("state")) for each in board.functions] == [("b", "paused")]


def test_money_is_added_exactly() -> None:
    board = Board()
    board.fill([function("a", "0.1"), function("b", "0.2"), function("c", "0.0000000001")], [])
    assert board.cost_usd == "0.3000000001"


def test_a_backlog_does_not_push_out_what_has_ended() -> None:
    board = Board()
    for i in range(300):
        board.take("run", run(f"q{i}", "queued"))
        board.take("run", run(f"e{i}", "succeeded", 1))
    assert [sum(each["state"] == state for each in board.runs) for state in ("queued", "succeeded")] == [
        MOST_LIVE,
        MOST_ENDED,
    ]


def test_other_events_change_nothing() -> None:
    board = Board()
    board.take("log", {"text": "hello"})
    board.take("progress", {"run_id": "1"})
    assert (board.functions, board.runs) == ([], [])
