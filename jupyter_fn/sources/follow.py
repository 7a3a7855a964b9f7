"""Another function's finished runs as events: `fn:other`, `fn:other on=failure`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..model.event import NewEvent
from ..model.log import FinishedRun
from ..model.trigger import Trigger
from .options import GATHERED, Option, one_of
from .protocol import Asked, Look, Poll
from .wiring import Wiring, named

PAGE = 1000  # events in one transaction


class FollowSource:
    """One event per finished run; the run's id is its key.

    Position: the finish sequence number up to which everything is in the ledger. It starts at the first look: runs that
    finished before are not followed.
    """

    OPTIONS: ClassVar[Mapping[str, Option]] = {
        "on": Option(one_of("success", "failure"), "success", "which runs: succeeded ones, or those given up"),
        **GATHERED,
    }

    def __init__(self, wiring: Wiring) -> None:
        self._function = named(wiring.trigger, "function")
        self._source = wiring.trigger.target
        self._logs = wiring.logs
        self._failed = wiring.options["on"] == "failure"

    @classmethod
    def check(cls, trigger: Trigger, options: Mapping[str, Any]) -> None:
        """Refuse a name that no function can have; the function itself may be published later."""
        named(trigger, "function")

    def poll(self, position: Any, now: float) -> Poll:
        """The next page of finished runs."""
        if position is None:
            return Poll(events=[], position=self._logs.last_finished())
        finished = self._logs.finished(self._function, failed=self._failed, after=position, limit=PAGE)
        return Poll(
            events=[self._event(run) for run in finished],
            position=finished[-1].seq if finished else position,
            more=len(finished) == PAGE,
        )

    def past(self, asked: Asked, now: float) -> Iterator[Poll]:
        """Runs that ended in the span."""
        end = self._logs.last_finished() if asked.position is None else asked.position
        after, more = 0, True
        while more:
            finished = self._logs.finished(self._function, failed=self._failed, after=after, limit=PAGE)
            after = finished[-1].seq if finished else end
            more = len(finished) == PAGE and after < end
            wanted = [run for run in finished if run.seq <= end and asked.span.holds(run.ended)]
            yield Poll(events=[self._event(run) for run in wanted], position=None, more=more)

    def _event(self, run: FinishedRun) -> NewEvent:
        return NewEvent(
            key=run.run_id,
            type="function.failed" if self._failed else "function.succeeded",
            source=self._source,
            time=run.ended,
            data={"data": run.error if self._failed else run.result, "run": run.run_id},
            cause=run.run_id,
            hops=run.hops + 1,
        )

    @classmethod
    def watches(cls, trigger: Trigger) -> str:
        """No files."""
        return ""

    def listen(self, hint: Callable[[], None]) -> Callable[[], None] | None:
        """A hint per finished run."""
        return self._logs.listen(hint, function=self._function)

    def survey(self, now: float) -> Sequence[str] | None:
        """Where this trigger began is written in its position only."""
        return None

    def look(self, subject: str, now: float) -> Look:
        """A run's id; whether that run is there, its own function's history says."""
        ends = "is given up" if self._failed else "succeeds"
        return Look(key="", verdict=f"{self._source} makes an event of a run when it {ends}.", takes=False)
