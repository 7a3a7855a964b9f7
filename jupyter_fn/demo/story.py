"""The demo from the first file to the last check."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from ..client.address import resolve_home
from ..client.client import Client
from ..client.tables import Row
from ..model.errors import FnError
from ..model.run import TERMINAL
from ..model.units import format_duration, iso, parse_time
from . import checks
from .cells import CLEAN, MONTHLY, draft
from .checks import Check
from .flights import Place, Year, load
from .patience import patient
from .screen import Bars, Lines, Screen, Standing

T = TypeVar("T")
_LOOK_S = 0.25  # between two looks at the counts
_STALLED_S = 180.0
_QUIET_LIMIT_S = 60.0
_MORE = 100  # runs looked at beyond those expected, so that a surplus would be seen


def play(home: Path, keep: str | None) -> None:
    """See `demo.run`."""
    screen = Screen()
    screen.note("Reading the flights of 2013 …")
    year = load()
    with _folder(keep) as folder, closing(Client(home)) as client:
        Demo(client, Place(folder), year, screen).play()
    screen.say(_farewell(keep, home))


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    if keep is not None:
        yield Path(keep).expanduser().absolute()
        return
    with tempfile.TemporaryDirectory(prefix="jupyter-fn-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _farewell(keep: str | None, home: Path) -> str:
    which = "" if home == resolve_home() else f" --home {home}"
    lines = [f"Everything lies in {keep}: landing, clean, report, weather.parquet."] if keep else []
    lines += [
        f"Functions and history stay in {home}. Look at them:",
        *(f"  jupyter fn {words}{which}" for words in ("ls", f"runs {CLEAN} --last 10", "cost --by function")),
        f"The service goes on in the background. To end it: jupyter fn stop{which}",
    ]
    return "\n".join(lines)


class Demo:
    """One telling, in one folder, with the service of one home."""

    def __init__(self, client: Client, place: Place, year: Year, screen: Screen) -> None:
        self.client = client
        self.place = place
        self.year = year
        self.screen = screen
        self.days = {day: len(flights) for day, flights in year.days()}

    def play(self) -> None:
        """The whole of it.

        Raises:
            FnError: it did not come to an end, or not to the right one.
        """
        self.place.prepare(self.year.weather)
        self.publish()
        self.wait_for_quiet()
        began, clock = time.time(), time.monotonic()
        self.work()
        taken = format_duration(time.monotonic() - clock)
        since = str(iso(began))
        self.screen.say(f"\n{len(self.days)} days of {len(self.year.flights):,} flights in {taken}.\n")
        self.screen.months(self.place.monthly())
        cost = self.ask(partial(self.client.cost, by="function", since=since))
        self.screen.say("")
        self.screen.show(cost)
        self.screen.say("")
        self.verify(since)

    def ask(self, verb: Callable[[], T]) -> T:
        """A verb of the client, with patience."""
        return patient(verb, tell=self.screen.note)

    def publish(self) -> None:
        """Both cells; a function that somebody has paused goes on."""
        for name in (CLEAN, MONTHLY):
            made = draft(name, self.place.folder)
            answer = self.ask(partial(self.client.publish, made))
            if self.ask(partial(self.client.function, name)).get("state") == "paused":
                self.ask(partial(self.client.resume, name))
            number, on = answer["version"].get("number"), ", ".join(made.options.on)
            self.screen.say(f"Published {name}, version {number}, on {on}")
        self.screen.say(f"Files arrive in {self.place.landing}")

    def wait_for_quiet(self) -> None:
        """What an earlier demo left in the queue must not be counted for this one."""
        end = time.monotonic() + _QUIET_LIMIT_S
        while any(_pending(self.counts(name)) for name in (CLEAN, MONTHLY)):
            if time.monotonic() > end:
                raise FnError(
                    f"Runs of an earlier demo are still open in {self.client.home}.",
                    f"Wait until `jupyter fn runs {CLEAN}` shows their end, or use another --home.",
                )
            time.sleep(_LOOK_S)

    def counts(self, name: str) -> Row:
        """Runs of a function by state, and what they cost."""
        facts = self.ask(partial(self.client.function, name))
        return Row({**(facts.get("runs") or {}), "cost_usd": Decimal(str(facts.get("cost_usd") or 0))})

    def work(self) -> None:
        """Let the files arrive and follow until everything that came of them has ended."""
        before = {name: self.counts(name) for name in (CLEAN, MONTHLY)}

        def look(arrived: int) -> Standing:
            return _standing(arrived, before, {name: self.counts(name) for name in before})

        with self.screen.following(len(self.days)) as shown:
            self.arrive(look, shown)
            self.follow(look, shown)

    def arrive(self, look: Callable[[int], Standing], shown: Bars | Lines) -> None:
        """One file per day, as fast as they can be written."""
        looked = 0.0
        for arrived, (day, flights) in enumerate(self.year.days(), start=1):
            self.place.arrive(day, flights)
            if time.monotonic() - looked > _LOOK_S:
                shown.tell(look(arrived))
                looked = time.monotonic()

    def follow(self, look: Callable[[int], Standing], shown: Bars | Lines) -> None:
        """Until each day has ended, and what follows the good ones too."""
        last, moved = Standing(), time.monotonic()
        while True:
            standing = look(len(self.days))
            shown.tell(standing)
            if standing.cleaned + standing.failed >= len(self.days) and standing.reported >= standing.cleaned:
                return
            if standing != last:
                last, moved = standing, time.monotonic()
            if time.monotonic() - moved > _STALLED_S:
                raise FnError(
                    f"Nothing has moved for {format_duration(_STALLED_S)}: {standing.cleaned} of {len(self.days)} days "
                    f"cleaned, {standing.reported} reported.",
                    f"Look with `jupyter fn runs {CLEAN}`, and into {self.client.home / 'service.log'}.",
                )
            time.sleep(_LOOK_S)

    def verify(self, since: str) -> None:
        """Say what was checked.

        Raises:
            FnError: something does not hold.
        """
        runs = {name: self.runs(name, since) for name in (CLEAN, MONTHLY)}
        made = [
            checks.every_day_once(runs[CLEAN], list(self.days)),
            checks.all_succeeded(runs[MONTHLY], len(self.days)),
            checks.whole_files(self.parquet_rows(), self.days),
            checks.same_totals(self.place.monthly(), self.year.monthly()),
            *(checks.balanced(name, self.ask(partial(self.client.audit, name))) for name in runs),
            *(self.exact_cost(name, since, found) for name, found in runs.items()),
        ]
        self.screen.checks(made)
        self.screen.say("")
        _demand(made)

    def runs(self, name: str, since: str) -> list[Row]:
        """The runs that were made since then."""
        rows = self.ask(partial(self.client.runs, name, last=len(self.days) + _MORE))
        return [run for run in rows if parse_time(run["created"]) >= parse_time(since)]

    def exact_cost(self, name: str, since: str, runs: Sequence[Row]) -> Check:
        """Of one function since then."""
        return checks.exact_cost(name, runs, self.ask(partial(self.client.cost, name, since=since)))

    def parquet_rows(self) -> dict[str, int]:
        """Rows per file that lies in `clean`."""
        import pyarrow.parquet as pq

        return {path.stem: pq.read_metadata(path).num_rows for path in sorted(self.place.clean.iterdir())}


def _pending(counts: Row) -> int:
    return sum(count for state, count in counts.items() if state not in TERMINAL and state != "cost_usd")


def _standing(arrived: int, before: dict[str, Row], now: dict[str, Row]) -> Standing:
    def more(name: str, state: str) -> int:
        return int(now[name].get(state, 0)) - int(before[name].get(state, 0))

    bad = [state for state in TERMINAL if state != "succeeded"]
    return Standing(
        arrived=arrived,
        cleaned=more(CLEAN, "succeeded"),
        reported=more(MONTHLY, "succeeded") + sum(more(MONTHLY, state) for state in bad),
        failed=sum(more(CLEAN, state) for state in bad),
        cost_usd=sum((now[name]["cost_usd"] - before[name]["cost_usd"] for name in now), Decimal(0)),
    )


def _demand(made: Sequence[Check]) -> None:
    wrong = [check for check in made if not check.holds]
    if wrong:
        found = "; ".join(f"{check.claim}: {check.found}" for check in wrong)
        raise FnError(f"{len(wrong)} of {len(made)} checks did not hold: {found}.", "This is a bug; please report it.")
