"""Tracebacks of captured functions show their lines, also in a process that never saw the notebook."""

import linecache
import pickle
import subprocess
import sys
import traceback

import pytest

CELL = '''\
import functools

def ratio(x):
    """Doc."""
    def inner(y):
        return 1 / y
    return inner(x)

class Rule:
    @property
    def broken(self):
        return {}["key"]

halve = lambda x: x / None
'''
HANDLER = "def handler(event): return ratio, Rule, halve"


@pytest.fixture
def cell():
    """The namespace of a cell whose text Python's `linecache` knows, as a kernel's does."""
    name = "/tmp/ipykernel_7/1234.py"
    linecache.cache[name] = (len(CELL), None, CELL.splitlines(keepends=True), name)
    namespace = {"__name__": "__main__"}
    exec(compile(CELL, name, "exec", dont_inherit=True), namespace)
    yield namespace
    del linecache.cache[name]


def elsewhere(draft, call: str) -> str:
    """What a fresh process prints that loads the captured values and runs `call`."""
    script = f"""
import pickle, sys, traceback
from jupyter_fn.model.version import Bundle
globals().update(Bundle.from_dict(pickle.load(sys.stdin.buffer)).unpickled(pickle.loads))
try:
    {call}
except Exception:
    traceback.print_exc(file=sys.stdout)
"""
    data = pickle.dumps(draft.bundle.to_dict())
    return subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True).stdout.decode()


def test_the_lines_of_functions_inner_functions_methods_and_lambdas_are_shown(captured, cell):
    draft = captured(HANDLER, cell)
    printed = elsewhere(draft, "ratio(0)")
    assert 'File "<source of ratio>", line 7, in ratio\n    return inner(x)\n' in printed
    assert 'File "<source of ratio>", line 6, in inner\n    return 1 / y\n' in printed
    assert 'line 12, in broken\n    return {}["key"]\n' in elsewhere(draft, "Rule().broken")
    assert "line 14, in <lambda>\n    halve = lambda x: x / None\n" in elsewhere(draft, "halve(1)")


def test_the_lines_are_sent_once_and_are_no_dependency(captured, cell):
    draft = captured("def handler(event): return ratio(1)", cell)
    assert draft.bundle.values["ratio"].count(b"return 1 / y") == 1
    assert draft.packages == {}


def test_lines_do_not_count_for_the_digest(captured, cell):
    with_lines = captured(HANDLER, cell)
    linecache.cache["/tmp/ipykernel_7/1234.py"] = (0, None, [], "")
    assert captured(HANDLER, cell).digest == with_lines.digest


def test_code_without_a_text_travels_without(captured, kernel):
    ratio = captured("def handler(event): return ratio(1)", kernel("def ratio(x): return 1 / x")).bundle.values["ratio"]
    with pytest.raises(ZeroDivisionError) as caught:
        pickle.loads(ratio)(0)
    assert "<dynamic-code>" in "".join(traceback.format_exception(caught.value))
