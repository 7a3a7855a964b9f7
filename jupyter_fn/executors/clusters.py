"""Cluster specs: texts that say where workers come from.

`local` · `tcp://host:port` (any scheduler address) · `pkg.Class key=value …` (dotted path of a cluster class in the
manner of `distributed.deploy`; values are JSON, else text).
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.errors import BadValue

_ADDRESS = re.compile(r"[a-z]+://.+")
_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_REMEDY = "Write local, a scheduler's address such as tcp://host:8786, or pkg.Class key=value …"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    """A cluster spec taken apart. `kind`: local | address | class."""

    kind: str
    target: str = ""  # the address, or the dotted path
    arguments: Mapping[str, Any] = field(default_factory=dict)


def parse_cluster(text: str) -> ClusterSpec:
    """Read a cluster spec. Raises BadValue when it is none of the three forms."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadValue(f"The cluster {text!r} cannot be read: {error}.", _REMEDY) from None
    head, rest = (words or [""])[0], words[1:]
    if head == "local" and not rest:
        return ClusterSpec(kind="local")
    if _ADDRESS.fullmatch(head) and not rest:
        return ClusterSpec(kind="address", target=head)
    if _CLASS.fullmatch(head) and all(re.match(r"\w+=", word) for word in rest):
        pairs = (word.split("=", 1) for word in rest)
        return ClusterSpec(kind="class", target=head, arguments={key: _value(value) for key, value in pairs})
    raise BadValue(f"{text!r} is not a cluster.", _REMEDY)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def cluster_class(path: str) -> Any:
    """The class that a dotted path names. Raises BadValue when there is none."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BadValue(f"The cluster class {path} cannot be imported: {error}.", "Install its package.") from None


# What Dask looks at by itself, many times a second, on a scheduler and a worker that do next to nothing.
LOCAL_CONFIG = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
}
