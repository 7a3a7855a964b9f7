"""What is known of one thing, showing itself: a function, a cost summary, an audit, an explanation, the service.

Each is the API's JSON object (a dict whose keys are attributes) with a text, an HTML and a DataFrame form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..model.codec import dumps
from . import html, readable
from .tables import COSTS, WORKERS, Column, Row, frame, html_table, plain, rich_table

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType


class Facts(Row):
    """One object; subclasses say it in lines."""

    def lines(self) -> list[str]:
        """What a person wants to know, line by line."""
        return [f"{key}: {readable.text(value)}" for key, value in self.items()]

    def __repr__(self) -> str:
        return plain(self.__rich__())

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text("\n".join(self.lines()))

    def _repr_html_(self) -> str:
        return "".join(html.paragraph(line) for line in self.lines())

    def to_pandas(self) -> pd.DataFrame:
        """The object as a frame of one row."""
        return frame([self])


class Cost(Facts):
    """A cost summary: `total_usd`, `by`, `cluster`, `prices`."""

    def lines(self) -> list[str]:
        """The total, then what the cluster did meanwhile."""
        cluster = self.get("cluster") or {}
        shares = [f"{name} {readable.seconds(cluster.get(f'{name}_s'))}" for name in ("worker", "busy", "idle")]
        book = (self.get("prices") or {}).get("active")
        return [
            f"Total {readable.dollars(self.get('total_usd'))}" + (f" at {book} prices" if book else ""),
            f"Cluster: {', '.join(shares)}, {readable.dollars(cluster.get('cost_usd'))}",
        ]

    def __rich__(self) -> RenderableType:
        from rich.console import Group

        return Group(rich_table(COSTS, self["by"]), *self.lines()) if self.get("by") else super().__rich__()

    def _repr_html_(self) -> str:
        return (html_table(COSTS, self["by"]) if self.get("by") else "") + super()._repr_html_()

    def to_pandas(self) -> pd.DataFrame:
        """One row per key of `by`."""
        return frame(self.get("by", ()), columns=COSTS)


class Audit(Facts):
    """A source listing against the ledger; the columns sum."""

    def lines(self) -> list[str]:
        """One equation, and whether it holds."""
        parts = " + ".join(
            f"{self.get(name, 0)} {name}" for name in ("done", "pending", "dead", "skipped", "superseded")
        )
        verdict = "balanced" if self.get("balanced") else "NOT balanced"
        return [f"{self.get('observed', 0)} observed = {parts}: {verdict}."]


class Explanation(Facts):
    """Why something did or did not run."""

    def lines(self) -> list[str]:
        """The subject and the sentences."""
        return [f"{readable.text(self.get('subject'))}:", *(f"  {sentence}" for sentence in self.get("sentences", ()))]

    def to_pandas(self) -> pd.DataFrame:
        """One row per sentence."""
        return frame({"subject": self.get("subject"), "sentence": s} for s in self.get("sentences", ()))


_SHOWN_IDS = 20


class Redrive(Facts):
    """What running something again did, or would do: `count`, `bytes`, `estimated_cost_usd`, `runs`."""

    def lines(self) -> list[str]:
        """Count, bytes and money, then the runs."""
        made = self.get("runs", ())
        verb = "would make" if self.get("count", 0) > len(made) else "made"
        estimate = self.get("estimated_cost_usd")
        cost = "unknown, for nothing has run yet" if estimate is None else readable.dollars(estimate)
        rest = [f"… and {len(made) - _SHOWN_IDS} more."] if len(made) > _SHOWN_IDS else []
        return [
            f"{self._of()}{verb} {self.get('count', 0)} runs over {readable.size(self.get('bytes')) or '0 B'}, "
            f"estimated cost {cost}.",
            *made[:_SHOWN_IDS],
            *rest,
        ]

    def _of(self) -> str:
        return ""

    def to_pandas(self) -> pd.DataFrame:
        """One row per run that was made."""
        return frame(({"id": run_id} for run_id in self.get("runs", ())), columns=(Column("id", "run"),))


class Replay(Redrive):
    """The same of past events; its id is under `replay`."""

    def _of(self) -> str:
        return f"Replay {self.get('replay')}: "


class Backfill(Redrive):
    """The same of what was there before; the trigger in whose ledger it stands is under `trigger`."""

    def _of(self) -> str:
        return f"Backfill of {self.get('trigger')}: "


class Status(Facts):
    """The service: where, since when, with which workers."""

    def lines(self) -> list[str]:
        """Where it answers and what it does."""
        return [
            f"Running at {self.get('url')} (pid {self.get('pid')}, version {self.get('version')}) "
            f"since {readable.when(self.get('started'))}.",
            f"Home {self.get('home')}, cluster {self.get('cluster')}.",
            f"{self.get('functions', 0)} functions, {self.get('queued', 0)} runs queued, "
            f"{self.get('running', 0)} running, {len(self.get('workers', ()))} workers.",
        ]

    def __rich__(self) -> RenderableType:
        from rich.console import Group

        workers = self.get("workers")
        return Group(*self.lines(), rich_table(WORKERS, workers)) if workers else super().__rich__()

    def to_pandas(self) -> pd.DataFrame:
        """One row per worker."""
        return frame(self.get("workers", ()), columns=WORKERS)


class FunctionFacts(Facts):
    """One function with its live version: options, captured values, triggers, source."""

    def items_shown(self) -> list[tuple[str, str]]:
        """Names and values for people, in the order to read them."""
        version = self.live
        options = version.get("options", {})
        return [
            ("aliases", self._aliases()),
            ("triggers", readable.triggers(self.get("triggers"))),
            ("rests", readable.text(self.get("rests"))),
            ("runs", readable.counts(self.get("runs"))),
            ("cost", readable.dollars(self.get("cost_usd"))),
            ("memory", readable.megabytes(options.get("memory_mb"))),
            ("timeout", readable.seconds(options.get("timeout_s")) if options else ""),
            ("filter", readable.text(options.get("filter"))),
            ("captured", ", ".join(_captured(version.get("captured", ())))),
            ("packages", readable.pairs(version.get("packages"))),
            ("locked to", ", ".join(options.get("lock", ()))),
            ("folder", readable.text(version.get("folder"))),
            ("tags", readable.pairs(self.get("tags"))),
            (
                "parked",
                ", ".join(f"{one['key']} by run {readable.short_id(one['run'])}" for one in self.get("parked") or ()),
            ),
        ]

    @property
    def live(self) -> Mapping[str, Any]:
        """The JSON of the version that `live` points at."""
        version = self.get("version")
        return version if isinstance(version, Mapping) else {}

    @property
    def title(self) -> str:
        """`"daily_delays · version 3"`."""
        return f"{self.get('name')} · version {self.live.get('number', self.get('latest'))}"

    def summary(self) -> str:
        """One line: the state and where the aliases point."""
        return f"{self.get('name')} is {self.get('state')}; {self._aliases() or 'no aliases'}."

    @property
    def source(self) -> str:
        """The live version's source."""
        return str(self.live.get("source", ""))

    def lines(self) -> list[str]:
        """The title, then one line per fact."""
        shown = [(name, value) for name, value in self.items_shown() if value]
        return [f"{self.title} · {self.get('state')}", *(f"  {name:9} {value}" for name, value in shown)]

    def __rich__(self) -> RenderableType:
        from rich.text import Text

        return Text("\n".join([*self.lines(), "", *(f"    {line}" for line in self.source.splitlines())]))

    def _repr_html_(self) -> str:
        return html.card(
            self.title,
            html.facts(self.items_shown()),
            html.folded("Source", html.code(self.source)),
            note=readable.text(self.get("state")),
        )

    def _aliases(self) -> str:
        return ", ".join(f"{alias} → {readable.weights(w)}" for alias, w in (self.get("aliases") or {}).items())


def _captured(values: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"{item['name']} = {readable.text(item.get('preview'))}" for item in values]


class RunFacts(Facts):
    """One run with its attempts, its event and its effects."""

    def items_shown(self) -> list[tuple[str, str]]:
        """Names and values for people, in the order to read them."""
        return [
            ("function", f"{self.get('function')} version {self.get('version')}"),
            ("trigger", readable.text(self.get("trigger"))),
            ("reason", readable.text(self.get("reason"))),
            ("created", readable.when(self.get("created"))),
            ("ended", readable.when(self.get("ended"))),
            ("duration", readable.milliseconds(self.get("duration_ms"))),
            ("memory", readable.megabytes(self.get("max_memory_mb"))),
            ("cost", readable.dollars(self.get("cost_usd"))),
            ("worker", readable.text(self.get("worker"))),
            ("event", readable.text(self.get("event"))),
            ("result", "" if self.get("result") is None else dumps(self["result"])),
            ("effects", readable.effects(self.get("effects"))),
            ("sent to", readable.deliveries(self.get("deliveries"))),
        ]

    def lines(self) -> list[str]:
        """The id and the state, then one line per fact, then each attempt, then the remote traceback."""
        shown = [f"  {name:9} {value}" for name, value in self.items_shown() if value]
        attempts = [
            f"  attempt {a.get('number')}: {a.get('state')} {readable.error(a.get('error'))}".rstrip()
            for a in self.get("attempts_list", ())
        ]
        failed = self.get("error") or {}
        traceback = str(failed.get("traceback") or readable.error(failed)).rstrip().splitlines()
        return [f"Run {self.get('id')} {self.get('state')}", *shown, *attempts, *traceback]

    def _repr_html_(self) -> str:
        failed = self.get("error") or {}
        traceback = str(failed.get("traceback") or readable.error(failed))
        parts = [html.facts(self.items_shown()), *([html.code(traceback)] if traceback else [])]
        return html.card(f"Run {self.get('id')}", *parts, note=str(self.get("state")))
