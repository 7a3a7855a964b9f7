"""`fn.dashboard()`: functions, recent runs and their cost, live in a notebook, with a static twin that stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from ..client import html
from ..client.client import Client
from ..client.following import follow_frames
from ..client.readable import dollars
from ..client.sse import Pushed, parse_events
from ..client.tables import FUNCTIONS, RUNS, Table
from ..model.errors import FnError
from .board import MOST_ENDED, MOST_LIVE, Board
from .gathering import Gathered

_HERE = Path(__file__).parent
_DRAW_S = 0.1  # however much happens, the browser is told this seldom
_KEEP_S = 5.0  # and the static twin, which is saved with the notebook, this seldom
_RUNS = tuple(c for c in RUNS if c.key in ("function", "state", "created", "duration_ms", "cost_usd", "error"))


def dashboard(client: Client) -> Dashboard:
    """A live view of the service of `client`.

    It shows itself at the end of a cell and follows until it is closed or no notebook shows it any more. What it
    showed last stays in the notebook as HTML, over restarts and exports.

    Raises:
        FnError: the service cannot be asked.
    """
    return Dashboard(client)


class Dashboard(anywidget.AnyWidget):
    """The live view. While a browser shows it, a task on the kernel's own loop follows the service."""

    _esm = _HERE / "dashboard.js"
    _css = _HERE / "dashboard.css"
    functions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    runs: traitlets.List[Any] = traitlets.List().tag(sync=True)
    cost_usd = traitlets.Unicode("0").tag(sync=True)
    running = traitlets.Bool(True).tag(sync=True)  # is there a service?
    twin = traitlets.Unicode().tag(sync=True)  # CSS class of the static twin, which the live view hides

    def __init__(self, client: Client, *, follow: Callable[[Path], AsyncGenerator[str, None]] = follow_frames) -> None:
        super().__init__()
        self.twin = f"jupyter-fn-twin-{self.model_id}"
        self._client = client
        self._follow = follow
        self._board = Board()
        self._task: asyncio.Task[None] | None = None
        self._views = 0
        self._kept: Any = None  # the display of the static twin
        self._draw = Gathered(self._tell, delay_s=_DRAW_S)
        self._keep = Gathered(self._save, delay_s=_KEEP_S)
        self._board.fill(*self._listing())
        self._tell()
        self.on_msg(self._heard)

    @property
    def following(self) -> bool:
        """Whether the view is live."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin, or go on, to follow the service. Needs a running loop."""
        if not self.following:
            self._task = asyncio.get_running_loop().create_task(self._live())

    def stop(self) -> None:
        """Stop to follow. What is shown stays, and is written into the notebook."""
        if self._task:
            self._task.cancel()
            self._task = None
            self._draw.forget()
            self._keep.now()

    def close(self) -> None:
        """Stop, and take the live view away; its static twin stays."""
        self.stop()
        super().close()

    def to_html(self) -> str:
        """The static twin: the same facts, in HTML that needs no script."""
        moment = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        note = f"{dollars(self._board.cost_usd)} so far · as of {moment}"
        tables = (_wide(table._repr_html_()) for table in self._tables())
        return f'<div class="{self.twin}">{html.card("Functions and runs", *tables, note=note)}</div>'

    def to_text(self) -> str:
        """The same facts as text."""
        return "\n\n".join([*map(repr, self._tables()), f"Total {dollars(self._board.cost_usd)}"])

    def _tables(self) -> tuple[Table, Table]:
        return (
            Table(self._board.functions, FUNCTIONS, empty="No functions yet."),
            Table(self._board.runs, _RUNS, empty="No runs yet."),
        )

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shown, metadata = super()._repr_mimebundle_() or ({}, {})
        return {**shown, **self._static()}, metadata

    def _ipython_display_(self, **_: Any) -> None:
        """Two outputs: JupyterLab prefers a widget to its HTML even when the widget is gone after a restart.

        The live view hides its twin for as long as it is there.
        """
        from IPython.display import display

        self._kept = display(self._static(), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        shown, metadata = super()._repr_mimebundle_() or ({}, {})
        live = {**shown, "text/plain": ""}
        display(live, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]

    def _static(self) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": self.to_text()}

    def _listing(self) -> tuple[Table, Table]:
        return self._client.functions(), self._client.runs(last=MOST_LIVE + MOST_ENDED)

    async def _live(self) -> None:
        async with aclosing(self._follow(self._client.home)) as frames:
            async for frame in frames:
                for pushed in parse_events(frame.split("\n")):
                    await self._take(pushed)
                self._draw.wish()
                self._keep.wish()

    async def _take(self, pushed: Pushed) -> None:
        if pushed.event != "service":
            self._board.take(pushed.event, pushed.data)
            return
        self.running = pushed.data["running"]
        if self.running:
            try:
                # The stream is open already, so nothing is missed between the listing and what is pushed after it.
                self._board.fill(*await asyncio.to_thread(self._listing))
            except FnError:
                self.running = False  # gone again meanwhile; the stream will say when it is back

    def _tell(self) -> None:
        with self.hold_sync():
            self.functions = [dict(each) for each in self._board.functions]
            self.runs = [_brief(run) for run in self._board.runs]
            self.cost_usd = self._board.cost_usd

    def _save(self) -> None:
        if self._kept:
            self._kept.update(self._static(), raw=True)

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """The browser says when it begins and when it ceases to show this."""
        self._views = max(0, self._views + int(content.get("views", 0)))
        if self._views:
            self.start()
        else:
            self.stop()


def _wide(table: str) -> str:
    """A table that scrolls where the notebook is narrow."""
    return f'<div style="overflow-x: auto">{table}</div>'


def _brief(run: Any) -> dict[str, Any]:
    """A run without what may be large and is not shown."""
    return {key: value for key, value in run.items() if key not in ("result", "error")} | {
        "error": {key: run["error"].get(key) for key in ("type", "message")} if run.get("error") else None
    }
