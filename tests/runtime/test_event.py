"""Events outside an environment: reading, frames, batches."""

import json
from pathlib import Path

import pytest

from jupyter_fn.runtime.event import Fields, make_event


def test_a_key_is_an_attribute_for_reading_writing_and_removing() -> None:
    event = make_event({"a": 1})
    event.a += 1
    event.b = 3
    assert event == {"a": 2, "b": 3}
    del event.a
    assert not hasattr(event, "a")
    with pytest.raises(AttributeError, match="'b'"):
        event.bb  # noqa: B018 - reading it is the point


def test_keys_named_like_methods_are_still_there() -> None:
    assert make_event({"items": [1]})["items"] == [1]


def test_records_become_a_frame() -> None:
    records = [{"value": {"a": 1, "b": 2}}, {"value": {"a": 3}}]
    assert make_event({"records": records}).frame().to_dict("list")["a"] == [1, 3]
    assert make_event({"records": [{"value": 5}]}).frame().to_dict("list") == {"value": [5]}


def test_json_is_that_of_the_body_or_else_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"x": 1}))
    assert make_event({"body": '{"y": 2}'}).json() == {"y": 2}
    assert make_event({"path": str(tmp_path / "a.json")}).json() == {"x": 1}


def test_files_of_a_batch_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (file,) = make_event({"files": [Fields(path=str(tmp_path / "a.txt"))]}).files
    with file.open() as opened:
        assert opened.read() == "text"
