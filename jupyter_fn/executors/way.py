"""A way to a worker: what a lane is laid over. There are two.

The direct way is a comm of Dask's between the service and the worker. Where the service cannot reach its workers, as
behind a gateway, `Relayed` here and `PostBox` there stand in for it: the same messages, in calls that the scheduler passes
on. It is able to do that wherever there is a plugin on the worker, for that has come so. Such a call is no task: it takes
no thread of the worker, waits behind nobody's tasks, leaves nothing at the scheduler, and nobody makes it a second time.
What becomes of a call that breaks is not known, so a way ends with it, like a comm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Protocol

Call = Callable[[Mapping[str, Any]], Awaitable[Any]]  # what the worker is told → what it answers


class Way(Protocol):
    """Messages there and back, each once and in order, until one end has had enough."""

    async def read(self) -> Any:
        """The next message. Raises OSError when the way has ended."""
        ...

    async def write(self, msg: Any) -> Any:
        """Send a message. Raises OSError when the way has ended."""
        ...

    def abort(self) -> None:
        """End it; what is under way is lost."""
        ...


class Relayed:
    """The service's end: a call for each message, at most one at a time in each direction."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._end = asyncio.Event()

    async def read(self) -> Any:
        """The worker answers when it has something to say."""
        return await self._ask({"say": "hear"})

    async def write(self, msg: Any) -> None:
        """Returns when it is there."""
        await self._ask({"say": "tell", "message": msg})

    def abort(self) -> None:
        """The worker finds out when it hears nothing more, or is asked for another lane."""
        self._end.set()

    async def _ask(self, words: Mapping[str, Any]) -> Any:
        try:
            answer = await _unless(self._end, self._asked(words))
            return answer["message"]
        except BaseException:
            self._end.set()
            raise

    async def _asked(self, words: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer = await self._call(words)
        except Exception as error:  # the scheduler hands on what the worker, or the way there, has raised
            raise ConnectionError(f"the scheduler does not reach it: {error}") from error
        if not isinstance(answer, Mapping) or "message" not in answer:
            raise ConnectionError("it has ended the conversation, or jupyter-fn is missing there")
        return answer


class PostBox:
    """The worker's end: what the service has told lies here until it is read, what it is to hear until it asks."""

    def __init__(self) -> None:
        self._in: asyncio.Queue[Any] = asyncio.Queue()
        self._out: asyncio.Queue[Any] = asyncio.Queue(1)  # the next one is put together when this one has gone
        self._end = asyncio.Event()

    async def read(self) -> Any:
        """What the service has told."""
        return await _unless(self._end, self._in.get())

    async def write(self, msg: Any) -> None:
        """For the service to hear."""
        await _unless(self._end, self._out.put(msg))

    def abort(self) -> None:
        """Whoever waits, here or at the other end, hears that it has ended."""
        self._end.set()

    async def answer(self, say: str, message: Any) -> Mapping[str, Any]:
        """What a call of the other end is answered with: nothing when this end has had enough."""
        with suppress(ConnectionError):
            if say == "hear":
                return {"message": await _unless(self._end, self._out.get())}
            await _unless(self._end, self._in.put(message))
            return {"message": None}
        return {}


async def _unless(end: asyncio.Event, work: Coroutine[Any, Any, Any]) -> Any:
    """What `work` gives. Raises ConnectionError when it has ended before."""
    if end.is_set():
        work.close()
        raise ConnectionError("the way has ended")
    doing, ending = asyncio.create_task(work), asyncio.create_task(end.wait())
    try:
        await asyncio.wait((doing, ending), return_when=asyncio.FIRST_COMPLETED)
        if end.is_set():
            raise ConnectionError("the way has ended")
        return doing.result()
    finally:
        ending.cancel()
        doing.cancel()
        await asyncio.wait((doing, ending))
        if not doing.cancelled():
            doing.exception()  # nobody asks for it any more
