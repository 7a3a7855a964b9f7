"""A bundle's handler in this process."""

import traceback

import pytest

from jupyter_fn.capture.local import build_handler
from jupyter_fn.model.errors import NoHandler
from jupyter_fn.model.version import Bundle


def test_it_has_its_own_copy_of_what_it_captured(captured):
    limit = [3]
    handler = build_handler(
        captured("def handler(event):\n    limit.append(event)\n    return limit", {"limit": limit}).bundle
    )
    assert handler(4) == [3, 4]
    assert limit == [3]


def test_a_traceback_shows_the_lines_of_the_cell(captured):
    handler = build_handler(captured("# %%fn daily\ndef handler(event):\n    return 1 / event").bundle)
    with pytest.raises(ZeroDivisionError) as caught:
        handler(0)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno, last.line) == ("<fn daily>", 3, "return 1 / event")


def test_every_build_starts_afresh(captured):
    bundle = captured("n = 0\ndef handler(event):\n    global n\n    n += 1\n    return n").bundle
    assert [build_handler(bundle)(0), build_handler(bundle)(0)] == [1, 1]


def test_a_notebook_has_no_handler():
    with pytest.raises(NoHandler):
        build_handler(Bundle(kind="notebook", source="{}", handler="", filename="x.ipynb"))
