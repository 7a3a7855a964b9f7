"""`python -m tests.laboratory COMMAND …`."""

from __future__ import annotations

import argparse
import os
import sys

from . import campaign
from .plants import PLANTS
from .scenarios import ALL


def main() -> int:
    """Exit code 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.laboratory", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    simulated = commands.add_parser("simulate", help="histories of a simulated world, one per seed")
    simulated.add_argument("--seed", type=int, help="only this one, with its whole history")
    simulated.add_argument("--seeds", type=int, default=1000, help="so many, from --first on")
    simulated.add_argument("--first", type=int, default=1)
    simulated.add_argument("--processes", type=int, default=1)
    simulated.add_argument("--plant", choices=sorted(PLANTS), default="", help="with this bug in the product")
    simulated.add_argument("--scenario", choices=[one.__name__ for one in ALL], default="", help="only this one")
    simulated.add_argument("--most-failures", type=int, default=10, help="stop after so many; 0 = never")
    return _simulate(parser.parse_args())


def _simulate(said: argparse.Namespace) -> int:
    seeds = range(said.first, said.first + said.seeds) if said.seed is None else [said.seed]
    how = {"processes": said.processes, "plant": said.plant, "scenario": said.scenario}
    summary = campaign.run(seeds, **how, most_failures=said.most_failures)
    words = "".join(f" --{word} {how[word]}" for word in ("plant", "scenario") if how[word])
    for told in summary.failed[:1]:
        print(told.history)
        print(f"\nAgain: python -m tests.laboratory simulate --seed {told.seed}{words}\n")
    print(summary)
    return 1 if summary.failed else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of texts have an order, and a seed one history
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.laboratory", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    raise SystemExit(main())
