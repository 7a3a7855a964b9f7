"""Whatever is killed when, in a simulated world: what is promised holds; and a bug that is planted is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .campaign import run
from .plants import PLANTS, SHOWN_BY
from .simulator import simulate

ROOT = Path(__file__).parents[2]
SEEDS = 200
SEED = 16  # one with a crash
ENOUGH = 400  # histories in which a planted bug must show


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
    done = laboratory("simulate", "--seeds", str(SEEDS), "--processes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS} histories" in done.stdout


def test_a_failing_seed_is_told_with_its_history_and_how_to_have_it_again() -> None:
    done = laboratory("simulate", "--seeds", "60", "--plant", "recovery", "--most-failures", "1")
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "Again: python -m tests.laboratory simulate --seed" in done.stdout


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_bug_is_found(plant: str) -> None:
    found = run(range(1, ENOUGH), plant=plant, scenario=SHOWN_BY[plant], most_failures=1)
    assert found.failed, f"The bug {plant} was not found.\n{found}"


def test_a_seed_has_one_history() -> None:
    first, second = simulate(SEED, keep=True), simulate(SEED, keep=True)
    assert first.history == second.history
    assert "CRASH" in first.history
