"""What every command of one call shares: the home, the client, the output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .output import Output, Terminal

if TYPE_CHECKING:
    from ..client.client import Client


def new_client(home: str | None, start: bool) -> Client:
    """A client of `home` that may start its service."""
    from ..client.client import Client

    return Client(home, start=start)


@dataclass(slots=True)
class Session:
    """`clients(home, start)` makes clients; `in_kernel` when the words come from a magic."""

    home: str | None = None
    output: Output = field(default_factory=Terminal)
    clients: Callable[[str | None, bool], Client] = new_client
    in_kernel: bool = False

    def client(self, *, start: bool = True) -> Client:
        """The client of this call's home."""
        return self.clients(self.home, start)

    def answer(self, value: Any, *, as_json: bool) -> Any:
        """Say `value` as JSON or as a table, and give it back."""
        if as_json:
            self.output.json(value)
        else:
            self.output.show(value)
        return value

    def home_folder(self) -> Path:
        """The home as a folder."""
        from ..client.address import resolve_home

        return resolve_home(self.home)
