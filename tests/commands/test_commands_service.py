"""The commands against the real service, as its own process: one story from start to stop."""

import json
import subprocess
import sys

import pytest

from jupyter_fn import app

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not hasattr(app, "serve"), reason="there is no service to start yet"),
]

MODULE = """
from jupyter_fn import fn

@fn(memory="256MB", timeout="20s", retries=0)
def halve(event):
    print("halving", event.n)
    return {"half": 10 / event.n}
"""


@pytest.fixture
def shell(tmp_path):
    """`shell("runs", "--json")` runs the script in the folder of the test and gives the finished process."""
    home = tmp_path / "home"

    def run(*words):
        command = [sys.executable, "-m", "jupyter_fn.cli.main", *words, "--home", str(home)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    (tmp_path / "jobs.py").write_text(MODULE)
    yield run
    run("stop")


def test_from_start_to_stop(shell):
    assert shell("status").returncode == 1
    assert shell("start").stdout.startswith("http://127.0.0.1:")
    assert json.loads(shell("status", "--json").stdout)["functions"] == 0

    published = shell("publish", "jobs.py", "--json")
    assert [row["function"] for row in json.loads(published.stdout)] == ["halve"]
    assert json.loads(shell("publish", "jobs.py", "--json").stdout)[0]["created"] is False

    good = shell("invoke", "halve", "--event", '{"n": 4}')
    assert (good.returncode, good.stdout) == (0, '{"half": 2.5}\n')
    assert "halving 4" in good.stderr
    assert good.stderr.splitlines()[-1].startswith("REPORT RequestId: ")

    bad = shell("invoke", "halve", "--event", '{"n": 0}')
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "ZeroDivisionError: division by zero" in bad.stderr
    assert 'return {"half": 10 / event.n}' in bad.stderr

    runs = json.loads(shell("runs", "halve", "--json").stdout)
    assert [run["state"] for run in runs] == ["dead", "succeeded"]
    assert "halving 4" in shell("logs", runs[1]["id"][-8:]).stdout
    assert json.loads(shell("run", runs[0]["id"], "--json").stdout)["error"]["type"] == "ZeroDivisionError"
    assert json.loads(shell("failures", "halve", "--json").stdout)[0]["id"] == runs[0]["id"]
    assert json.loads(shell("redrive", "halve", "--dry-run", "--json").stdout)["count"] == 1

    cost = json.loads(shell("cost", "--json").stdout)
    assert [line["runs"] for line in cost["by"]] == [2]
    assert json.loads(shell("audit", "halve", "--json").stdout)["balanced"] is True

    assert shell("rm", "halve").returncode == 0
    missing = shell("show", "halve")
    assert (missing.returncode, len(missing.stderr.splitlines())) == (1, 2)
    assert shell("stop").stdout == "Stopped.\n"
    assert shell("status").returncode == 1
