"""What a publish did, showing itself: version, triggers, what was captured, unchanged or new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.units import format_bytes, format_duration
from . import html, readable
from .echo import echo, in_kernel
from .tables import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model.version import Draft


class Published:
    """One draft and the service's answer to it, `{created, dry_run, version, triggers}`. Static: it survives a restart."""

    def __init__(self, draft: Draft, answer: Row) -> None:
        self.draft = draft
        self.answer = answer

    @property
    def created(self) -> bool:
        """There was no such version before."""
        return bool(self.answer.get("created"))

    @property
    def outcome(self) -> str:
        """`"new"`, `"unchanged"`, or what would be."""
        change = "new" if self.created else "unchanged"
        return f"dry run: would be {change}" if self.answer.get("dry_run") else change

    @property
    def title(self) -> str:
        """`"daily_delays · version 3"`."""
        number = (self.answer.get("version") or {}).get("number")
        return f"{self.draft.function} · version {number}" if number else self.draft.function

    def items_shown(self) -> list[tuple[str, str]]:
        """Names and values for people, in the order to read them."""
        options, bundle = self.draft.options, self.draft.bundle
        limits = f"{options.memory_mb} MB, {format_duration(options.timeout_s)}, {options.retries} retries"
        return [
            ("on", readable.triggers(self.answer.get("triggers")) or ", ".join(options.on)),
            ("handler", bundle.handler),
            ("limits", limits),
            ("filter", options.filter),
            ("captured", ", ".join(self._captured())),
            ("modules", ", ".join(name.removesuffix(".__init__") for name in bundle.modules)),
            ("packages", ", ".join(f"{name} {version}" for name, version in self.draft.packages.items())),
            ("locked to", ", ".join(options.lock)),
            ("folder", self.draft.folder),
        ]

    def _captured(self) -> Iterator[str]:
        for value in self.draft.captured:
            yield value.name if value.type == "module" else f"{value.name} ({value.type}, {format_bytes(value.size)})"

    def __repr__(self) -> str:
        shown = [f"  {name:9} {value}" for name, value in self.items_shown() if value]
        return "\n".join([f"{self.title} · {self.outcome}", *shown])

    def _repr_html_(self) -> str:
        return html.card(self.title, html.facts(self.items_shown()), note=self.outcome)

    def to_dict(self) -> dict[str, Any]:
        """The service's answer."""
        return dict(self.answer)


def show(published: Published) -> None:
    """As a card in a notebook, as text on standard error elsewhere."""
    if not in_kernel():
        echo(f"{published!r}\n")
        return
    from IPython.display import display

    display(published)  # type: ignore[no-untyped-call]
