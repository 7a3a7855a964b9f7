"""Cell or function → draft; what its digest depends on."""

import dataclasses
import functools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from jupyter_fn.capture.draft import capture_cell, capture_function, cell_text
from jupyter_fn.capture.local import build_handler
from jupyter_fn.model.errors import BadSource, BadValue, UndefinedName
from jupyter_fn.model.function import Options
from jupyter_fn.model.version import Draft

CELL = "import json\n\ndef handler(event, context):\n    return json.dumps(limit)\n"


def test_a_draft_says_everything_that_a_version_needs(captured, tmp_path):
    draft = captured(CELL, {"limit": 3}, on=("in/*.csv",))
    assert draft.function == "daily"
    assert draft.folder == str(tmp_path)
    assert draft.python == ".".join(map(str, sys.version_info[:3]))
    assert (draft.bundle.kind, draft.bundle.source, draft.bundle.handler) == ("cell", CELL, "handler")
    assert draft.bundle.filename == "<fn daily>"
    assert draft.options.on == ("in/*.csv",)


def test_a_draft_survives_the_way_through_json(captured, kernel):
    draft = captured("def handler(event): return f(), x", kernel("x = []\ndef f(): return x"), env=(("A", "1"),))
    assert Draft.from_dict(draft.to_dict()) == draft


def test_a_name_that_cannot_name_a_function_is_refused(tmp_path):
    with pytest.raises(BadValue, match="cannot name a function"):
        capture_cell("9 lives", CELL, {}, options=Options(), folder=tmp_path)


def test_the_cell_is_not_executed(captured):
    captured("raise SystemExit('executed')\ndef handler(event): return 1")


def test_a_relative_import_is_refused(captured):
    with pytest.raises(BadSource, match=r"Line 2 imports relative to a package: 'from \. import x'"):
        captured("def handler(event):\n    from . import x")


def test_the_magic_line_keeps_its_place():
    assert cell_text(" daily --on 'a b' ", "x = 1\n") == "# %%fn daily --on 'a b'\nx = 1\n"


class TestDigest:
    def test_comments_and_layout_do_not_count(self, captured):
        one = captured("def handler(event):\n    return  limit # why\n", {"limit": 3})
        other = captured("# %%fn daily\n\n\ndef handler(event):\n\n    return (limit)", {"limit": 3})
        assert one.digest == other.digest

    def test_only_what_is_captured_counts(self, captured):
        assert captured(CELL, {"limit": 3}).digest == captured(CELL, {"limit": 3, "other": 1}).digest

    @pytest.mark.parametrize(
        "changed",
        [
            lambda c: c(CELL.replace("limit", "-limit"), {"limit": 3}),
            lambda c: c(CELL, {"limit": 4}),
            lambda c: c(CELL, {"limit": 3}, memory_mb=1024),
            lambda c: c(CELL, {"limit": 3}, env=(("A", "1"),)),
            lambda c: c(CELL.replace("import json", "import json, pandas"), {"limit": 3}),
        ],
    )
    def test_what_changes_behaviour_counts(self, captured, changed):
        assert changed(captured).digest != captured(CELL, {"limit": 3}).digest

    def test_the_folder_counts_because_relative_paths_hang_on_it(self, tmp_path):
        drafts = [
            capture_cell("daily", CELL, {"limit": 3}, options=Options(), folder=folder)
            for folder in (tmp_path, tmp_path / "sub")
        ]
        assert drafts[0].digest != drafts[1].digest

    def test_local_modules_count_by_their_meaning(self, captured, tmp_path):
        source = "def handler(event):\n    import helper_d\n    return helper_d.x"
        digests = []
        for text in ("x = 1", "x = 1  # same", "x = 2"):
            (tmp_path / "helper_d.py").write_text(text)
            digests.append(captured(source).digest)
        assert digests[0] == digests[1] != digests[2]

    def test_two_kernels_agree_though_their_pickles_differ(self, tmp_path):
        script = textwrap.dedent(
            f"""
            from jupyter_fn.capture.draft import capture_cell
            from jupyter_fn.model.function import Options
            import pandas as pd
            words = {{"alpha", "beta", "gamma", "delta"}}
            frame = pd.DataFrame({{"a": [1, 2], "b": ["x", "y"]}})
            class Rule:
                def __init__(self): self.words = words
                def __call__(self, x): return x in self.words
            rule = Rule()
            def check(x): return rule(x)
            source = "def handler(event): return check(event), frame, words, Rule, pd"
            print(capture_cell("daily", source, globals(), options=Options(), folder={str(tmp_path)!r}).digest)
            """
        )
        said = {
            subprocess.run(
                [sys.executable, "-c", script],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for seed in ("1", "99")
        }
        assert len(said) == 1


FACTOR = 2


def scale(x: int) -> int:
    return x * FACTOR


def doubled(function):
    @functools.wraps(function)
    def wrapper(event):
        return 2 * function(event)

    return wrapper


class Publisher:
    def __call__(self, *args, **kwargs):
        return (lambda f: f) if kwargs else args[0]


Publisher.__module__ = "jupyter_fn.client.decorator"
fn = Publisher()


@fn(
    on="in/*.csv",
)
def clean(event):
    """Doc."""
    return scale(event["x"])


@fn
@doubled
def twice(event):
    return scale(event["x"])


class TestFunction:
    def capture(self, function, **changes) -> Draft:
        return capture_function(function, options=Options(), folder=Path("/work"), **changes)

    def test_its_source_keeps_the_publishing_decorator_as_a_comment(self):
        draft = self.capture(clean)
        assert draft.bundle.source.startswith('# @fn(\n#     on="in/*.csv",\n# )\ndef clean(event):\n    """Doc."""\n')
        assert (draft.function, draft.bundle.kind, draft.bundle.handler) == ("clean", "function", "clean")

    def test_functions_of_its_module_travel_whole(self):
        draft = self.capture(clean)
        assert set(draft.bundle.values) == {"scale"}
        assert draft.bundle.modules == {}
        assert b"FACTOR" in draft.bundle.values["scale"]
        assert build_handler(draft.bundle)({"x": 4}) == 8

    def test_decorators_below_stay(self):
        draft = self.capture(twice)
        assert draft.bundle.source.startswith("# @fn\n@doubled\ndef twice")
        assert build_handler(draft.bundle)({"x": 4}) == 16

    def test_it_may_be_published_under_another_name(self):
        assert self.capture(clean, name="tidy").function == "tidy"
        assert self.capture(clean, name="tidy").bundle.handler == "clean"

    def test_variables_of_the_function_around_it_are_captured(self):
        def make(k):
            def inner(event):
                return event["x"] + k

            return inner

        assert build_handler(self.capture(make(5)).bundle)({"x": 1}) == 6
        assert self.capture(make(5)).digest != self.capture(make(6)).digest

    def test_its_digest_is_that_of_its_meaning(self):
        assert self.capture(clean).digest == self.capture(clean).digest != self.capture(twice).digest

    @pytest.mark.parametrize("what", [len, lambda event: 1, functools.partial(scale, 1), Publisher()])
    def test_what_is_not_written_with_def_is_refused(self, what):
        with pytest.raises(BadSource, match=r"not .*def"):
            self.capture(what)

    def test_a_function_without_source_is_refused(self):
        space: dict = {"__name__": "nowhere"}
        exec("def f(event): return 1", space)
        with pytest.raises(BadSource, match="source of f cannot be found"):
            self.capture(space["f"])

    def test_a_name_defined_further_down_is_not_there_yet(self):
        space: dict = dict(vars(sys.modules[__name__])) | {"scale": None}
        del space["scale"]
        early = type(clean)(clean.__code__, space, "clean")
        with pytest.raises(UndefinedName, match="'scale' in line 6"):
            self.capture(early)


def test_drafts_are_values(captured):
    draft = captured(CELL, {"limit": 3})
    with pytest.raises(dataclasses.FrozenInstanceError):
        draft.digest = "x"
