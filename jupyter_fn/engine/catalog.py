"""What never changes of versions, kept in memory; and functions with their limits, which do change.

Everything is read inside the caller's transaction, so a claim sees the limit that was committed before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from ..model.cost import PriceBook
from ..model.errors import FnError
from ..model.function import LIVE, Function
from ..model.run import Run
from ..model.trigger import Trigger
from ..model.version import Version
from ..policy.admission import Limits
from ..policy.filters import Filter, filter_of
from ..policy.lines import Lines, lines_of
from ..policy.loops import place_of
from ..policy.verdict import Rules, rules_of
from ..runtime.assignment import Terms
from ..sources import registry
from ..store import bell, functions, triggers


@dataclass(frozen=True, slots=True)
class Entry:
    """A version, with what is derived from it."""

    version: Version
    rules: Rules
    terms: Terms  # as workers hear of it
    lines: Lines
    blank: Run  # what all its runs have in common
    filter: Filter | None  # which events it handles; None = all


class Catalog:
    """Versions by function and number. Safe to use from the writer's and the readers' threads."""

    def __init__(self, book: PriceBook) -> None:
        self.book = book
        self._entries: dict[tuple[str, int], Entry] = {}
        self._functions: dict[str, Function] = {}
        self._limits: dict[str, Limits] | None = None
        self._names: frozenset[str] | None = None
        self._changes = 0
        self._globs: tuple[str, ...] | None = None

    def function(self, conn: Connection, name: str) -> Function:
        """A function with its aliases. Raises NotFound."""
        self._keep_up(conn)
        found = self._functions.get(name)
        if found is None:
            found = self._functions[name] = functions.get(conn, name)
        return found

    def entry(self, conn: Connection, function: str, number: int) -> Entry:
        """One version. Raises NotFound."""
        found = self._entries.get((function, number))
        if found is None:
            version = functions.version(conn, function, number)
            options = version.options
            rules, lines = rules_of(options, book=self.book), lines_of(options)
            found = Entry(version, rules, _terms(version), lines, _blank(version, self.book), filter_of(options))
            self._entries[function, number] = found
        return found

    def of_run(self, conn: Connection, run: Run) -> Entry:
        """The version that handles a run."""
        return self.entry(conn, run.function, run.version)

    def limits(self, conn: Connection) -> dict[str, Limits]:
        """Function → most runs at once, as the live version says; functions without limits are left out. For ops of the
        writer only: they see what was committed last, so what they find may be kept."""
        self._keep_up(conn)
        if self._limits is None:
            self._limits = self.read_limits(conn)
        return self._limits

    def read_limits(self, conn: Connection) -> dict[str, Limits]:
        """The same for readers, whose moment may be past."""
        found = {function.name: self._limit(conn, function) for function in functions.list_all(conn)}
        return {name: limits for name, limits in found.items() if limits != Limits()}

    def read_kept(self, conn: Connection) -> dict[str, tuple[Terms, int]]:
        """Function → the terms of its live version, and how many environments are to be ready by them; for readers. Those
        that are paused, or want none, are left out."""
        found = {}
        for function in functions.list_all(conn):
            number = live_version(function)
            entry = self.entry(conn, function.name, number) if number and function.state == "active" else None
            if entry is not None and entry.version.options.warm:
                found[function.name] = entry.terms, entry.version.options.warm
        return found

    def globs(self, conn: Connection) -> tuple[str, ...]:
        """What the file triggers of all functions take: absolute patterns of paths and URLs. For ops of the writer only."""
        if self._globs is None:
            watched = (_glob(trigger) for trigger in triggers.list_known(conn))
            self._globs = tuple({place_of(glob) for glob in watched if glob})
        return self._globs

    def names(self, conn: Connection) -> frozenset[str]:
        """Every function that is not removed. For ops of the writer, as `limits`."""
        self._keep_up(conn)
        if self._names is None:
            self._names = frozenset(function.name for function in functions.list_all(conn))
        return self._names

    def _keep_up(self, conn: Connection) -> None:
        """Another service may have changed functions before this transaction."""
        changes = bell.changes(conn)
        if changes is not None and changes != self._changes:
            self.forget_functions()
            self._changes = changes

    def forget_functions(self) -> None:
        """A function is being published or removed, or an alias moved. To be called first thing in that op, which may be
        carried out again because its transaction was undone, and after it."""
        self._functions.clear()
        self._limits = None
        self._names = None
        self._globs = None

    def forget_version(self, function: str, number: int) -> None:
        """It is being made now, so one of that number that was read before was undone."""
        self._entries.pop((function, number), None)

    def _limit(self, conn: Connection, function: Function) -> Limits:
        number = live_version(function)
        return self.entry(conn, function.name, number).lines.limits if number else Limits()


def _blank(version: Version, book: PriceBook) -> Run:
    return Run(
        id="",
        function=version.function,
        version=version.number,
        alias="",
        trigger="",
        event_id="",
        created=0.0,
        memory_mb=version.options.memory_mb,
        price_book=book.name,
    )


def live_version(function: Function, alias: str = LIVE) -> int:
    """The version that `live`, or another alias, mostly points at; 0 when there is none."""
    weights = function.aliases.get(alias) or {}
    return max(weights, key=lambda number: (weights[number], number), default=0)


def _glob(trigger: Trigger) -> str:
    try:
        return registry.watched(trigger)
    except FnError:  # what it needs is not installed any more
        return ""


def _terms(version: Version) -> Terms:
    options = version.options
    return Terms(
        function=version.function,
        version=version.number,
        bundle=version.bundle,
        folder=version.folder,
        timeout_s=options.timeout_s,
        memory_mb=options.memory_mb,
        env=dict(options.env),
        watched=_watched(version),
        packages=version.packages,
        python=version.python,
        lock=options.lock,
    )


def _watched(version: Version) -> tuple[str, ...]:
    options = version.options
    if options.allow_loop:
        return ()
    globs = (registry.watched(registry.check(text, version.folder)) for text in options.on)
    return tuple(glob for glob in globs if glob)
