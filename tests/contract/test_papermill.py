"""Notebooks run from outside: one that publishes ends with 0, every mistake stops it with an error output of two lines."""

import subprocess
import sys

import nbformat
import pytest

LOAD = "%load_ext jupyter_fn"
REACHED = "print('reached the end')"


@pytest.fixture
def papermill(house):
    """`papermill(*cells)`: the exit code, and the outputs of all cells."""

    def run(*cells):
        document = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in (LOAD, *cells, REACHED)],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        nbformat.write(document, house.work / "in.ipynb")
        command = [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"]
        done = subprocess.run(
            command, cwd=house.work, env=house.environment, capture_output=True, text=True, timeout=120, check=False
        )
        executed = nbformat.read(house.work / "out.ipynb", 4).cells
        return done.returncode, [output for cell in executed for output in cell.get("outputs", ())]

    return run


def test_a_notebook_that_publishes_invokes_and_looks_goes_through(house, papermill):
    code, outputs = papermill(
        "K = 3",
        "%%fn tripled --memory 256MB\ndef handler(event):\n    return event.n * K",
        "tripled.invoke({'n': 5})",
        "%fn runs tripled",
        "tripled.cost()",
        "tripled",
    )
    assert code == 0
    assert outputs[-1].text.strip() == "reached the end"
    assert not [output for output in outputs if output.output_type == "error"]
    assert house.invoke("tripled", {"n": 7}).out == "21\n"


MISTAKES = {
    "unknown option": ("%%fn bad --memroy 1GB\ndef handler(event): return 1", "UnknownOption"),
    "undefined free name": ("%%fn bad\ndef handler(event): return missing", "UndefinedName"),
    "unpicklable value": (
        "import threading\nlock = threading.Lock()",
        "%%fn bad\ndef handler(event): return lock.locked()",
        "UnshippableValue",
    ),
    "too large": ("big = 'x' * 11_000_000", "%%fn bad\ndef handler(event): return len(big)", "ValueTooLarge"),
    "missing package": ("%%fn bad\nimport no_such_package\ndef handler(event): return 1", "PackageMismatch"),
    "bad trigger": ("%%fn bad --on 'rate(never)'\ndef handler(event): return 1", "BadTrigger"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_stops_the_notebook_with_two_lines(house, papermill, case):
    *cells, kind = MISTAKES[case]
    code, outputs = papermill(*cells)
    assert code != 0
    assert [output.output_type for output in outputs] == ["error"]
    assert outputs[0].ename == kind
    assert len(outputs[0].traceback) == 2
    assert "bad" not in [row["name"] for row in house.ok("ls --json").json]


def test_a_run_that_fails_stops_the_notebook_with_its_own_traceback(papermill):
    code, outputs = papermill(
        "%%fn fails --retries 0\ndef handler(event):\n    raise ValueError('no good')", "fails.invoke()"
    )
    assert code != 0
    (error,) = [output for output in outputs if output.output_type == "error"]
    assert error.ename == "ValueError"
    assert "raise ValueError('no good')" in "\n".join(error.traceback)
