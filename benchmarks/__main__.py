"""`python -m benchmarks [NAME …] [--json FILE] [--size 1.0] [--page]`."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from .figure import Figure, Rival
from .machine import facts, load
from .table import PAGE, PUBLISHED, page, peers, read, table

NAMES = (
    *("invoke", "queue", "overhead", "cold", "events", "batches", "first"),
    *("elastic", "memory", "idle", "importing"),
)
LONG = ("peers", "forks", "soak")  # run only when they are named
_WHICH = f"what to measure: {', '.join(NAMES)}; all of these by default; only by name: {', '.join(LONG)}"


def main(words: list[str] | None = None) -> int:
    """Measure, print the table; with `--json` keep the results, with `--page` only write the page from the published ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to measure: {', '.join(NAMES)}; all of these by default; only by name: {', '.join(LONG)}",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results")
    parser.add_argument("--size", type=float, default=1.0, help="less than 1 is a trial run")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md from the published results")
    given = parser.parse_args(words)
    unknown = sorted(set(given.names) - {*NAMES, *LONG})
    if unknown:
        parser.error(f"there is no measure {unknown[0]!r}; there are: {', '.join(NAMES + LONG)}")
    if given.page:
        PAGE.write_text(page(read(PUBLISHED)))
        return 0
    run(given.names or NAMES, size=given.size, kept=given.json)
    return 0


def run(names: list[str] | tuple[str, ...], *, size: float, kept: Path | None) -> None:
    """Measure one after the other, print the table, keep the results in a file."""
    machine = facts()
    found: list[Figure | Rival] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        found += import_module(f".measures.{name}", __package__).measure(size)
    machine["load_after"] = load()
    figures = [one for one in found if isinstance(one, Figure)]
    rivals = [one for one in found if isinstance(one, Rival)]
    print("\n".join([*table(figures), *peers(rivals)]))
    if kept:
        kept.write_text(json.dumps(_results(machine, figures, rivals), indent=2, ensure_ascii=False) + "\n")


def _results(machine: dict[str, Any], figures: list[Figure], rivals: list[Rival]) -> dict[str, Any]:
    measured = {"machine": machine, "figures": [figure.to_dict() for figure in figures]}
    return {**measured, "peers": [rival.to_dict() for rival in rivals]} if rivals else measured


if __name__ == "__main__":
    sys.exit(main())
