"""A lane: one long conversation between the service and one worker, both ends of it, over whichever way leads there.

Whatever waits when the way is free travels in one message: `{"batch": JSON of [[kind, item], …], "payloads": {digest:
bytes}}`. An end that has nothing to say for `beat_s` sends an empty message; an end that hears nothing for `silence_s`
takes the other for gone.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson

from .way import Way

Batch = list[tuple[str, Any]]


def _text(batch: Batch) -> bytes:
    try:
        return orjson.dumps(batch)
    except TypeError:  # a number of more than 64 bits, or text that is no Unicode
        return json.dumps(batch, separators=(",", ":")).encode()


_MOST_ITEMS = 256  # of one message, so that a long queue does not hold up the loop


class Lane:
    """One end. `run` until either side closes; `put` at any time."""

    def __init__(self, way: Way, *, beat_s: float, silence_s: float) -> None:
        self._way = way
        self._beat_s = beat_s
        self._silence_s = silence_s
        self._out: deque[tuple[str, Any]] = deque()
        self._payloads: dict[str, bytes] = {}
        self._something = asyncio.Event()

    def put(self, kind: str, item: Any) -> None:
        """Send this with the next message. After the end it goes nowhere."""
        self._out.append((kind, item))
        self._something.set()

    def put_payload(self, digest: str, payload: bytes) -> None:
        """Send bytes with the next message."""
        self._payloads[digest] = payload
        self._something.set()

    async def run(self, take: Callable[[Batch, dict[str, bytes]], None]) -> None:
        """Read until the end, handing every message to `take`; write what is put meanwhile."""
        writer = asyncio.create_task(self._write())
        try:
            while True:
                async with asyncio.timeout(self._silence_s):
                    message = await self._way.read()
                take([tuple(pair) for pair in json.loads(message["batch"])], message["payloads"])
        except (OSError, TimeoutError):
            return
        finally:
            writer.cancel()
            self.close()
            with suppress(asyncio.CancelledError, OSError):
                await writer

    def close(self) -> None:
        """End it from this side; `run` returns."""
        self._way.abort()

    async def _write(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._something.wait()
            batch = [self._out.popleft() for _ in range(min(_MOST_ITEMS, len(self._out)))]
            payloads, self._payloads = self._payloads, {}
            if not self._out:
                self._something.clear()
            await self._way.write({"batch": _text(batch), "payloads": payloads})
