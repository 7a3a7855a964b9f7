"""What the registry hands to a source when it builds one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ..model.function import check_name
from ..model.trigger import Trigger
from ..policy.filters import Filter
from .options import Option
from .protocol import Logs, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Everything a source is made of. `options` are read: every declared key is there, with its value."""

    trigger: Trigger
    options: Mapping[str, Any]
    logs: Logs
    wanted: Callable[[], Filter | None]  # which items go into batches now; asked at each look, for versions come and go
    poll_s: float  # look at least this often where there are hints
    remote_poll_s: float  # and this often where there are none


class SourceClass(Protocol):
    """What a class in the registry offers besides `protocol.Source`. Its constructor does no I/O."""

    OPTIONS: ClassVar[Mapping[str, Option]]

    def __call__(self, wiring: Wiring) -> Source:
        """A source for one trigger."""
        ...

    def check(self, trigger: Trigger, options: Mapping[str, Any]) -> None:
        """Refuse, with BadTrigger or BadValue, what can be seen to be wrong before anything is published."""
        ...

    def watches(self, trigger: Trigger) -> str:
        """The absolute pattern of the files it takes; "" when it takes none."""
        ...


def named(trigger: Trigger, what: str) -> str:
    """The name after the scheme, `orders` of `topic:orders`; BadValue when it cannot be one."""
    return check_name(trigger.target.partition(":")[2], what)
