"""The quickstart notebook tells the demo's story and runs from top to bottom."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from jupyter_fn.client.client import Client
from jupyter_fn.demo.cells import cell

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"
DAYS = 4


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_is_committed_without_outputs(notebook):
    nbformat.validate(notebook)
    code = [one for one in notebook.cells if one.cell_type == "code"]
    assert not [one for one in code if one.outputs or one.execution_count]


@pytest.mark.parametrize("name", ["clean_day", "monthly_delays"])
def test_its_functions_are_those_of_the_demo_word_for_word(notebook, name):
    line, body = cell(name)
    assert f"%%fn {line}\n{body.rstrip()}" in [one.source for one in notebook.cells]


def test_its_links_lead_somewhere(notebook):
    text = "\n".join(one.source for one in notebook.cells if one.cell_type == "markdown")
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    assert all((NOTEBOOK.parent / target.partition("#")[0]).exists() for target in targets)


@pytest.mark.service
@pytest.mark.timeout(300)
def test_papermill_runs_it_and_leaves_the_service_alone(tmp_path):
    client, done = Client(tmp_path / "home", start=False), tmp_path / "done.ipynb"
    own = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(done), "-p", "days", str(DAYS), "-k", "python3"]
    try:
        run = subprocess.run(
            [*command, "--cwd", str(tmp_path), "--no-progress-bar"],
            env={**os.environ, **own, "JUPYTER_FN_HOME": str(client.home)},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        states = {function["name"]: function["runs"]["succeeded"] for function in client.functions()}
        assert states["clean_day"] == DAYS + 1  # one of them by hand
        assert states["monthly_delays"] >= DAYS  # it may still follow that one
    finally:
        client.stop()
    shown = json.dumps(nbformat.read(done, as_version=4))
    assert "2013-01" in shown
    assert "balanced" in shown
