"""Results as the page `docs/benchmarks.md`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .figure import Figure, Rival

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "benchmarks" / "results" / "published.json"
PAGE = ROOT / "docs" / "benchmarks.md"
_HEAD = """\
# Benchmarks

Every figure is measured beside a floor in the same run on the same machine, because only the ratio means something
elsewhere; values are medians unless the name says otherwise. This page is written from
`benchmarks/results/published.json` by `python -m benchmarks --page`. To measure here:

```bash
python -m benchmarks                     # all that takes minutes; prints the table
python -m benchmarks invoke events       # some of it
python -m benchmarks forks soak          # what takes long
python -m benchmarks peers               # other systems, too: pip install "jupyter-fn[bench]", and PostgreSQL
python -m benchmarks --json mine.json    # and keep the results
```
"""
_PEERS = """## Beside other systems

A no-op, called one at a time and waited for (p50, p99), and many sent at once until the last result (events/s). All in one
run, one after the other and again, each with as many worker processes and set up as its docs want it for low latency
(`benchmarks/peers`). They do not keep the same things, so read the last column, too.
"""


def page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    figures = [Figure.from_dict(one) for one in results["figures"]]
    rivals = [Rival.from_dict(one) for one in results.get("peers", ())]
    parts = [_HEAD, _machine(results["machine"]), "\n".join(table(figures)), "\n".join(_notes(figures))]
    if rivals:
        parts += [_PEERS, "\n".join(peers(rivals))]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def read(path: Path) -> dict[str, Any]:
    """Results from a file."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def table(figures: list[Figure]) -> list[str]:
    """Lines of a Markdown table."""
    rows = [
        f"| {one.name} | {_number(one.ours)} {one.unit} | {_number(one.floor)} {one.unit} | {one.ratio:.2g} | {_aim(one)} |"
        for one in figures
    ]
    return ["| figure | jupyter-fn | floor | ratio | aim |", "|---|---|---|---|---|", *rows]


def peers(rivals: list[Rival]) -> list[str]:
    """Lines of a Markdown table, the fastest first; none without rivals."""
    rows = [
        f"| {one.system} | {_number(one.p50_ms)} | {_number(one.p99_ms)} | {_number(one.events_s)} | {one.durability} |"
        for one in sorted(rivals, key=lambda one: one.p50_ms)
    ]
    head = ["| system | p50 ms | p99 ms | events/s | what is kept |", "|---|---|---|---|---|"]
    return ["", *head, *rows] if rows else []


def _machine(facts: Mapping[str, Any]) -> str:
    packages = ("jupyter-fn", "dask", "distributed", "pandas", "pyarrow", "fastapi", "uvicorn", "SQLAlchemy")
    versions = ", ".join(f"{name} {facts[name]}" for name in packages if name in facts)
    return (
        f"Measured {facts['measured']} on {facts['cores']} cores ({facts['cpu']}, {facts['memory_gb']} GB, {facts['system']}; "
        f"load {facts['load_before']} before, {facts['load_after']} after, this run included), Python {facts['python']}, "
        f"SQLite {facts['sqlite']} with `synchronous={facts['sqlite_synchronous']}`; {versions}."
    )


def _aim(figure: Figure) -> str:
    if not figure.aim:
        return "–"
    sign, bound = figure.aim.split()
    unit = f" {figure.unit}" if figure.of == "ours" else " × the floor"
    verdict = "met" if figure.met else "**not met**"
    return f"{'≤' if sign == '<=' else '≥'} {bound}{unit}: {verdict}"


def _notes(figures: list[Figure]) -> list[str]:
    lines = ["What is what:", ""]
    for one in figures:
        detail = "; ".join(f"{key} {_number(value)}" for key, value in one.detail.items())
        lines.append(f"- **{one.name}**: {one.what}. Floor: {one.beside}.{f' ({detail})' if detail else ''}")
    return lines


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
