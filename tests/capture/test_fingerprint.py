"""The same content has the same fingerprint in every kernel; other content has another."""

import copy
import dataclasses
import enum
import functools
import os
import pickle
import re
import subprocess
import sys
import textwrap
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_fn.capture.fingerprint import fingerprint

CONTENT = textwrap.dedent(
    """
    import dataclasses, enum, functools, re
    import numpy as np
    import pandas as pd
    from datetime import datetime
    from pathlib import Path

    class Colour(enum.Enum):
        RED = 1
        BLUE = "b"

    @dataclasses.dataclass
    class Point:
        x: int = 0
        tags: set = dataclasses.field(default_factory=set)
        def far(self): return self.x > LIMIT

    class Node:
        def __init__(self): self.me = self; self.words = {"alpha", "beta", "gamma", "delta"}

    class Slotted:
        __slots__ = ("a", "b")
        def __init__(self): self.a = 1; self.b = {"x", "y", "z"}

    LIMIT = 3
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - 1)
    def closure(k):
        def inner(x): return x in {"one", "two", "three"} and x * k
        return inner
    twice = lambda x: x * 2

    values = {
        "json": {"a": [1, 2.5, None, True, "text"], "b": {"c": []}},
        "words": {"alpha", "beta", "gamma", "delta", "epsilon"},
        "nested": frozenset({frozenset({"a", "b"}), ("c", frozenset({"d", "e", "f"}))}),
        "array": np.arange(12.0).reshape(3, 4),
        "objects": np.array(["a", 1, None], dtype=object),
        "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.to_datetime(["2024-01-01", "2024-01-02"])}),
        "mixed": pd.DataFrame({"a": [1, "1", [2]]}, index=pd.MultiIndex.from_tuples([(1, "a"), (1, "b"), (2, "a")])),
        "series": pd.Series([1.5, None], name="s", index=pd.Index(["u", "v"], name="k")),
        "category": pd.Series(["a", "b"], dtype=pd.CategoricalDtype(["a", "b", "c"], ordered=True)),
        "functions": [even, closure(3), twice, functools.partial(twice, 1), re.compile("a+").match, len],
        "classes": [Colour, Point, Node, Slotted, dict, Path],
        "objects of them": [Colour.RED, Point(2, {"p", "q", "r"}), Node(), Slotted()],
        "others": [datetime(2024, 1, 1), Path("a/b"), re.compile("x", re.I), range(3), 1j, b"b", ..., slice(1, 2)],
    }
    """
)
SCRIPT = CONTENT + textwrap.dedent(
    """
    import json
    from jupyter_fn.capture.fingerprint import fingerprint
    print(json.dumps({name: fingerprint(value) for name, value in values.items()}))
    """
)


def in_another_process(seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_two_kernels_with_other_hash_seeds_agree():
    one, other = in_another_process("1"), in_another_process("271828")
    assert one == other


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_a_copy_has_the_same_fingerprint(value):
    assert fingerprint(copy.deepcopy(value)) == fingerprint(value)
    assert fingerprint(pickle.loads(pickle.dumps(value))) == fingerprint(value)


@given(json_values, json_values)
def test_equal_fingerprints_mean_equal_content(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (repr(one) == repr(other))


@given(st.lists(st.text(max_size=3), unique=True, max_size=6), st.randoms())
def test_the_order_of_a_set_does_not_count(items, random):
    shuffled = list(items)
    random.shuffle(shuffled)
    assert fingerprint(set(items)) == fingerprint(set(shuffled))


def test_the_order_of_a_dict_counts_because_handlers_see_it():
    assert fingerprint({"a": 1, "b": 2}) != fingerprint({"b": 2, "a": 1})


def test_shared_and_equal_parts_are_the_same():
    part = [1, 2]
    assert fingerprint([part, part]) == fingerprint([[1, 2], [1, 2]])


def test_an_object_may_contain_itself():
    one: list = [1]
    one.append(one)
    other: list = [1]
    other.append(other)
    assert fingerprint(one) == fingerprint(other)


def compiled(source: str, name: str = "f"):
    space: dict = {"__name__": "__main__"}
    exec(source, space)
    return space[name]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x): return x + 1", "def f(x): return x + 2"),
        ("def f(x, y=1): return x", "def f(x, y=2): return x"),
        ("def f(x, *, y=1): return x", "def f(x, *, y=2): return x"),
        ("K = 1\ndef f(x): return K", "K = 2\ndef f(x): return K"),
        ("def g(): return 1\ndef f(x): return g()", "def g(): return 2\ndef f(x): return g()"),
        ("def f(x): return x.real", "def f(x): return x.imag"),
        ("def f(x): return [y for y in x]", "def f(x): return [-y for y in x]"),
        ("class f:\n  a = 1", "class f:\n  a = 2"),
        ("class f:\n  def m(self): return 1", "class f:\n  def m(self): return 2"),
        ("class f(dict): pass", "class f(list): pass"),
        ("class f:\n  x: int", "class f:\n  x: str"),
        ("import enum\nclass f(enum.Enum):\n  A = 1", "import enum\nclass f(enum.Enum):\n  A = 2"),
        (
            "from dataclasses import *\n@dataclass\nclass f:\n  x: list = field(default_factory=list)",
            "from dataclasses import *\n@dataclass\nclass f:\n  x: list = field(default_factory=lambda: [1])",
        ),
        (
            "def o(k):\n  def i(): return k\n  return i\nf = o(1)",
            "def o(k):\n  def i(): return k\n  return i\nf = o(2)",
        ),
        ("class A:\n  x = 1\nf = A().__class__", "class A:\n  x = 2\nf = A().__class__"),
    ],
)
def test_another_meaning_has_another_fingerprint(one, other):
    assert fingerprint(compiled(one)) == fingerprint(compiled(one))
    assert fingerprint(compiled(one)) != fingerprint(compiled(other))


def test_pickling_instances_leaves_their_class_as_it_was():
    for source in ("class f:\n  a = 1", "class f:\n  __slots__ = ('a',)", "class f(Exception):\n  pass"):
        cls = compiled(source)
        before = fingerprint(cls)
        cls().__reduce_ex__(4)
        assert fingerprint(cls) == before


def test_comments_and_layout_of_functions_do_not_count():
    assert fingerprint(compiled("def f(x):\n    # why\n\n    return (x\n      + 1)")) == fingerprint(
        compiled("def f(x): return x + 1")
    )


def test_library_functions_go_by_name():
    assert fingerprint(textwrap.dedent) == fingerprint(textwrap.dedent)
    assert fingerprint(textwrap.dedent) != fingerprint(textwrap.indent)


def test_many_functions_that_know_each_other_are_walked_once():
    names = [f"f{i}" for i in range(30)]
    source = "\n".join(f"def {name}(x): return [{', '.join(names)}]" for name in names)
    assert fingerprint(compiled(source, "f0"))


@dataclasses.dataclass
class Money:
    amount: Decimal


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("a", b"a"),
        ((1,), [1]),
        ({1}, frozenset({1})),
        (["a", "b"], ["ab"]),
        (date(2024, 1, 1), datetime(2024, 1, 1)),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        (Money(Decimal(1)), Money(Decimal(2))),
        (Level.LOW, Level.HIGH),
        (Level.LOW, 1),
        (Path("a"), Path("b")),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        ("a".join, "b".join),
        (re, os),
    ],
)
def test_values_that_differ_have_other_fingerprints(one, other):
    assert fingerprint(one) != fingerprint(other)


def test_arrays_and_frames_differ_by_content_type_and_names():
    import numpy as np
    import pandas as pd

    different = [
        np.array([1, 2]),
        np.array([1.0, 2.0]),
        np.array([[1, 2]]),
        np.array(["1", 2], dtype=object),
        np.array([1, 2], dtype=object),
        pd.DataFrame({"a": [1, 2]}),
        pd.DataFrame({"b": [1, 2]}),
        pd.DataFrame({"a": [1, 3]}),
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"a": [1, 2]}, index=[5, 6]),
        pd.DataFrame({"a": ["1", 2]}, dtype=object),
        pd.DataFrame({"a": [1, "2"]}, dtype=object),
        pd.Series([1, 2]),
        pd.Series([1, 2], name="a"),
        pd.Index([1, 2]),
        pd.Series(["a"], dtype="category"),
        pd.Series(["a"], dtype=pd.CategoricalDtype(["a", "b"])),
    ]
    assert len({fingerprint(value) for value in different}) == len(different)
    assert fingerprint(pd.DataFrame({"a": [1, 2]})) == fingerprint(pd.DataFrame({"a": [1, 2]}).copy())


def test_an_object_that_refuses_to_be_reduced_still_has_one():
    class Stubborn:
        def __init__(self) -> None:
            self.x = 1

        def __reduce_ex__(self, protocol: int) -> str:
            raise TypeError

    first, second = Stubborn(), Stubborn()
    assert fingerprint(first) == fingerprint(second)
    second.x = 2
    assert fingerprint(first) != fingerprint(second)
