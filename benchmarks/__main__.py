"""`python -m benchmarks [NAME …] [--json FILE] [--size 1.0] [--page]`."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from .figure import Figure
from .machine import facts, load
from .table import PAGE, PUBLISHED, page, read, table

NAMES = ("invoke", "cold", "events", "batches", "first", "idle", "importing")


def main(words: list[str] | None = None) -> int:
    """Measure, print the table; with `--json` keep the results, with `--page` only write the page from the published ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(NAMES)}; all by default")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results")
    parser.add_argument("--size", type=float, default=1.0, help="less than 1 is a trial run")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks.md from the published results")
    given = parser.parse_args(words)
    unknown = sorted(set(given.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no measure {unknown[0]!r}; there are: {', '.join(NAMES)}")
    if given.page:
        PAGE.write_text(page(read(PUBLISHED)))
        return 0
    run(given.names or NAMES, size=given.size, kept=given.json)
    return 0


def run(names: list[str] | tuple[str, ...], *, size: float, kept: Path | None) -> None:
    """Measure one after the other, print the table, keep the results in a file."""
    machine = facts()
    figures: list[Figure] = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        figures += import_module(f".measures.{name}", __package__).measure(size)
    machine["load_after"] = load()
    print("\n".join(table(figures)))
    if kept:
        kept.write_text(json.dumps(_results(machine, figures), indent=2, ensure_ascii=False) + "\n")


def _results(machine: dict[str, str | int | float], figures: list[Figure]) -> dict[str, object]:
    return {"machine": machine, "figures": [figure.to_dict() for figure in figures]}


if __name__ == "__main__":
    sys.exit(main())
