"""Which function handles."""

import ast

import pytest

from jupyter_fn.capture.handler import choose_handler
from jupyter_fn.model.errors import NoHandler


def chosen(source: str) -> str:
    return choose_handler(ast.parse(source), "daily")


def test_the_one_called_handler_wins():
    assert chosen("def daily(e): ...\ndef handler(e): ...\ndef x(e): ...") == "handler"


def test_else_the_one_called_like_the_function():
    assert chosen("def x(e): ...\ndef daily(e): ...") == "daily"


def test_else_the_only_one():
    assert chosen("import os\nclass A:\n  def m(self): ...\ndef whatever(e): ...") == "whatever"


def test_async_functions_and_generators_may_handle():
    assert chosen("async def handler(event, context): ...") == "handler"
    assert chosen("def handler(event):\n  yield 1") == "handler"


def test_a_handler_may_be_bound_in_another_way():
    assert chosen("from etl import handler") == "handler"
    assert chosen("daily = lambda event: 1\ndef x(e): ...\ndef y(e): ...") == "daily"


def test_several_candidates_are_named():
    with pytest.raises(NoHandler, match="load, clean") as caught:
        chosen("def load(e): ...\ndef clean(e): ...")
    assert "handler or daily" in caught.value.remedy


def test_a_cell_without_functions_is_refused():
    with pytest.raises(NoHandler, match="no function"):
        chosen("x = 1")


@pytest.mark.parametrize(
    "arguments", ["event", "event, context", "event, context=None", "event, /", "*args", "event, *, x=1", "e, c, d=1"]
)
def test_arguments_that_fit(arguments):
    assert chosen(f"def handler({arguments}): ...") == "handler"


@pytest.mark.parametrize("arguments", ["", "a, b, c", "event, *, key", "*, event", "**event"])
def test_arguments_that_do_not_fit_are_shown_with_a_remedy(arguments):
    with pytest.raises(NoHandler, match=r"handler\(.*\) in line 2 cannot be called") as caught:
        chosen(f"\ndef handler({arguments}): ...")
    assert "def handler(event, context):" in caught.value.remedy


def test_the_arguments_of_a_decorated_handler_are_the_decorators_business():
    assert chosen("@inject\ndef handler(db, event, context): ...") == "handler"
