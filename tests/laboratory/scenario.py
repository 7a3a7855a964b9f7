"""What a scenario is: functions, what happens to them, and what must be true of them at the end.

A new option of the product comes into the laboratory as a new module in `scenarios/`, with one class that stands in
`scenarios.ALL`.
"""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, ClassVar, Protocol, TypeVar

from jupyter_fn.engine.engine import Engine
from jupyter_fn.model.function import Options
from jupyter_fn.model.ids import digest_json
from jupyter_fn.model.version import Bundle, Draft

from .clock import Time
from .folder import Folder
from .world import Nature, World

T = TypeVar("T")
_ROOMS = ("operations", "invocations", "redrives", "cancellations", "replays")


def draft(name: str, source: str = "def handler(event): ...", **options: Any) -> Draft:
    """A function, ready to be published. Its code is never run: the world decides what its attempts do."""
    known = Options(**options)
    return Draft(
        function=name,
        bundle=Bundle(kind="cell", source=source, handler="handler", filename=f"<fn {name}>"),
        options=known,
        folder="/laboratory",
        python=platform.python_version(),
        packages={},
        captured=(),
        digest=digest_json([source, known.to_dict()]),
    )


def verb(engine: Engine, name: str) -> Any:
    """A verb of the API, in whichever room of the engine it lives."""
    rooms = (getattr(engine, room, None) for room in _ROOMS)
    return next(found for room in rooms if (found := getattr(room, name, None)) is not None)


class Stage(Protocol):
    """What a scenario can do."""

    chance: Random
    time: Time
    world: World
    folder: Folder

    def ask(
        self,
        what: str,
        question: Callable[[Engine], Awaitable[T]],
        heard: Callable[[T], None] = ...,
        *,
        insist: bool = False,
    ) -> None:
        """Somebody asks the service, if there is one; `heard` gets the answer, if one comes. Who insists asks again until
        it does."""

    def number(self) -> int:
        """One that no other event of the history has."""

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What the store holds, seen from outside."""

    def note(self, text: str) -> None:
        """For the history."""

    def require(self, guarantee: str, holds: bool, what: str) -> None:
        """Raises Broken when it does not hold."""


class Scenario:
    """One part of a history."""

    drafts: ClassVar[Sequence[Draft]] = ()
    natures: ClassVar[Mapping[str, Nature]] = {}
    settings: ClassVar[Mapping[str, Any]] = {}  # of the service, where they are not the usual ones

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def acts(self) -> Sequence[Callable[[], None]]:
        """What may happen at any time, any number of times; those that stand here twice are twice as likely."""
        return ()

    def commit(self) -> None:
        """Calls `require` for what must be true after every COMMIT."""

    def calm_down(self) -> None:
        """From now on all shall come to an end."""

    def settled(self) -> bool:
        """All that has happened outside has reached the ledger."""
        return True

    def check(self) -> None:
        """Calls `require` for all that must be true at the end."""
