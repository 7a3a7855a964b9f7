"""Notebooks run by papermill: a publish exits 0, every mistake stops the notebook with an error output of two lines."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

LOAD = """
from jupyter_fn.client.decorator import Fn
from jupyter_fn.magics.extension import load
load(get_ipython(), Fn())
"""
REACHED = "print('reached the end')"


class Service(BaseHTTPRequestHandler):
    """Takes every draft."""

    drafts: list[dict]

    def do_POST(self) -> None:
        draft = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.drafts.append(draft)
        self.answer({"created": True, "dry_run": False, "version": {"number": 1}, "triggers": []})

    def do_GET(self) -> None:
        self.answer({"status": "ok"})

    def answer(self, document: dict) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def service(tmp_path: Path) -> Iterator[list[dict]]:
    """The drafts that a service of this home has been sent."""
    drafts: list[dict] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Service", (Service,), {"drafts": drafts}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = {"url": f"http://127.0.0.1:{server.server_port}", "token": "t", "pid": os.getpid()}
    (tmp_path / "service.json").write_text(json.dumps(address))
    yield drafts
    server.shutdown()
    server.server_close()


def papermill(folder: Path, *cells: str) -> tuple[int, list[nbformat.NotebookNode]]:
    """The exit code, and the outputs of all cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in (LOAD, *cells, REACHED)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(notebook, folder / "in.ipynb")
    environment = {**os.environ, "JUPYTER_FN_HOME": str(folder), "IPYTHONDIR": str(folder / "ipython")}
    command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    cells_run = nbformat.read(folder / "out.ipynb", 4).cells
    return done.returncode, [output for cell in cells_run for output in cell.get("outputs", ())]


def test_a_notebook_that_publishes_goes_through(tmp_path, service):
    code, outputs = papermill(
        tmp_path, "K = 3", "%%fn daily --on 'in/*.csv'\ndef handler(event):\n    return K", "daily.name"
    )
    assert code == 0
    card = next(output for output in outputs if output.output_type == "display_data")
    assert card.data["text/plain"].startswith("daily · version 1 · new")
    assert "daily · version 1" in card.data["text/html"]
    assert service[0]["function"] == "daily"
    assert service[0]["folder"] == str(tmp_path)
    assert outputs[-1].text.strip() == "reached the end"


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["%%fn daily --memroy 1GB\ndef handler(event): return 1"], "UnknownOption"),
        (["%%fn daily\ndef handler(event): return missing"], "UndefinedName"),
        (
            ["import sqlite3\nconn = sqlite3.connect(':memory:')", "%%fn daily\ndef handler(event): return conn"],
            "UnshippableValue",
        ),
    ],
)
def test_a_mistake_stops_the_notebook_with_two_lines(tmp_path, cells, kind):
    code, outputs = papermill(tmp_path, *cells)
    assert code != 0
    assert [output.output_type for output in outputs] == ["error"]
    assert outputs[0].ename == kind
    assert len(outputs[0].traceback) == 2
