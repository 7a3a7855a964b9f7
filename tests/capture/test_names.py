"""Free names, by example and against Python's own symbol tables."""

import ast
import symtable
import sysconfig
import textwrap
from pathlib import Path

import pytest

from jupyter_fn.capture.names import bound_names, free_names


def free(source: str) -> set[str]:
    return {one.name for one in free_names(ast.parse(textwrap.dedent(source)))}


def sure(source: str) -> set[str]:
    return {one.name for one in free_names(ast.parse(textwrap.dedent(source))) if one.sure}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(e): return x + e", {"x"}),
        ("def f(e): x = 1; return x", set()),
        ("def f(e):\n  def g(): return y\n  return g", {"y"}),
        ("def f(e):\n  y = 1\n  def g(): return y\n  return g", set()),
        ("def f(e, d=default): return d", {"default"}),
        ("def f(e, *, d=default): return d", {"default"}),
        ("@decorate(arg)\ndef f(e): pass", {"decorate", "arg"}),
        ("def f(e: Event) -> Result: pass", {"Event", "Result"}),
        ("def f(e: 'Event') -> 'Result': pass", set()),
        ("from __future__ import annotations\ndef f(e: Event): pass", set()),
        ("def f(e):\n  x: Local = 1\n  return x", set()),
        ("x: Evaluated = 1", {"Evaluated"}),
        ("def f(e): return [i for i in items if i > low]", {"items", "low"}),
        ("def f(e): return {k: v for k, v in pairs}", {"pairs"}),
        ("def f(e): return [i for i in a for j in i]", {"a"}),
        ("def f(e): return [last := i for i in e] and last", set()),
        ("def f(e):\n  if (n := len(e)) > 1: return n", {"len"}),
        ("class A(Base, metaclass=Meta):\n  x = y\n  def f(self): return x", {"Base", "Meta", "y", "x"}),
        ("class A:\n  x = 1\n  y = x", set()),
        ("class A:\n  def f(self): return __class__, super()", {"super"}),
        ("import a.b.c\nfrom d import e as g\ndef f(x): return a, g", set()),
        ("def f(e):\n  import json\n  return json", set()),
        ("def f(e):\n  try: pass\n  except Bad as error: return error", {"Bad"}),
        ("def f(e):\n  global n\n  n = 1\n  return m", {"m"}),
        ("def f(e):\n  with opener() as (a, b): return a, b", {"opener"}),
        (
            "def f(e):\n  match e:\n    case {'a': x, **rest}: return x, rest\n    case [first, *more] as whole: return 1",
            set(),
        ),
        ("def f(e):\n  match e:\n    case Point(x=0): pass\n    case Colour.RED: pass", {"Point", "Colour"}),
        ("def f(e):\n  for i, (j, k) in pairs: del i\n  return j, k", {"pairs"}),
        ("def f(e): return lambda x, y=z: x + y + w", {"z", "w"}),
        ("def f(e): return f'{x!r:>{width}}'", {"x", "width"}),
        ("async def f(e):\n  async for x in source: await x\n  async with lock as l: pass", {"source", "lock"}),
        ("def f(*a, **k): return a, k, __name__, __doc__", set()),
        ("def f(e):\n  def g():\n    nonlocal n\n    n += 1\n  n = 0\n  return g", set()),
        ("print(helper(1))\ndef f(e): pass", {"print", "helper"}),
    ],
)
def test_free_names(source, names):
    assert free(source) == names


def test_a_name_read_before_it_is_bound_may_come_from_the_kernel():
    assert free("df = df.dropna()\ndef f(e): return df") == {"df"}
    assert free("total += 1") == {"total"}
    assert sure("df = df.dropna()") == set()


def test_a_name_bound_only_by_a_global_statement_may_come_from_the_kernel():
    source = "def f(e):\n  global cache\n  if cache is None: cache = 1"
    assert free(source) == {"cache"}
    assert sure(source) == set()


def test_after_import_star_nothing_is_sure():
    assert sure("from math import *\ndef f(e): return sin(e)") == set()


def test_the_line_is_where_the_name_is_read_first():
    found = free_names(ast.parse("def f(e):\n    y = 1\n    return x + y\n\nprint(x)\n"))
    assert {one.name: one.line for one in found} == {"x": 3, "print": 5}


def test_a_local_of_another_function_does_not_hide_the_line():
    found = free_names(ast.parse("def a():\n  x = 1\n  return x\ndef b(): return x\n"))
    assert [(one.name, one.line) for one in found] == [("x", 4)]


@pytest.mark.skipif(not hasattr(ast, "TypeAlias"), reason="syntax of Python 3.12")
def test_type_parameters_are_bound():
    assert free("def f[T: Bound](e: T) -> T: return e\nclass C[K](dict[K, V]): pass\ntype X[A] = list[A]") == {
        "Bound",
        "dict",
        "V",
        "list",
    }


def test_bound_names_are_what_the_module_leaves_behind():
    assert bound_names(ast.parse("import a.b\nx, (y, *z) = 1, (2,)\ndef f(): global g; g = 1\nclass C: q = 1")) == {
        *"axyz",
        *"fgC",
    }


STDLIB = Path(sysconfig.get_path("stdlib"))


@pytest.mark.parametrize(
    "name", ["dataclasses", "argparse", "enum", "typing", "inspect", "contextlib", "asyncio/tasks"]
)
def test_pythons_own_symbol_tables_agree(name):
    source = (STDLIB / f"{name}.py").read_text()
    tree = ast.parse(source)
    mine = {one.name for one in free_names(tree)} - bound_names(tree)
    implicit = {"__name__", "__doc__", "__builtins__", "__annotations__", "__class__", "__spec__"}
    assert mine == symbols(symtable.symtable(source, name, "exec")) - implicit


def symbols(top: symtable.SymbolTable) -> set[str]:
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    read, waiting = set(), [top]
    while waiting:
        table = waiting.pop()
        read |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (table is top or s.is_global())}
        bound |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
        waiting.extend(table.get_children())
    return read - bound
