"""What travels, what cannot, and who is to blame."""

import builtins
import collections.abc
import decimal
import pickle
import sqlite3
import sys
import threading
import xml.etree.ElementTree
from typing import Any

import pytest

from jupyter_fn.capture import values as capture_values
from jupyter_fn.capture.values import preview
from jupyter_fn.model.errors import BadSource, UndefinedName, UnshippableValue, ValueTooLarge


def values(draft) -> dict[str, Any]:
    return draft.bundle.unpickled(pickle.loads)


def test_what_the_source_reads_travels_and_nothing_else(captured):
    draft = captured("def handler(event): return limit", {"limit": 3, "other": 4})
    assert values(draft) == {"limit": 3}
    (limit,) = draft.captured
    assert (limit.name, limit.type, limit.preview) == ("limit", "int", "3")
    assert limit.size == len(draft.bundle.values["limit"])


def test_builtins_stay_where_they_are(captured):
    draft = captured("def handler(event): return len(open(event.path).read())", {"len": len, "open": builtins.open})
    assert values(draft) == {}


def test_ipythons_open_is_the_builtin_also_for_functions_of_the_notebook(captured, kernel):
    from IPython.core.interactiveshell import _modified_open

    plain, shell = (kernel("def load(path): return open(path).read()\nway = open") for _ in range(2))
    shell |= {"open": _modified_open, "way": _modified_open}
    draft = captured("def handler(event): return open(load(event.path)), way", shell)
    assert {one.name: one.type for one in draft.captured} == {"load": "function", "way": "function"}
    assert values(draft)["way"] is builtins.open
    source = "def handler(event): return open(load(event.path))"
    assert captured(source, shell).digest == captured(source, plain).digest


def test_a_builtin_that_the_user_replaced_travels(captured):
    assert values(captured("def handler(event): return input", {"input": "a.csv"})) == {"input": "a.csv"}


def test_an_undefined_name_is_named_with_its_line_and_the_nearest(captured):
    with pytest.raises(UndefinedName) as caught:
        captured("def handler(event):\n    return treshold", {"threshold": 1})
    assert "'treshold' in line 2 is not defined in this kernel" in caught.value.cause
    assert "Did you mean 'threshold'?" in caught.value.remedy


def test_a_name_that_a_captured_function_lacks_is_found_too(captured, kernel):
    with pytest.raises(UndefinedName, match=r"'factor' in line 2 of scale, which line 1 uses"):
        captured("def handler(event): return scale(1)", kernel("def scale(x):\n    return x * factor"))


def test_a_name_that_may_be_bound_is_no_error(captured):
    captured("try:\n    speed\nexcept NameError:\n    speed = 1\ndef handler(event): return speed")


def test_ipythons_own_names_are_refused(captured):
    shell = {"_ih": [], "_oh": {}, "get_ipython": lambda: None, "_": 5, "_3": 1}
    shell |= {"In": shell["_ih"], "Out": shell["_oh"]}
    for name in ("get_ipython", "display", "In", "Out", "_", "_3"):
        with pytest.raises(UndefinedName, match=f"^{name} in line 1 belongs to IPython"):
            captured(f"def handler(event): return {name}", shell)


def test_a_name_that_looks_like_ipythons_is_fine_outside_a_shell(captured):
    assert values(captured("def handler(event): return _('x'), In", {"_": str, "In": 1})) == {"_": str, "In": 1}


def test_a_value_that_cannot_be_shipped_is_named_with_type_and_line(captured):
    with pytest.raises(UnshippableValue) as caught:
        captured("def handler(event):\n    return conn.execute(event.sql)", {"conn": sqlite3.connect(":memory:")})
    assert "conn in line 2 is a sqlite3.Connection" in caught.value.cause
    assert "inside the handler" in caught.value.remedy


@pytest.mark.parametrize(
    ("cell", "way"),
    [
        ("def query(x): return conn.execute(x)", "query → conn"),
        ("def inner(): return conn\ndef query(x): return inner()", "query → inner → conn"),
        ("query = {'a': [1, conn]}", "query → ['a'] → [1]"),
        ("class Db:\n  def __init__(self): self.conn = conn\nquery = Db().conn.execute and Db()", "query → .conn"),
        ("class Query:\n  shared = conn\nquery = Query", "query → .shared"),
    ],
)
def test_the_innermost_culprit_is_named(captured, kernel, cell, way):
    namespace = kernel(f"import sqlite3\nconn = sqlite3.connect(':memory:')\n{cell}")
    with pytest.raises(UnshippableValue) as caught:
        captured("def handler(event):\n    return query", namespace)
    assert f"query in line 2 brings along ({way})" in caught.value.cause
    assert "sqlite3.Connection" in caught.value.cause
    named = "conn" if way.endswith("→ conn") else "query"
    assert caught.value.remedy.startswith(f"Make {named} inside the handler")


def test_open_files_and_locks_are_refused(captured, tmp_path):
    with (tmp_path / "x").open("w+") as file:
        for value, kind in ((file, "_io.TextIOWrapper"), (threading.Lock(), "_thread.lock")):
            with pytest.raises(UnshippableValue, match=kind):
                captured("def handler(event): return value", {"value": value})


def test_a_value_over_the_limit_is_named_with_size_and_limit(captured):
    with pytest.raises(ValueTooLarge) as caught:
        captured("def handler(event):\n    return blob", {"blob": b"x" * 11_000_000})
    assert caught.value.cause == ("blob in line 2 is a bytes of 11 MB; the limit for one captured value is 10 MB.")
    assert "file" in caught.value.remedy


def test_a_large_value_that_a_function_brings_along_is_named(captured, kernel):
    with pytest.raises(ValueTooLarge) as caught:
        captured("def handler(event): return f()", kernel("table = b'x' * 11_000_000\ndef f(): return len(table)"))
    assert caught.value.cause.startswith("table, which f in line 1 brings along (f → table), is a bytes of 11 MB")
    assert caught.value.remedy.startswith("Write table to a file")


def test_a_long_list_that_is_too_large_is_refused_without_a_look_at_each_item(captured, monkeypatch):
    looked = []
    real = capture_values.pickled
    monkeypatch.setattr(capture_values, "pickled", lambda value, **more: looked.append(1) or real(value, **more))
    with pytest.raises(ValueTooLarge, match="many in line 1 is a list of"):
        captured("def handler(event): return many", {"many": list(range(2_500_000))})
    assert len(looked) < 2000


def test_a_cached_function_travels_with_what_it_reads(captured, kernel):
    source = "import functools\nrate = 3\n@functools.lru_cache(maxsize=7)\ndef times(x): return rate * x"
    draft = captured("def handler(event): return times(2)", kernel(source))
    times = values(draft)["times"]
    assert (times(2), times.cache_parameters()["maxsize"], times.cache_info().currsize) == (6, 7, 1)
    other = captured("def handler(event): return times(2)", kernel(source.replace("rate = 3", "rate = 4")))
    assert other.digest != draft.digest


def test_a_cached_function_that_reads_what_is_not_there_is_refused(captured, kernel):
    names = kernel("import functools\n@functools.cache\ndef times(x): return ratio * x")
    with pytest.raises(UndefinedName, match="'ratio' in line 3 of times"):
        captured("def handler(event): return times(2)", names)


def test_a_cached_property_travels_with_its_class(captured, kernel):
    cls = "import functools\nclass Day:\n  n = 0\n  @functools.cached_property\n  def length(self): self.n += 1; return 24"
    names = kernel(f"{cls}\nday = Day()\nday.length")
    draft = captured("def handler(event): return Day, day", names)
    day = values(draft)["Day"]()
    assert (day.length, day.length, day.n) == (24, 24, 1)
    assert captured("def handler(event): return Day, day", names).digest == draft.digest
    other = kernel(f"{cls.replace('24', '25')}\nday = Day()\nday.length = 24")
    assert (
        captured("def handler(event): return Day", other).digest
        != captured("def handler(event): return Day", names).digest
    )


def test_what_a_value_says_of_itself_stays_one_short_line(captured, kernel):
    source = "class Rude:\n  def __reduce__(self): raise RuntimeError('no\\n' + 'x ' * 900)\nrude = Rude()"
    with pytest.raises(UnshippableValue) as caught:
        captured("def handler(event): return rude", kernel(source))
    assert str(caught.value).count("\n") == 1
    assert len(caught.value.cause) < 300


def test_modules_travel_by_name(captured):
    draft = captured("def handler(event): return decimal.Decimal(1)", {"decimal": decimal})
    assert values(draft) == {"decimal": decimal}
    assert draft.captured[0].type == "module"
    assert draft.captured[0].size < 200


def test_submodules_that_the_source_reaches_are_imported_too(captured):
    draft = captured("def handler(event): return xml.etree.ElementTree.parse(event.path)", {"xml": xml})
    assert b"xml.etree.ElementTree" in draft.bundle.values["xml"]
    assert values(draft) == {"xml": xml}
    plain = captured("def handler(event): return collections.OrderedDict()", {"collections": collections})
    assert b"collections.abc" not in plain.bundle.values["collections"]


def test_functions_and_classes_of_the_notebook_travel_whole(captured, kernel):
    namespace = kernel(
        "RATE = 3\ndef scale(x): return x * RATE\nclass Point:\n    def __init__(self, x): self.x = scale(x)\n"
    )
    draft = captured("def handler(event): return Point(2), scale", namespace)
    loaded = values(draft)
    namespace["RATE"] = 100
    assert loaded["Point"](2).x == 6
    assert {one.name: one.preview for one in draft.captured} == {"Point": "class Point", "scale": "def scale(x)"}


def test_a_cell_that_is_not_python_names_the_line(captured):
    with pytest.raises(BadSource, match=r"Line 2 is not Python: 'return return'"):
        captured("def handler(event):\n    return return")


@pytest.mark.parametrize("line", ["!pip install x", "%cd x", "files = !ls", "a, b = %who"])
def test_a_shell_command_in_the_cell_says_where_it_belongs(captured, line):
    with pytest.raises(BadSource) as caught:
        captured(f"{line}\ndef handler(event): return 1")
    assert "another cell" in caught.value.remedy


def test_what_comes_from_a_local_module_brings_the_module(captured, tmp_path, monkeypatch):
    (tmp_path / "tools_v.py").write_text("class Thing: pass\ndef triple(x): return 3 * x")
    monkeypatch.syspath_prepend(tmp_path)
    import tools_v

    for source, name, value in [
        ("def handler(event): return triple(1)", "triple", tools_v.triple),
        ("def handler(event): return thing", "thing", {"deep": [tools_v.Thing()]}),
        ("def handler(event): return tools_v.triple(1)", "tools_v", tools_v),
    ]:
        assert set(captured(source, {name: value}).bundle.modules) == {"tools_v"}
    monkeypatch.delitem(sys.modules, "tools_v")


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("a\nb", "'a\\nb'"),
        (decimal, "module decimal"),
        (str, "class str"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, ...]"),
    ],
)
def test_a_preview_is_one_short_line(value, text):
    assert preview(value) == text


def test_a_preview_survives_a_rude_object():
    assert "Rude" in preview(Rude())


def test_a_preview_of_a_frame_is_its_shape():
    import pandas

    assert preview(pandas.DataFrame({"a": range(10_000)})) == "DataFrame 10000 × 1"
