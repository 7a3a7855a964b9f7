"""What can happen to a run: the stimuli of `policy.lifecycle.advance`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..model.run import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Claimed:
    """The run is given to a worker. Ignored before `due`."""

    worker: str


@dataclass(frozen=True, slots=True)
class Returned:
    """The claim never reached its worker; it counts neither as an attempt nor as a loss."""

    token: int


@dataclass(frozen=True, slots=True)
class Started:
    """User code runs, since `at` (epoch seconds). A second start of the same token is ignored."""

    token: int
    at: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The environment's word on one attempt."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Published:
    """All staged files are in place."""

    token: int


@dataclass(frozen=True, slots=True)
class PublishFailed:
    """The staged files cannot be put in place; `error` as `RunError.to_dict()` gives it. Counts as a failed attempt."""

    token: int
    error: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lost:
    """That worker is gone, with everything it held."""

    worker: str


@dataclass(frozen=True, slots=True)
class Recovered:
    """A new service found the run in its store: nobody works on it any more. Never makes a run dead."""


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """Somebody does not want this run any more. Too late once it is publishing."""


@dataclass(frozen=True, slots=True)
class EffectEntered:
    """The attempt is about to pass an effect barrier. What it does behind it is not to be done twice."""

    token: int
    name: str


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """The moment for which the run waits may lie farther away than it should."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """A newer version of the run's file was admitted, and only the latest one counts. Too late once a worker has the run."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A run that has not begun will not be begun any more."""

    reason: Reason
    error: Mapping[str, Any]  # `RunError.to_dict()`


Stimulus = (
    Claimed
    | Returned
    | Started
    | Ended
    | Published
    | PublishFailed
    | Lost
    | Recovered
    | CancelRequested
    | EffectEntered
    | ClockSetBack
    | Superseded
    | GivenUp
)
