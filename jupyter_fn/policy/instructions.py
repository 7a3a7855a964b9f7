"""What `policy.lifecycle.advance` asks for: rows that go with the new run, and what is done after the commit."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.run import Attempt, Record, Run, Staged


@dataclass(frozen=True, slots=True)
class RecordAttempt:
    """Append this row, in the transaction of the new run."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class EmitRecords:
    """Append these to their topics, in the transaction of the new run."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class PublishFiles:
    """Put these in place, then say `Published` or `PublishFailed`. May come twice for the same files."""

    staged: tuple[Staged, ...]


@dataclass(frozen=True, slots=True)
class Discard:
    """Remove these staged files; those that are gone already are no error."""

    staged: tuple[Staged, ...]


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill that attempt on that worker."""

    worker: str
    run_id: str
    token: int


@dataclass(frozen=True, slots=True)
class WakeAt:
    """The run may be claimed from then on (epoch seconds)."""

    due: float


@dataclass(frozen=True, slots=True)
class MakeRuns:
    """Store these, in the transaction of the new run: the run that was split lives on in them."""

    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send the record of that run to these destinations: enter it in the transaction of the new run."""

    run: Run
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Park:
    """The ordered lane of that run goes on no further, in the transaction of the new run."""

    run: Run


@dataclass(frozen=True, slots=True)
class Halt:
    """The function of that run is paused, in the transaction of the new run."""

    run: Run


@dataclass(frozen=True, slots=True)
class Finished:
    """The run has become terminal."""


Instruction = (
    RecordAttempt | EmitRecords | PublishFiles | Discard | Kill | WakeAt | MakeRuns | Deliver | Park | Halt | Finished
)
