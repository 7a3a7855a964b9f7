"""A notebook as a handler, in a real kernel."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat

from jupyter_fn.model.version import Bundle


def notebook(*cells: str, output: str = "", kernel: str = "", **parameters: Any) -> Bundle:
    """Cells of code; the first one is tagged `parameters` when it begins with `#p`."""
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(source) for source in cells]
    if cells[0].startswith("#p"):
        made.cells[0].metadata.tags = ["parameters"]
    source = nbformat.writes(made)
    common = {"kind": "notebook", "handler": "", "filename": "report.ipynb"}
    return Bundle(source=source, output=output, kernel=kernel, parameters=parameters, **common)


def texts(path: Path) -> list[str]:
    """What the cells of a notebook put out as text."""
    document = nbformat.read(path, as_version=4)
    outputs = [output for cell in document.cells for output in cell.get("outputs", ())]
    return [output.get("text", "").strip() for output in outputs if output.output_type == "stream"]


def staged(outcome: Any) -> Path:
    (file,) = outcome.staged
    return Path(file.staged)


def test_the_executed_copy_is_staged_and_its_place_is_the_result(house: Any, tmp_path: Path) -> None:
    report = notebook("print(6 * 7)", output="reports/{name}-{scheduled_for:%Y-%m-%d}.ipynb")
    outcome = house.run(report, {"scheduled_for": "2026-11-24T06:00:00Z"}, function="daily")
    assert outcome.error is None
    assert outcome.result == {"output": str(tmp_path / "reports" / "daily-2026-11-24.ipynb")}
    assert outcome.staged[0].target == outcome.result["output"]
    assert not Path(outcome.result["output"]).exists()
    assert texts(staged(outcome)) == ["42"]


def test_parameters_come_from_the_version_and_what_the_tagged_cell_asks_for_from_the_event(house: Any) -> None:
    report = notebook(
        "#p\ncarrier = 'AA'\nscheduled_for = None", "print(carrier, scheduled_for, 'id' in dir())", carrier="UA"
    )
    outcome = house.run(report, {"id": "e1", "scheduled_for": "2026-11-24T06:00:00Z", "carrier": "DL"})
    assert texts(staged(outcome)) == ["UA 2026-11-24T06:00:00Z False"]


def test_an_event_given_by_hand_wins_over_the_parameters_of_the_version(house: Any) -> None:
    report = notebook("#p\ncarrier = 'AA'\nevent = {}", "print(carrier, event['trigger'])", carrier="UA")
    outcome = house.run(report, {"trigger": "invoke", "carrier": "DL"})
    assert texts(staged(outcome)) == ["DL invoke"]


def test_what_cells_print_is_the_log_and_each_cell_is_a_step(house: Any) -> None:
    outcome = house.run(notebook("print('first')", "import sys; print('second', file=sys.stderr)"))
    assert outcome.log.index("Cell 1 of 2.") < outcome.log.index("first") < outcome.log.index("second")
    assert house.steps[-1][1:] == (2, 2)


def test_a_failing_cell_is_the_error_and_the_copy_shows_it(house: Any, tmp_path: Path) -> None:
    report = notebook("print('so far')", "def f():\n    1 / 0\nf()", "print('never')", output="out/{name}.ipynb")
    outcome = house.run(report)
    assert (outcome.error["class"], outcome.error["type"]) == ("HandlerFailed", "ZeroDivisionError")
    assert outcome.error["message"] == "division by zero"
    assert "1 / 0" in outcome.error["traceback"]
    assert "\x1b" not in outcome.error["traceback"]
    assert "cell 2 of report.ipynb" in outcome.error["remedy"]
    assert "out/f.failed.ipynb" in outcome.error["remedy"]
    assert texts(tmp_path / "out" / "f.failed.ipynb") == ["so far"]
    assert outcome.staged == ()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["f.failed.ipynb"]


def test_a_kernel_that_dies_fails_the_run(house: Any) -> None:
    outcome = house.run(notebook("import os; os._exit(3)"))
    assert outcome.error["type"] == "DeadKernelError"
    assert "cell 1" in outcome.error["remedy"]


def test_a_notebook_beyond_its_time_is_killed_with_its_kernel(house: Any, tmp_path: Path) -> None:
    report = notebook("import os, time; open('pid', 'w').write(str(os.getpid()))", "time.sleep(600)")
    outcome = house.run(report, timeout_s=5.0)
    assert outcome.error["class"] == "RunTimedOut"
    assert "Cell 2 of 2." in outcome.log
    house.run(notebook("1"))
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()


def test_memory_that_the_kernel_takes_counts(house: Any) -> None:
    outcome = house.run(notebook("x = bytearray(800 << 20)"), memory_mb=256)
    assert outcome.error["class"] in ("OutOfMemory", "HandlerFailed")
    assert outcome.error["type"] in ("OutOfMemory", "MemoryError")


def test_the_kernel_works_in_the_functions_folder_with_its_variables(house: Any, tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("VALUE = 'from beside'")
    report = notebook("import os, neighbour; print(neighbour.VALUE, os.getcwd(), os.environ['COLOUR'])")
    outcome = house.run(report, env={"COLOUR": "blue"})
    assert texts(staged(outcome)) == [f"from beside {tmp_path} blue"]


def test_its_kernels_work_is_metered(house: Any) -> None:
    outcome = house.run(notebook("data = bytearray(200 << 20)\nsum(range(3_000_000))"))
    assert outcome.usage.cpu_ms > 50
    assert outcome.usage.max_memory_mb >= 200


def test_a_kernel_that_is_not_there_is_named(house: Any) -> None:
    outcome = house.run(notebook("1", kernel="haskell-1998"))
    assert outcome.error["class"] == "LoadFailed"
    assert "haskell-1998" in outcome.error["message"]
    assert "python3" in outcome.error["message"]


def test_nothing_is_left_of_a_run_but_its_copy(house: Any, tmp_path: Path) -> None:
    house.run(notebook("1"))
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]
    rooms = house.scratch.glob("room-*")  # those of earlier tests may just be on their way out
    assert not [name for room in rooms for _, folders, files in os.walk(room) for name in (*folders, *files)]


def test_the_copy_is_a_valid_notebook(house: Any) -> None:
    outcome = house.run(notebook("#p\nn = 1", "n", n=5))
    document = json.loads(staged(outcome).read_text())
    nbformat.validate(document)
    assert document["metadata"]["papermill"]["parameters"] == {"n": 5}


def test_a_published_notebook_is_checked_for_its_packages(house: Any) -> None:
    outcome = house.run(notebook("1"), packages={"pandas": "0.1"})
    assert "pandas 0.1" in outcome.error["message"]
