"""A version: an immutable snapshot of a function."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .function import Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """One value taken from the kernel with the source."""

    name: str
    type: str  # qualified type name
    size: int  # bytes, pickled
    preview: str  # repr, cut at 80 characters
    digest: str  # of the value itself, never of its pickle


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What travels to an environment: everything needed to build the handler. Stored as one payload, by digest.

    `values` are cloudpickle bytes by name, read by `unpickled`; `modules` are local modules shipped by value, dotted name → source
    (packages end in `.__init__`). For a notebook `source` is its JSON, `handler` is empty and `parameters` are injected.
    """

    kind: str  # cell | function | notebook
    source: str
    handler: str
    filename: str  # what tracebacks show
    values: Mapping[str, bytes] = dataclasses.field(
        default_factory=dict
    )  # values that share objects: key "a b", a tuple
    modules: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    output: str = ""  # notebooks: pattern of the output path
    kernel: str = ""  # notebooks: kernel name, empty = as the notebook says

    def unpickled(self, loads: Callable[[bytes], Any]) -> dict[str, Any]:
        """The captured values by name. What shared an object in the kernel shares it again."""
        found: dict[str, Any] = {}
        for key, data in self.values.items():
            names = key.split()
            loaded = loads(data)
            found.update(zip(names, loaded if len(names) > 1 else (loaded,), strict=True))
        return found

    def to_dict(self) -> dict[str, Any]:
        """JSON form, pickles in base64; `from_dict` is its inverse."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**data, "values": {name: base64.b64encode(value).decode() for name, value in self.values.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Bundle:
        """Inverse of `to_dict`."""
        values = {name: base64.b64decode(value) for name, value in data["values"].items()}
        return cls(**{**data, "values": values})


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version before it has a number: what capture makes and publish sends."""

    function: str
    bundle: Bundle
    options: Options
    folder: str  # absolute; relative paths are relative to it
    python: str  # "3.11.7"
    packages: Mapping[str, str]  # distribution → version, of what the source imports
    captured: tuple[Captured, ...]
    digest: str  # over normalised source, captured values, options and environment

    def to_dict(self) -> dict[str, Any]:
        """JSON form, the body of a publish request; `from_dict` is its inverse."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {
            **data,
            "bundle": self.bundle.to_dict(),
            "options": self.options.to_dict(),
            "captured": [dataclasses.asdict(item) for item in self.captured],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Draft:
        """Inverse of `to_dict`."""
        parts = {
            "bundle": Bundle.from_dict(data["bundle"]),
            "options": Options.from_dict(data["options"]),
            "captured": tuple(Captured(**item) for item in data["captured"]),
        }
        return cls(**{**data, **parts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A published draft. `bundle` is the payload digest of its Bundle."""

    function: str
    number: int
    digest: str
    kind: str
    source: str
    handler: str
    filename: str
    folder: str
    options: Options
    captured: tuple[Captured, ...]
    packages: Mapping[str, str]
    python: str
    bundle: str
    created: float

    def to_dict(self) -> dict[str, Any]:
        """JSON form for `show --json` and `versions --json`; times are left in epoch seconds."""
        data = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**data, "options": self.options.to_dict(), "captured": [dataclasses.asdict(c) for c in self.captured]}
