"""A whole notebook as a handler: parameters in, the executed copy out, cost and failure as of any run."""

import json
from pathlib import Path

import nbformat
import pytest


def notebook(house, name, *cells):
    document = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(cell, metadata={"tags": ["parameters"]} if place == 0 else {})
            for place, cell in enumerate(cells)
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(document, house.work / name)


@pytest.fixture(scope="module", autouse=True)
def report(house):
    notebook(house, "report.ipynb", "year = 2000\nn = 1", "print('year', year)", "1 / n")
    words = "schedule report.ipynb -p year=2013 -p n=1 --output 'out/report-{year}-{n}.ipynb' --memory 1GB --retries 0"
    assert house.ok(f"{words} --json").json["function"] == "report"


def outputs(path):
    return [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", ())]


def test_parameters_are_injected_and_the_executed_copy_is_kept(house):
    said = house.invoke("report")
    assert said.code == 0
    assert "year 2013" in said.err
    path = Path(said.json["output"])
    assert path == house.work / "out" / "report-2013-1.ipynb"
    assert outputs(path)[0].text == "year 2013\n"


def test_the_event_of_an_invocation_gives_parameters_too(house):
    assert house.invoke("report", {"year": 2014}).code == 0
    assert (house.work / "out" / "report-2014-1.ipynb").exists()


def test_a_notebook_run_costs_like_any_run(house):
    run = house.runs("report --last 1")[0]
    assert run["billed_ms"] > 0
    assert run["memory_mb"] == 1024
    assert float(run["cost_usd"]) > 0


def test_a_cell_that_fails_fails_the_run_with_its_own_traceback_and_a_copy_to_look_at(house):
    said = house.invoke("report", {"n": 0})
    assert said.code == 1
    assert "ZeroDivisionError" in said.err
    assert "1 / n" in said.err
    assert not (house.work / "out" / "report-2013-0.ipynb").exists()
    (failed,) = (house.work / "out").glob("*failed*")
    assert outputs(failed)[-1].output_type == "error"


def test_the_same_notebook_is_the_same_version_with_or_without_its_outputs(house):
    words = "schedule report.ipynb -p year=2013 -p n=1 --output 'out/report-{year}-{n}.ipynb' --memory 1GB --retries 0 --json"
    assert house.ok(words).json["created"] is False
    path = house.work / "report.ipynb"
    document = json.loads(path.read_text())
    document["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    path.write_text(json.dumps(document))
    assert house.ok(words).json["created"] is False
    document["cells"][1]["source"] = "print('other')"
    path.write_text(json.dumps(document))
    assert house.ok(words).json["number"] == 2


def test_a_notebook_follows_a_folder(house):
    notebook(house, "load.ipynb", "path = ''", "print(open(path).read())")
    house.ok("schedule load.ipynb --on 'drop/*.txt settle=100ms' --output 'loaded/{stem}.ipynb' --memory 1GB")
    house.write("drop/a.txt", "the content")
    (run,) = house.all_ended("load", 1)
    assert run["state"] == "succeeded", run["error"]
    assert outputs(house.work / "loaded" / "a.ipynb")[0].text == "the content\n"


def test_a_notebook_that_is_not_there_is_one_in_two_lines(house):
    said = house.fn("schedule nowhere.ipynb --on 'rate(1 hour)'")
    assert said.code == 1
    assert "nowhere.ipynb" in said.two_lines[0]
