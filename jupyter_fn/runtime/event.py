"""The `event` that a handler gets: a dict whose keys can also be read as attributes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..model.errors import nearest

if TYPE_CHECKING:
    import pandas as pd


class Fields(dict[str, Any]):
    """A JSON object. A key that is also the name of a dict method is read as `event["items"]`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            hint = "" if name.startswith("__") else f" {nearest(name, list(self))}"
            raise AttributeError(f"The event has no {name!r}.{hint}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]


class Event(Fields):
    """An event, or one of the `files` of a batch."""

    def open(self, mode: str = "r", **options: Any) -> Any:
        """The file at `path`, wherever it lies; options are those of `fsspec.open`."""
        import fsspec

        return fsspec.open(self["path"], mode, **options).open()

    def frame(self) -> pd.DataFrame:
        """A DataFrame of the records' values: one row per record, one column per field; other values under `value`."""
        import pandas as pd

        values = [record["value"] for record in self["records"]]
        return pd.DataFrame([value if isinstance(value, dict) else {"value": value} for value in values])

    def json(self) -> Any:
        """The body, else the file, read as JSON."""
        if "body" in self:
            return json.loads(self["body"])
        with self.open("rb") as file:
            return json.load(file)


def make_event(data: dict[str, Any]) -> Event:
    """An event from plain JSON whose inner objects are `Fields` already."""
    event = Event(data)
    if isinstance(event.get("files"), list):
        event["files"] = [Event(file) if isinstance(file, dict) else file for file in event["files"]]
    return event
