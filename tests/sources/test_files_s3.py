"""Files on S3, against a real server."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from jupyter_fn.model.errors import SourceUnreachable
from jupyter_fn.sources.protocol import Source


def put(s3: Any, key: str, body: bytes = b"1,2\n") -> None:
    s3.put_object(Bucket="inbox", Key=key, Body=body)


def test_five_hundred_objects_come_once_each_and_a_new_one_at_the_next_look(
    s3: Any, source_of: Callable[..., Source]
) -> None:
    for number in range(500):
        put(s3, f"in/{number:03}.csv")
    put(s3, "in/deeper/other.csv")
    put(s3, "out/other.csv")
    source = source_of("s3://inbox/in/*.csv")
    first = source.poll(None, time.time())
    assert sorted(event.data["name"] for event in first.events) == [f"{number:03}.csv" for number in range(500)]
    assert len({event.key for event in first.events}) == 500
    assert not source.poll(first.position, time.time()).events

    put(s3, "in/new.csv")
    second = source.poll(first.position, time.time())
    assert [event.data["path"] for event in second.events] == ["s3://inbox/in/new.csv"]
    assert second.wake_at


def test_an_overwritten_object_is_a_new_version(s3: Any, source_of: Callable[..., Source]) -> None:
    put(s3, "in/a.csv", b"1")
    source = source_of("s3://inbox/in/*.csv")
    first = source.poll(None, time.time())
    put(s3, "in/a.csv", b"2")
    second = source.poll(first.position, time.time())
    assert [event.type for event in (*first.events, *second.events)] == ["file.created", "file.modified"]
    assert len({event.key for event in (*first.events, *second.events)}) == 2


def test_stars_stay_in_their_folder_and_double_stars_do_not(s3: Any, source_of: Callable[..., Source]) -> None:
    for key in ("in/a.csv", "in/x/b.csv", "in/x/y/c.csv", "in/_tmp/d.csv", "in/.e.csv", "in/empty.csv"):
        put(s3, key, b"" if "empty" in key else b"1")

    def names(text: str) -> list[str]:
        return sorted(event.data["path"] for event in source_of(text).poll(None, time.time()).events)

    assert names("s3://inbox/in/*/*.csv") == ["s3://inbox/in/x/b.csv"]
    assert names("s3://inbox/in/**/*.csv") == [f"s3://inbox/in/{name}" for name in ("a.csv", "x/b.csv", "x/y/c.csv")]


def test_a_folder_that_is_not_there_holds_nothing_but_a_missing_bucket_is_an_error(
    s3: Any, source_of: Callable[..., Source]
) -> None:
    assert not source_of("s3://inbox/no-bucket-yet/*.csv").poll(None, time.time()).events
    with pytest.raises(SourceUnreachable, match="nobucket"):
        source_of("s3://nobucket/in/*.csv").poll(None, time.time())


def test_missing_credentials_say_where_to_put_them(
    s3: Any, source_of: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(SourceUnreachable) as caught:
        source_of("s3://inbox/in/*.csv").poll(None, time.time())
    assert "credentials" in caught.value.remedy


def test_look_agrees_with_poll(s3: Any, source_of: Callable[..., Source]) -> None:
    put(s3, "in/a.csv")
    source = source_of("s3://inbox/in/*.csv")
    event = source.poll(None, time.time()).events[0]
    look = source.look("s3://inbox/in/a.csv", time.time())
    assert look.takes
    assert look.key == event.key
    assert not source.look("s3://inbox/in/b.csv", time.time()).takes
    assert not source.look("s3://inbox/out/a.csv", time.time()).takes
