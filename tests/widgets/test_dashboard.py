"""The dashboard: its static twin, and the task that follows a stream of the test's own."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_fn.client.tables import FUNCTIONS, RUNS, Table
from jupyter_fn.model.errors import ServiceNotRunning
from jupyter_fn.widgets import Dashboard, dashboard
from jupyter_fn.widgets import dashboard as module_export

RUN = {
    "id": "0b7c3a52-7e0e-4d6a-9c55-1f8f9f6b7a10",
    "function": "daily_delays",
    "version": 3,
    "state": "succeeded",
    "created": "2026-11-24T08:00:00.000000Z",
    "started": "2026-11-24T08:00:00.000000Z",
    "ended": "2026-11-24T08:00:01.000000Z",
    "duration_ms": 41.0,
    "cost_usd": "0.0000006833335",
    "error": None,
    "result": {"rows": ["large"] * 100},
}
FUNCTION = {
    "name": "daily_delays",
    "version": 3,
    "state": "active",
    "triggers": [{"id": "t", "uri": "incoming/<*>.csv", "state": "active", "lag": 0}],
    "runs": {"succeeded": 12},
    "cost_usd": "0.0000021",
    "tags": {},
}


class FakeClient:
    """Lists what the test says."""

    home = Path("/home/of/the/test")

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = [RUN]
        self.gone = False

    def functions(self) -> Table:
        if self.gone:
            raise ServiceNotRunning("gone")
        return Table([FUNCTION], FUNCTIONS)

    def runs(self, *, last: int) -> Table:
        return Table(self.rows[:last], RUNS)


class FakeStream:
    """A stream that the test writes; says whether it is open."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.opened = 0
        self.closed = 0

    async def __call__(self, home: Path) -> AsyncGenerator[str, None]:
        assert home == FakeClient.home
        self.opened += 1
        try:
            while True:
                yield await self.queue.get()
        finally:
            self.closed += 1

    def push(self, event: str, data: Any) -> None:
        self.queue.put_nowait(f"event: {event}\ndata: {json.dumps(data)}\n\n")


class Shown(Dashboard):
    """A dashboard in a browser that the test plays."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.stream = FakeStream()
        super().__init__(self.client, follow=self.stream)  # type: ignore[arg-type]

    def views(self, change: int) -> None:
        self._handle_custom_msg({"views": change}, [])


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def story(steps: Callable[[Shown], Any]) -> Shown:
    """Play `steps` with a fresh dashboard on a loop of its own, and close it."""

    async def play() -> Shown:
        shown = Shown()
        await asyncio.wait_for(steps(shown), 20)
        shown.close()
        await until(lambda: shown.stream.closed == shown.stream.opened)
        return shown

    return asyncio.run(play())


def test_the_static_twin_says_functions_runs_and_cost_without_any_script() -> None:
    shown, _ = Shown()._repr_mimebundle_()
    for text in ("daily_delays", "12 succeeded", "41 ms", "$0.000000683", "$0.0000021", "as of "):
        assert text in shown["text/html"]
    assert "incoming/&lt;*&gt;.csv" in shown["text/html"]
    assert "<script" not in shown["text/html"]
    assert "daily_delays" in shown["text/plain"]
    assert shown["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_the_browser_gets_no_results_and_no_tracebacks() -> None:
    shown = Shown()
    assert shown.runs[0]["function"] == "daily_delays"
    assert "result" not in shown.runs[0]


def test_nothing_is_followed_before_a_browser_shows_it() -> None:
    async def steps(shown: Shown) -> None:
        assert not shown.following

    assert story(steps).stream.opened == 0


def test_pushed_events_reach_the_browser() -> None:
    async def steps(shown: Shown) -> None:
        shown.views(+1)
        shown.stream.push("run", {**RUN, "id": "2", "state": "dead", "error": {"type": "E", "message": "m", "x": 1}})
        shown.stream.push("function", {**FUNCTION, "cost_usd": "0.5"})
        await until(lambda: shown.cost_usd == "0.5" and len(shown.runs) == 2)
        dead = next(run for run in shown.runs if run["id"] == "2")
        assert dead["error"] == {"type": "E", "message": "m"}

    story(steps)


def test_when_the_service_comes_back_everything_is_listed_again() -> None:
    async def steps(shown: Shown) -> None:
        shown.views(+1)
        shown.stream.push("service", {"running": False})
        await until(lambda: not shown.running)
        shown.client.rows = [{**RUN, "id": "9"}]
        shown.stream.push("service", {"running": True})
        await until(lambda: shown.running and [run["id"] for run in shown.runs] == ["9"])

    story(steps)


def test_a_service_that_goes_while_it_is_listed_only_shows_as_gone() -> None:
    async def steps(shown: Shown) -> None:
        shown.client.gone = True
        shown.views(+1)
        shown.stream.push("service", {"running": True})
        await until(lambda: not shown.running)
        assert shown.following

    story(steps)


def test_it_follows_while_any_browser_shows_it_and_no_longer() -> None:
    async def steps(shown: Shown) -> None:
        shown.views(+1)
        shown.views(+1)
        await until(lambda: shown.stream.opened == 1)
        shown.views(-1)
        assert shown.following
        shown.views(-1)
        assert not shown.following
        await until(lambda: shown.stream.closed == 1)
        shown.views(+1)
        await until(lambda: shown.stream.opened == 2)

    assert story(steps).stream.closed == 2


def test_closing_stops_the_task() -> None:
    async def steps(shown: Shown) -> None:
        shown.views(+1)
        await until(lambda: shown.stream.opened == 1)

    shown = story(steps)
    assert (shown.following, shown.stream.closed) == (False, 1)


def test_shown_in_a_notebook_there_are_two_outputs_and_the_first_is_kept_up_to_date(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outputs: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []

    class Handle:
        def update(self, bundle: dict[str, Any], raw: bool) -> None:
            assert raw
            updates.append(bundle)

    def display(bundle: dict[str, Any], **kwargs: Any) -> Handle:
        outputs.append(bundle)
        return Handle()

    monkeypatch.setattr("IPython.display.display", display)

    async def steps(shown: Shown) -> None:
        shown._ipython_display_()
        shown.views(+1)
        shown.stream.push("function", {**FUNCTION, "name": "newcomer"})
        await until(lambda: len(shown.functions) == 2)

    shown = story(steps)
    twin, live = outputs
    assert shown.twin in twin["text/html"]
    assert "text/html" not in live
    assert "application/vnd.jupyter.widget-view+json" in live
    assert "newcomer" in updates[-1]["text/html"]


def test_script_and_style_ship_with_the_package_and_fetch_nothing() -> None:
    folder = Path(module_export.__code__.co_filename).parent
    for name in ("dashboard.js", "dashboard.css"):
        text = (folder / name).read_text()
        assert "http:" not in text
        assert "https:" not in text


def test_the_function_of_the_package_makes_one() -> None:
    assert isinstance(dashboard(FakeClient()), Dashboard)  # type: ignore[arg-type]
