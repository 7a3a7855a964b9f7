"""Running a handler in this process, with the event and the context that it would get on a worker.

Not isolated, not limited, not metered; what it prints appears where it is called, and its errors are its own.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..capture.local import build_handler
from ..model.codec import dumps
from ..model.errors import UndefinedName, error_from_dict
from ..model.event import BY_HAND, Event
from ..model.ids import new_id
from ..model.version import Bundle, Draft
from ..runtime.assignment import Assignment, Terms
from ..runtime.context import Context, Produced
from ..runtime.event import Fields, make_event
from ..runtime.failures import answer_of, speaks_of_items
from ..runtime.outputs import discard, publish
from .echo import echo


def run_draft(draft: Draft, event: Any) -> Any:
    """The value of the draft's handler for `event`. Files of `context.output` are put in place when it returns.

    Raises:
        NoHandler: it is a notebook.
        BatchFailed: items of its batch failed, it says; BadBatchAnswer: what it says of them cannot be read.
        Exception: whatever the handler raises.
    """
    handler = build_handler(draft.bundle)
    produced = Produced()
    with TemporaryDirectory(prefix="jupyter-fn-") as room, _environ(dict(draft.options.env)):
        assignment = _assignment(draft, event)
        context = Context(assignment, produced, room=Path(room), tell=lambda _: None)
        staged = produced.staged
        try:
            value = _finished(_call(handler, make_event(dict(assignment.event)), context))
            value = _judged(value, assignment)
        except BaseException:
            discard(list(staged.values()))
            raise
        publish(list(staged.values()))
    if produced.emitted:
        echo(f"{len(produced.emitted)} emitted records stay here: a local run reaches no topic.\n")
    return value


def draft_of(version: Mapping[str, Any]) -> Draft:
    """The draft of a version whose JSON the service has shown.

    Raises:
        UndefinedName: it captured values, which only the service and the kernel that published it have.
    """
    captured = [one["name"] for one in version.get("captured", ())]
    if captured:
        raise UndefinedName(
            f"{version['function']} captured {', '.join(captured)} from the kernel that published it; this one has only its source.",
            "Run it on the cluster with .invoke(event), or publish it from here.",
        )
    names = ("kind", "source", "handler", "filename")
    data = {name: version.get(name) for name in ("function", "folder", "options", "python", "packages", "digest")}
    bundle = Bundle(**{name: version[name] for name in names})
    return Draft.from_dict({**data, "bundle": bundle.to_dict(), "captured": []})


def _assignment(draft: Draft, event: Any) -> Assignment:
    run_id, now = new_id(), time.time()
    given = {} if event is None else json.loads(dumps(event), object_hook=Fields)
    happened = Event(
        id=run_id,
        seq=0,
        function=draft.function,
        trigger=BY_HAND,
        key=run_id,
        type=BY_HAND,
        source="jupyter-fn",
        time=now,
        admitted=now,
        data=given if isinstance(given, dict) else {"data": given},
    )
    terms = Terms(
        function=draft.function,
        version=0,
        bundle="",
        folder=draft.folder,
        timeout_s=draft.options.timeout_s,
        memory_mb=draft.options.memory_mb,
    )
    return Assignment(
        terms=terms,
        run_id=run_id,
        token=1,
        attempt=1,
        event=happened.for_handler(attempt=1),
        idempotency_key=run_id,
    )


def _judged(value: Any, assignment: Assignment) -> Any:
    """As on a worker, a batch of which items failed has failed: by hand it is one event."""
    if not speaks_of_items(value):
        return value
    answer = answer_of(value, assignment.event, batch_size=1)
    if answer.error is not None:
        raise error_from_dict(dict(answer.error))
    return answer.result


def _call(handler: Callable[..., Any], event: Any, context: Context) -> Any:
    arguments = (event, context) if _takes_two(handler) else (event,)
    return handler(*arguments)


def _takes_two(handler: Callable[..., Any]) -> bool:
    try:
        inspect.signature(handler).bind(1, 2)
    except TypeError:
        return False
    return True


def _finished(value: Any) -> Any:
    """As in an environment: the items of a generator become a list. A kernel's own event loop is left alone."""
    if inspect.isgenerator(value):
        return list(value)
    if inspect.iscoroutine(value) or isinstance(value, AsyncIterator):
        return _in_thread(value)
    return value


def _in_thread(value: Any) -> Any:
    async def awaited() -> Any:
        return [item async for item in value] if isinstance(value, AsyncIterator) else await value

    with ThreadPoolExecutor(1, "jupyter-fn-local") as pool:
        return pool.submit(asyncio.run, awaited()).result()


@contextmanager
def _environ(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
