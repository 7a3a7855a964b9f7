"""The linters are part of the tests: what they say about the committed configuration is a failure."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def said(*words: str) -> str:
    """What a tool complains about; empty when it is content."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("words", ["ruff check", "ruff format --check", "mypy"])
def test_a_linter_has_nothing_to_say(words):
    complaints = said(*words.split())
    assert not complaints, complaints


def test_what_is_run_for_every_change_is_what_the_readme_says():
    commands = re.findall(r"```bash\n(.+)\n```", (ROOT / "README.md").read_text())
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()
