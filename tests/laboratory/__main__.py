"""`python -m tests.laboratory COMMAND …`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from . import campaign
from .kills.killing import run_kills
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
    killed = commands.add_parser("kill", help="a real service under load, and kill -9 at random")
    killed.add_argument("--kills", type=int, default=200)
    killed.add_argument("--store", default="sqlite", help="sqlite, postgres (a server of our own), or a URL")
    killed.add_argument("--cluster", choices=["local", "dask"], default="local", help="dask: with nannies to kill, too")
    killed.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    return _simulate(said) if said.command == "simulate" else _kill(said)


def _simulate(said: argparse.Namespace) -> int:
    first, number = (said.first, said.seeds) if said.seed is None else (said.seed, 1)
    seeds = range(first, first + number)
    how = {"processes": said.processes, "plant": said.plant, "scenario": said.scenario}
    summary = campaign.run(seeds, **how, most_failures=said.most_failures)
    words = "".join(f" --{word} {how[word]}" for word in ("plant", "scenario") if how[word])
    for told in summary.failed[:1]:
        print(told.history)
        print(f"\nAgain: python -m tests.laboratory simulate --seed {told.seed}{words}\n")
    print(summary)
    return 1 if summary.failed else 0


def _kill(said: argparse.Namespace) -> int:
    with _store(said.store) as url:
        report = run_kills(said.kills, store=url, cluster=said.cluster, seed=said.seed, say=print)
    print(report)
    return 1 if report.faults else 0


@contextmanager
def _store(word: str) -> Iterator[str]:
    if word == "sqlite":
        yield ""
    elif word == "postgres":
        from tests.postgres import PostgresServer

        with PostgresServer() as server:
            yield server.new_database()
    else:
        yield word


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of texts have an order, and a seed one history
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.laboratory", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    raise SystemExit(main())
