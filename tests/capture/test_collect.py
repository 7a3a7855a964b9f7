"""What a file publishes, without publishing it."""

import json
import os
import sys

import nbformat
import pytest

from jupyter_fn.capture.collect import collect, collect_module, collect_notebook, collecting, record
from jupyter_fn.capture.draft import capture_function
from jupyter_fn.capture.local import build_handler
from jupyter_fn.capture.notebook import capture_notebook
from jupyter_fn.model.errors import (
    BadSource,
    LoopRefused,
    NoHandler,
    NotFound,
    UndefinedName,
    UnknownOption,
    UsageError,
)
from jupyter_fn.model.function import Options

MODULE = """
import json
from jupyter_fn.client.decorator import Fn

fn = Fn(clients=None)

print("imported")

@fn(on="in/*.csv", retries=5)
def load(event, context):
    return later(event["x"])

@fn(name="second")
def other(event):
    import neighbour_c
    return neighbour_c.value

def later(x):
    return x * FACTOR

FACTOR = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def notebook(path, *cells: str, **metadata):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=metadata)
    nbformat.write(made, path)
    return path


class TestModule:
    @pytest.fixture
    def module(self, here):
        (here / "src").mkdir()
        (here / "src" / "neighbour_c.py").write_text("value = 7")
        (here / "src" / "etl_c.py").write_text(MODULE)
        return here / "src" / "etl_c.py"

    def test_its_decorated_functions_are_captured_after_all_of_it_has_run(self, module, here):
        load, second = collect(module)
        assert (load.function, load.options.retries, load.options.on) == ("load", 5, ("in/*.csv",))
        assert build_handler(load.bundle)({"x": 2}, None) == 6
        assert load.folder == str(here)
        assert second.function == "second"

    def test_some_may_be_chosen_by_name(self, module):
        assert [draft.function for draft in collect(module, ["second"])] == ["second"]
        with pytest.raises(NotFound, match="'lod'") as caught:
            collect(module, ["lod"])
        assert "'load'" in caught.value.remedy

    def test_its_neighbours_are_shipped_and_the_path_is_left_as_it_was(self, module):
        before = list(sys.path)
        (second,) = collect(module, ["second"])
        assert sys.path == before
        assert second.packages == {}

    def test_what_it_prints_does_not_reach_standard_output(self, module, capsys):
        collect(module)
        assert capsys.readouterr().out == ""

    def test_collecting_twice_gives_the_same_versions(self, module):
        assert [d.digest for d in collect(module)] == [d.digest for d in collect(module)]

    def test_a_module_that_fails_names_its_line(self, here):
        (here / "bad.py").write_text("x = 1\n\n1 / 0\n")
        with pytest.raises(BadSource, match=r"bad.py stopped in line 3 \(ZeroDivisionError: division by zero\)"):
            collect("bad.py")
        (here / "worse.py").write_text("def f(:\n")
        with pytest.raises(BadSource, match=r"worse.py stopped in line 1"):
            collect("worse.py")

    def test_a_wrong_option_in_a_module_keeps_its_own_error_and_is_told_the_line(self, here):
        (here / "odd.py").write_text("from jupyter_fn import fn\n\n@fn(memry='1GB')\ndef odd(event):\n    return 1\n")
        with pytest.raises(UnknownOption, match=r"odd.py, line 3: memry is not an option") as caught:
            collect("odd.py")
        assert caught.value.remedy == "Did you mean 'memory'?"

    def test_a_module_without_functions_is_refused(self, here):
        (here / "empty.py").write_text("")
        with pytest.raises(NoHandler, match=r"empty.py publishes no function"):
            collect("empty.py")


def test_files_that_are_not_there_or_of_another_kind_are_refused(here):
    for name in ("no.py", "no.ipynb"):
        with pytest.raises(NotFound, match=name):
            collect(name)
    with pytest.raises(UsageError, match="neither"):
        collect("data.csv")


def test_outside_of_a_collection_nothing_is_recorded():
    def f(event): ...

    assert not record(f, "f", Options())
    with collecting() as found:
        assert record(f, "f", Options())
    assert [one.name for one in found] == ["f"]
    assert not record(f, "f", Options())


class TestNotebook:
    def test_a_cell_finds_what_the_cells_above_it_make(self, here):
        path = notebook(
            here / "n.ipynb",
            "%load_ext jupyter_fn\n%matplotlib inline\nimport json, math",
            "rates = {'a': 1}\n!ls",
            "%%bash\necho hello",
            "rates['b'] = base * 2",
            "base = 1",
            "base = 4",
            "rates['c'] = base + 1",
            "raise SystemExit('never')",
            "trial.invoke({})",
            "%%fn load --on 'in/*.csv' --retries 1\ndef handler(event):\n    return json.dumps(rates)",
            "rates = None",
        )
        path.write_text(path.read_text().replace("base * 2", "2"))
        (draft,) = collect(path)
        assert json.loads(build_handler(draft.bundle)({})) == {"a": 1, "b": 2, "c": 5}
        assert draft.options == Options(on=("in/*.csv",), retries=1)
        assert draft.bundle.source.startswith("# %%fn load --on 'in/*.csv' --retries 1\ndef handler")

    def test_publishing_a_notebook_and_its_cell_gives_the_same_version(self, here, captured):
        body = "def handler(event):\n    return K"
        (draft,) = collect(notebook(here / "n.ipynb", "K = 3", f"%%fn daily\n{body}"))
        assert draft.digest == captured(body, {"K": 3}).digest

    def test_every_cell_or_those_named(self, here):
        path = notebook(here / "n.ipynb", "%%fn a\ndef f(e): return 1", "%%fn b\ndef f(e): return 2")
        assert [draft.function for draft in collect_notebook(path)] == ["a", "b"]
        assert [draft.function for draft in collect_notebook(path, ["b"])] == ["b"]
        with pytest.raises(NotFound):
            collect_notebook(path, ["c"])

    def test_a_name_that_no_cell_above_makes_is_undefined(self, here):
        with pytest.raises(UndefinedName, match="'K' in line 2"):
            collect(notebook(here / "n.ipynb", "%%fn a\ndef f(e): return K", "K = 1"))

    def test_a_cell_above_that_fails_is_named(self, here):
        with pytest.raises(BadSource, match=r"Code cell 1 of n.ipynb stopped in line 2 \(KeyError: 'x'\)"):
            collect(notebook(here / "n.ipynb", "d = {}\nK = d['x']", "%%fn a\ndef f(e): return K"))

    def test_the_line_of_the_magic_is_read_as_in_a_kernel(self, here):
        with pytest.raises(UnknownOption, match="--memroy"):
            collect(notebook(here / "n.ipynb", "%%fn a --memroy 1\ndef f(e): return 1"))
        with pytest.raises(UsageError, match="does not name one function"):
            collect(notebook(here / "n.ipynb", "%%fn\ndef f(e): return 1"))

    def test_functions_of_other_cells_travel(self, here):
        path = notebook(
            here / "n.ipynb",
            "from math import *\ndef half(x):\n    return sqrt(x) / 2",
            "%%fn a\ndef f(e): return half(e)",
        )
        (draft,) = collect(path)
        assert build_handler(draft.bundle)(16) == 2

    def test_a_notebook_without_cells_of_ours_is_refused(self, here):
        with pytest.raises(NoHandler):
            collect(notebook(here / "n.ipynb", "x = 1"))

    def test_a_file_that_is_no_notebook_is_refused(self, here):
        (here / "n.ipynb").write_text("{}")
        with pytest.raises(BadSource, match=r"n.ipynb is not a notebook"):
            collect("n.ipynb")


class TestWholeNotebook:
    def capture(self, path, **changes):
        return capture_notebook(path, **{"options": Options(), "folder": path.parent, **changes})

    def test_it_is_its_own_source_without_outputs(self, here):
        path = notebook(here / "daily report.ipynb", "import pandas as pd", "%%bash\nls", "!ls")
        document = nbformat.read(path, 4)
        document.cells[0].outputs = [nbformat.v4.new_output("stream", text="loud")]
        document.cells[0].execution_count = 9
        nbformat.write(document, path)
        draft = self.capture(path, parameters={"day": "2024-01-01"}, output="out/{day}.ipynb", kernel="python3")
        assert (draft.function, draft.bundle.kind, draft.bundle.handler) == ("daily_report", "notebook", "")
        assert "loud" not in draft.bundle.source
        assert nbformat.reads(draft.bundle.source, 4).cells[0].source == "import pandas as pd"
        assert draft.bundle.parameters == {"day": "2024-01-01"}
        assert set(draft.packages) == {"pandas"}
        assert draft.captured == ()

    def test_what_counts_is_code_tags_parameters_and_kernel(self, here):
        path = notebook(here / "a.ipynb", "x = 1")
        first = self.capture(path)
        document = nbformat.read(path, 4)
        document.cells.append(nbformat.v4.new_markdown_cell("words"))
        document.cells[0].execution_count = 3
        nbformat.write(document, path)
        assert self.capture(path).digest == first.digest
        assert self.capture(path, parameters={"a": 1}).digest != first.digest
        assert self.capture(path, kernel="other").digest != first.digest
        document.cells[0].metadata["tags"] = ["parameters"]
        nbformat.write(document, path)
        assert self.capture(path).digest != first.digest


def test_a_notebook_that_writes_where_it_watches_is_refused(here):
    path = notebook(here / "n.ipynb", "df.to_csv('in/x.csv')")
    with pytest.raises(LoopRefused):
        capture_notebook(path, options=Options(on=("in/*.csv",)), folder=here)
    assert capture_notebook(path, options=Options(on=("in/*.csv",), allow_loop=True), folder=here)


def test_the_name_of_a_function_may_be_given(here):
    def f(event): ...

    assert capture_function(f, options=Options(), folder=here, name="g").function == "g"


def test_a_module_is_published_as_it_stands_even_when_it_was_edited_in_the_same_second(tmp_path):
    path = tmp_path / "jobs.py"
    for number in (1, 2):
        path.write_text(
            f"from jupyter_fn.client.decorator import Fn\nfn = Fn(clients=None)\n@fn\ndef one(event):\n    return {number}\n"
        )
        os.utime(path, (1_700_000_000, 1_700_000_000))
        (draft,) = collect_module(path)
        assert f"return {number}" in draft.bundle.source
    assert not (tmp_path / "__pycache__").exists()
