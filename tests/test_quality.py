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


def test_strict_type_checkers_of_others_see_what_the_package_exports(tmp_path):
    (tmp_path / "uses.py").write_text(
        "from jupyter_fn import after, at, cron, files, fn, rate, stream, topic\n"
        "from jupyter_fn.client.handle import Function, Run\n"
        "@fn(on=[files('in/*.csv', settle='1s'), rate('5 minutes')], memory='512MB')\n"
        "def one(event: dict[str, int]) -> int: return event['n']\n"
        "@fn\n"
        "def other(event: dict[str, int]) -> int: return event['n']\n"
        "handles: list[Function] = [one, other, fn['third']]\n"
        "run: Run = one.submit({'n': 1})\n"
        "triggers: list[str] = [after('one'), at('2026-12-01T06:00:00'), cron('0 6 * * *'), topic('t'), stream('topic:t')]\n"
    )
    complaints = said("mypy", "--strict", "--config-file=", str(tmp_path / "uses.py"))
    assert not complaints, complaints


def test_what_is_run_for_every_change_is_what_the_readme_says():
    commands = re.findall(r"```bash\n(.+)\n```", (ROOT / "README.md").read_text())
    assert commands[1] in (ROOT / ".ci" / "run").read_text().splitlines()
