"""Whatever is killed when, in a simulated world: what is promised holds; and a bug that is planted is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .plants import PLANTS, SHOWN_BY
from .simulator import simulate

ROOT = Path(__file__).parents[2]
SEEDS = 150
SEED = 16  # one with a crash
ENOUGH = 150  # histories in which a planted bug must show


def laboratory(*words: str) -> subprocess.CompletedProcess[str]:
    """As on the command line, where a seed has one history whatever process it is in."""
    return subprocess.run(
        [sys.executable, "-m", "tests.laboratory", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_whatever_is_killed_when_all_that_is_promised_holds() -> None:
    done = laboratory("simulate", "--seeds", str(SEEDS))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS} histories" in done.stdout


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: str) -> None:
    where = ("--scenario", SHOWN_BY[plant], "--seeds", str(ENOUGH), "--most-failures", "1")
    done = laboratory("simulate", "--plant", plant, *where)
    assert done.returncode == 1, f"The bug {plant} was not found.\n{done.stdout}{done.stderr}"
    assert f"--plant {plant}" in done.stdout


def test_a_seed_has_one_history() -> None:
    first, second = simulate(SEED, keep=True), simulate(SEED, keep=True)
    assert first.history == second.history
    assert "CRASH" in first.history
