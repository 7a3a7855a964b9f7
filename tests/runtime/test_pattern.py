"""Where an executed notebook goes."""

from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_fn.model.errors import LoadFailed
from jupyter_fn.runtime.pattern import failed_path, output_path

CONTEXT: Any = SimpleNamespace(function_name="daily", function_version="3", run_id="0b1d7a52-0000", attempt=2)
FIRED = {
    "time": "2026-11-24T06:00:03Z",
    "scheduled_for": "2026-11-24T06:00:00Z",
    "interval_start": "2026-11-23T06:00:00Z",
}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("", "runs/daily-2026-11-24T06-00-00-0b1d7a52-0000.ipynb"),
        ("reports/{name}-{scheduled_for:%Y-%m-%d}.ipynb", "reports/daily-2026-11-24.ipynb"),
        ("{interval_start:%Y/%m/%d}/{name}", "2026/11/23/daily.ipynb"),
        ("{scheduled_for:%H:%M}", "06-00.ipynb"),
        ("{time}-v{version}-{attempt}", "2026-11-24T06-00-03-v3-2.ipynb"),
        ("latest.ipynb", "latest.ipynb"),
        ("s3://bucket/{carrier}.ipynb", "s3://bucket/UA.ipynb"),
    ],
)
def test_placeholders_are_filled_in(pattern: str, path: str) -> None:
    assert output_path(pattern, FIRED, CONTEXT, {"carrier": "UA"}) == path


def test_other_events_have_a_scheduled_time_too() -> None:
    event = {"time": "2026-11-24T06:00:03Z", "stem": "2013-01-01"}
    assert output_path("{stem}-{scheduled_for:%H%M%S}", event, CONTEXT, {}) == "2013-01-01-060003.ipynb"


def test_values_cannot_leave_their_folder_or_make_odd_names() -> None:
    event = {**FIRED, "path": '../../etc/x:"?*<>|\\\n'}
    assert output_path("out/{path}", event, CONTEXT, {}) == "out/..-..-etc-x-.ipynb"


def test_the_run_is_stronger_than_keys_of_the_event() -> None:
    assert output_path("{name}", {**FIRED, "name": "a.csv"}, CONTEXT, {"name": "x"}) == "daily.ipynb"


@pytest.mark.parametrize(
    ("pattern", "told"), [("{sceduled_for}", "scheduled_for"), ("{0}", "0"), ("{", "{"), ("{time.x}", "x")]
)
def test_a_pattern_that_cannot_be_filled_in_is_named(pattern: str, told: str) -> None:
    with pytest.raises(LoadFailed) as refused:
        output_path(pattern, FIRED, CONTEXT, {})
    assert told in refused.value.cause
    assert "--output" in refused.value.remedy


def test_a_failed_notebook_lies_beside_where_it_would_have_gone() -> None:
    assert failed_path("runs/a.ipynb") == "runs/a.failed.ipynb"
