"""Patterns of output notebooks: `reports/{name}-{scheduled_for:%Y-%m-%d}.ipynb`.

===============================================  ==================================================================
placeholder                                      stands for
===============================================  ==================================================================
`{name}` `{version}` `{run_id}` `{attempt}`      the function's name and version, the run, the attempt's number
`{time}`                                         when the event happened
`{scheduled_for}` `{interval_start}` `{…_end}`   of a schedule; of any other event, its time
`{stem}` `{carrier}` …                           any other key of the event, any parameter
===============================================  ==================================================================

They are those of `str.format`: times take strftime codes (`{time:%Y/%m}`), texts a precision (`{run_id:.8}`). A time
without a code is written as 2026-11-24T06-00-00. Characters that file names dislike become `-`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..model.errors import LoadFailed, nearest
from .context import Context

DEFAULT = "runs/{name}-{scheduled_for}-{run_id}.ipynb"
_MOMENTS = ("time", "scheduled_for", "interval_start", "interval_end")
_DISLIKED = re.compile(r'[\x00-\x1f<>:"|?*\\]+')
_MOMENT = "%Y-%m-%dT%H-%M-%S"


def output_path(pattern: str, event: Mapping[str, Any], context: Context, parameters: Mapping[str, Any]) -> str:
    """Where the output notebook of this run goes, ending in `.ipynb`; relative ones are relative to the function's folder.

    Raises:
        LoadFailed: a placeholder that this event cannot fill, or a format that does not fit its value.
    """
    values = {**parameters, **event, **_of_run(context), **_moments(event)}
    try:
        path = _Writer().vformat(pattern or DEFAULT, (), values)
    except KeyError as error:
        hint = nearest(str(error.args[0]), list(values))
        raise LoadFailed(f"The output {pattern!r} asks for {error}, which this run has not. {hint}", _REMEDY) from None
    except (ValueError, IndexError, AttributeError, TypeError) as error:
        raise LoadFailed(f"The output {pattern!r} cannot be filled in: {error}.", _REMEDY) from None
    return path if path.endswith(".ipynb") else f"{path}.ipynb"


_REMEDY = "Schedule it again with another --output."


def failed_path(path: str) -> str:
    """Where the notebook goes when it failed: `a.ipynb` → `a.failed.ipynb`."""
    return f"{path.removesuffix('.ipynb')}.failed.ipynb"


def _of_run(context: Context) -> dict[str, Any]:
    return {
        "name": context.function_name,
        "version": context.function_version,
        "run_id": context.run_id,
        "attempt": context.attempt,
    }


def _moments(event: Mapping[str, Any]) -> dict[str, datetime]:
    """The times of an event as such. One that it has not, or that is no time, is its own time."""
    happened = _moment(event.get("time")) or datetime.fromtimestamp(0).astimezone()
    return {name: _moment(event.get(name)) or happened for name in _MOMENTS}


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


class _Writer(string.Formatter):
    """`str.format`, with values made fit for file names. What is written in the pattern itself is left alone."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, datetime):
            return _DISLIKED.sub("-", format(value, format_spec or _MOMENT))
        return _DISLIKED.sub("-", str(format(value, format_spec))).replace("/", "-")
