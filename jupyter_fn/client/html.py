"""Static HTML in the colours of JupyterLab's theme. Everything that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STATE_COLOURS = {
    "succeeded": "var(--jp-success-color1, #388e3c)",
    "active": "var(--jp-success-color1, #388e3c)",
    "running": "var(--jp-info-color1, #0097a7)",
    "waiting": "var(--jp-warn-color1, #f57c00)",
    "paused": "var(--jp-warn-color1, #f57c00)",
    "failing": "var(--jp-error-color1, #d32f2f)",
    "failed": "var(--jp-error-color1, #d32f2f)",
    "dead": "var(--jp-error-color1, #d32f2f)",
    "unknown": "var(--jp-error-color1, #d32f2f)",
}
_QUIET = "color: var(--jp-ui-font-color2, #616161)"
_CARD = (
    "border: 1px solid var(--jp-border-color2, #e0e0e0); border-radius: 4px; padding: 8px 12px; margin: 4px 0; "
    "max-width: 60em; color: var(--jp-ui-font-color1, #212121); background: var(--jp-layout-color1, #fff)"
)
_CODE = "font-family: var(--jp-code-font-family, monospace); font-size: var(--jp-code-font-size, 13px)"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """A table of texts; the columns in `right` are numbers. Cells that name a state are coloured."""
    head = "".join(f'<th scope="col" style="{_align(i in right)}">{escape(t)}</th>' for i, t in enumerate(titles))
    body = "".join(
        "<tr>" + "".join(f'<td style="{_align(i in right)}">{state(cell)}</td>' for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<table class="jupyter-fn"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def state(word: str) -> str:
    """`word` escaped, in its colour when it is the name of a state."""
    colour = _STATE_COLOURS.get(word)
    return f'<span style="color: {colour}">{escape(word)}</span>' if colour else escape(word)


def card(title: str, *parts: str, note: str = "") -> str:
    """A framed box: a title, a quiet note beside it, and parts that are HTML already."""
    beside = f' <span style="{_QUIET}">{state(note)}</span>' if note else ""
    return f'<div class="jupyter-fn" style="{_CARD}"><strong>{escape(title)}</strong>{beside}{"".join(parts)}</div>'


def facts(items: Iterable[tuple[str, str]]) -> str:
    """Names and values, one pair per line; pairs without a value are left out."""
    lines = "".join(
        f'<div><span style="{_QUIET}">{escape(name)}</span> {state(value)}</div>' for name, value in items if value
    )
    return f"<div>{lines}</div>"


def code(source: str) -> str:
    """Text as it stands, in the code font."""
    return f'<pre style="{_CODE}; white-space: pre-wrap; margin: 4px 0">{escape(source)}</pre>'


def folded(summary: str, inner: str) -> str:
    """HTML behind a triangle that opens by mouse and keyboard."""
    return f'<details><summary style="{_QUIET}">{escape(summary)}</summary>{inner}</details>'


def paragraph(words: str) -> str:
    """One paragraph."""
    return f'<p style="margin: 2px 0">{escape(words)}</p>'


def _align(right: bool) -> str:
    return f"text-align: {'right' if right else 'left'}; vertical-align: top"
