"""Scheme → source. Sources are named by dotted path and imported on first use.

`check` is for publishing, `build` for watching. A filesystem that fsspec knows needs no line here: its client library
decides whether it can be used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, cast

from ..model.errors import BadTrigger, BadValue, MissingExtra, nearest
from ..model.function import LIVE
from ..model.ids import trigger_id
from ..model.trigger import Trigger, parse_trigger
from ..policy.batching import Bounds
from ..policy.filters import Filter
from .options import GATHERED, Option, bounds_of, read_options
from .protocol import Logs, Source
from .wiring import SourceClass, Wiring

_NOT_YET = frozenset(
    {"kafka", "redis", "nats", "mqtt", "amqp", "sqs", "kinesis", "postgres", "tail", "http"}
)  # no typos


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a source lives, and what it needs: a module, and what to install when that is missing."""

    path: str  # "module:Class", the module relative to this package
    needs: str = ""
    install: str = ""


FILES = "files:FileSource"
KINDS: Mapping[str, Kind] = {
    "file": Kind(FILES),
    "memory": Kind(FILES),
    "s3": Kind(FILES, "s3fs", '"jupyter-fn[s3]"'),
    "s3a": Kind(FILES, "s3fs", '"jupyter-fn[s3]"'),
    "gs": Kind(FILES, "gcsfs", "gcsfs"),
    "gcs": Kind(FILES, "gcsfs", "gcsfs"),
    "az": Kind(FILES, "adlfs", "adlfs"),
    "abfs": Kind(FILES, "adlfs", "adlfs"),
    "sftp": Kind(FILES, "paramiko", "paramiko"),
    "ftp": Kind(FILES),
    "cron": Kind("schedule:ScheduleSource"),
    "rate": Kind("schedule:ScheduleSource"),
    "at": Kind("schedule:ScheduleSource"),
    "topic": Kind("topic:TopicSource"),
    "fn": Kind("follow:FollowSource"),
}


def check(
    text: str,
    folder: str,
    *,
    function: str = "",
    alias: str = LIVE,
    defaults: Mapping[str, str] | None = None,
) -> Trigger:
    """A trigger text as a `Trigger` that can be watched. Builds nothing, opens no connection.

    `defaults` are option texts of the function (`batch`, `window`) for those sources that know them.

    Raises:
        BadTrigger: unknown scheme or key (the nearest is named), or a value that does not fit.
        MissingExtra: the client library is not installed; says what to install.
    """
    parsed = parse_trigger(text)
    source = _source_class(parsed.scheme, text)
    inherited = {key: value for key, value in (defaults or {}).items() if key in source.OPTIONS}
    trigger = Trigger(
        id=trigger_id(function, text),
        function=function,
        alias=alias,
        uri=text,
        scheme=parsed.scheme,
        options={**inherited, **parsed.options},
        folder=folder,
        target=parsed.uri,
    )
    try:
        source.check(trigger, read_options(source.OPTIONS, trigger.options, trigger.target))
    except BadValue as error:
        raise BadTrigger(f"The trigger {text!r}: {error.cause}", error.remedy) from None
    return trigger


def build(
    trigger: Trigger,
    logs: Logs,
    *,
    poll_s: float,
    remote_poll_s: float,
    wanted: Callable[[], Filter | None] = lambda: None,
) -> Source:
    """The source of a trigger that `check` has made; see `Wiring` for the arguments. Raises as `check` does."""
    source = _source_class(trigger.scheme, trigger.uri)
    options = read_options(source.OPTIONS, trigger.options, trigger.target)
    paces = {"poll_s": poll_s, "remote_poll_s": remote_poll_s}
    return source(Wiring(trigger=trigger, options=options, logs=logs, wanted=wanted, **paces))


def gathers(trigger: Trigger) -> Bounds | None:
    """When single events of a trigger go together, as one event; None when each is an event of its own: nobody has asked
    for batches, or the source makes them itself."""
    source = _source_class(trigger.scheme, trigger.uri)
    asked = GATHERED.keys() & trigger.options.keys()
    if not asked or not GATHERED.items() <= source.OPTIONS.items():
        return None
    return bounds_of(read_options(source.OPTIONS, trigger.options, trigger.target))


def options(scheme: str) -> Mapping[str, Option]:
    """The options of a scheme, for completion and documentation. Raises as `check` does."""
    return _source_class(scheme, f"{scheme}:").OPTIONS


def watched(trigger: Trigger) -> str:
    """The absolute pattern (path or URL) of the files that a trigger takes; "" when it takes none."""
    return _source_class(trigger.scheme, trigger.uri).watches(trigger)


def _source_class(scheme: str, text: str) -> SourceClass:
    kind = KINDS.get(scheme)
    if kind is None:
        near, known = nearest(scheme, list(KINDS)), f"Known: {', '.join(sorted(KINDS))}."
        remedy = known if near == known or scheme in _NOT_YET else f"{near} {known}"
        raise BadTrigger(f"{scheme!r} of the trigger {text!r} is no known scheme.", remedy)
    if kind.needs and find_spec(kind.needs) is None:
        raise MissingExtra(
            f"The trigger {text!r} needs {kind.needs}, which is not installed.", f"Run: pip install {kind.install}"
        )
    module, name = kind.path.split(":")
    found: Any = getattr(import_module(f"{__package__}.{module}"), name)
    return cast(SourceClass, found)
