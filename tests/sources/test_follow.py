"""Other functions' finished runs as a source."""

from collections.abc import Callable
from typing import Any

from jupyter_fn.sources.protocol import Source

Build = Callable[..., Source]


def test_a_run_that_succeeded_is_an_event_with_its_result(source_of: Build, logs: Any) -> None:
    source = source_of("fn:other")
    position = source.poll(None, 0.0).position
    run = logs.finish("other", {"rows": 3}, hops=2)
    (event,) = source.poll(position, 0.0).events
    assert event.data == {"data": {"rows": 3}, "run": run}
    assert (event.key, event.type, event.source) == (run, "function.succeeded", "fn:other")
    assert (event.cause, event.hops, event.skip) == (run, 3, "")


def test_failures_are_followed_where_asked_and_only_they(source_of: Build, logs: Any) -> None:
    source = source_of("fn:other on=failure")
    position = source.poll(None, 0.0).position
    logs.finish("other", 1)
    run = logs.finish("other", error={"type": "ValueError"})
    (event,) = source.poll(position, 0.0).events
    assert (event.type, event.data) == ("function.failed", {"data": {"type": "ValueError"}, "run": run})


def test_runs_from_before_the_first_look_are_not_followed(source_of: Build, logs: Any) -> None:
    logs.finish("other", 1)
    source = source_of("fn:other")
    assert not source.poll(source.poll(None, 0.0).position, 0.0).events


def test_an_event_is_one_run_further_than_the_run_that_it_follows(source_of: Build, logs: Any) -> None:
    source = source_of("fn:other")
    position = source.poll(None, 0.0).position
    logs.finish("other", 1, hops=4)
    (event,) = source.poll(position, 0.0).events
    assert event.hops == 5


def test_a_finished_run_gives_a_hint_until_stopped(source_of: Build, logs: Any) -> None:
    hints: list[int] = []
    stop = source_of("fn:other").listen(lambda: hints.append(1))
    logs.finish("stranger")
    logs.finish("other")
    assert stop is not None
    stop()
    logs.finish("other")
    assert hints == [1]
