"""Where a waiting run goes: to an environment of its own, or ahead of time to a busy one."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_fn.runtime.line import Line


def line(*, waiting: int = 0, busy: tuple[int, ...] = (), idle: int = 0, mean_ms: float | None = None) -> Line:
    """`busy`: how many runs each busy environment holds."""
    made = Line(("f", 1))
    made.queue = deque([object()] * waiting)  # type: ignore[list-item]
    made.busy = [warm(tickets) for tickets in busy]
    made.idle = [warm(0)] * idle
    made.mean_ms = mean_ms
    return made


def warm(tickets: int, **fields: Any) -> Any:
    return SimpleNamespace(**{"tickets": [None] * tickets, "loaded": True, "doom": None, "spent": False, **fields})


@pytest.mark.parametrize(
    ("state", "wants"),
    [
        ({"waiting": 0}, False),
        ({"waiting": 1}, True),
        ({"waiting": 1, "busy": (1,)}, True),  # nobody knows how long it takes
        ({"waiting": 1, "busy": (1,), "mean_ms": 1000.0}, True),
        ({"waiting": 1, "busy": (1,), "mean_ms": 1.0}, False),  # done before another one is there
        ({"waiting": 100, "busy": (1,), "mean_ms": 1.0}, True),
        ({"waiting": 100, "busy": (1,) * 8, "mean_ms": 1.0}, False),
        ({"waiting": 1, "busy": (1,), "idle": 1, "mean_ms": 1.0}, True),
    ],
)
def test_another_environment_is_wanted_when_waiting_costs_more_than_a_fork(state: dict[str, Any], wants: bool) -> None:
    assert line(**state).wants_place is wants


def test_only_short_runs_are_written_ahead() -> None:
    assert line(busy=(1,), mean_ms=50.0).writable() is None
    assert line(busy=(1,)).writable() is None
    assert line(busy=(1,), mean_ms=0.1).writable() is not None


def test_the_environment_with_the_least_to_do_is_written_to_until_it_is_full() -> None:
    one = line(busy=(3, 1, 2), mean_ms=1.0)
    assert one.writable() is one.busy[1]
    assert line(busy=(one.depth,), mean_ms=1.0).writable() is None


@pytest.mark.parametrize("flaw", [{"loaded": False}, {"doom": "killed"}, {"spent": True}])
def test_nothing_is_written_ahead_to_one_that_may_not_come_to_it(flaw: dict[str, Any]) -> None:
    one = line(mean_ms=1.0)
    one.busy = [warm(1, **flaw)]
    assert one.writable() is None


def test_the_mean_follows_what_runs_take() -> None:
    one = line()
    one.took(100.0)
    assert one.mean_ms == 100.0
    for _ in range(50):
        one.took(1.0)
    assert one.mean_ms is not None
    assert one.mean_ms == pytest.approx(1.0, abs=0.1)


def test_a_line_is_empty_when_nothing_waits_and_nothing_lives() -> None:
    assert line().empty
    assert not line(idle=1).empty
    assert not line(waiting=1).empty
