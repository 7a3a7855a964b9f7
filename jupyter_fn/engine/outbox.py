"""Sends what lies in the outbox: files, web requests, and events for functions that were not there at first. At least once;
what a repetition would do twice is named after its run, so it is one file, or one idempotency key.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from ..model.codec import dumps
from ..model.errors import FnError, ServiceNotRunning
from ..model.target import Kind, parse_target
from ..policy.destinations import Refusal, judge_answer, next_try
from ..runtime.outputs import filesystem
from ..store import deliveries, runs
from ..store.database import Database
from ..store.deliveries import Delivery
from ..store.whole import write_whole
from .catalog import Catalog
from .deliveries import path_of
from .destinations import tell_function
from .feed import wait_for

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)
_MOST = 16  # under way at once
_MOST_OF_A_TARGET = 4  # of those, so that one that answers slowly does not hold up the others
_FILE_THREADS = 4
_LIMIT_S = 30.0  # for one web request
_AGAIN_S = 1.0
_LOOK_S = 5.0  # for what nobody has said: entered with a loop's end, or by another service
_CLOSING_S = 5.0


class Outbox:
    """Lives on the event loop. What is under way when it ends is sent again by the next service."""

    def __init__(
        self,
        database: Database,
        catalog: Catalog,
        enqueue: Callable[[Callable[[Connection], Any]], Awaitable[Any]],
        *,
        clock: Callable[[], float],
    ) -> None:
        """`enqueue` carries out an op that puts runs into the queue."""
        self._database = database
        self._catalog = catalog
        self._enqueue = enqueue
        self._clock = clock
        self._woken = asyncio.Event()
        self._sending: dict[str, asyncio.Task[None]] = {}  # delivery id → the task that sends it
        self._just_ended: set[str] = set()  # since the present look began, which may have read them as they were before
        self._busy: Counter[str] = Counter()  # target → how many of them
        self._files = ThreadPoolExecutor(_FILE_THREADS, "jupyter-fn-outbox")
        self._http: httpx.AsyncClient | None = None
        self.leads: Callable[[str], bool] = lambda function: True  # whether this service sends for that function
        self.foreign: Callable[[Connection], set[str]] = lambda conn: set()  # functions for which others do

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            wait_s = _AGAIN_S
            try:
                wait_s = await self._look()
            except ServiceNotRunning:
                return
            except Exception:
                log.exception("The outbox cannot be read; it is tried again.")
            await wait_for(self._woken, wait_s)

    async def close(self) -> None:
        """Wait a moment for what is under way, then leave it to the next service."""
        if self._sending:
            await asyncio.wait(self._sending.values(), timeout=_CLOSING_S)
        for task in self._sending.values():
            task.cancel()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)
        self._files.shutdown(wait=False, cancel_futures=True)
        if self._http is not None:
            await self._http.aclose()

    # --- choosing

    async def _look(self) -> float:
        """Begin with what is due, as far as there is room; how long to wait for a wake-up."""
        now = self._clock()
        self._just_ended.clear()
        full = [target for target, count in self._busy.items() if count >= _MOST_OF_A_TARGET]
        due, later = await asyncio.to_thread(self._database.read, partial(self._read, now, full))
        for delivery in due:
            self._begin(delivery)
        return _LOOK_S if later is None else min(max(later - now, 0.0), _LOOK_S)

    def _read(self, now: float, full: Sequence[str], conn: Connection) -> tuple[list[Delivery], float | None]:
        others = self.foreign(conn)
        some = deliveries.due(conn, now, _MOST + len(self._sending), besides=full, without=others)
        return some, deliveries.next_due(conn, now, without=others)

    def _begin(self, delivery: Delivery) -> None:
        target = delivery.target
        if delivery.id in self._sending or delivery.id in self._just_ended or not self.leads(delivery.function):
            return
        if len(self._sending) >= _MOST or self._busy[target] >= _MOST_OF_A_TARGET:
            return  # whoever ends wakes
        self._busy[target] += 1
        task = asyncio.get_running_loop().create_task(self._deliver(delivery))
        self._sending[delivery.id] = task
        task.add_done_callback(partial(self._ended, delivery))

    def _ended(self, delivery: Delivery, task: asyncio.Task[None]) -> None:
        del self._sending[delivery.id]
        self._just_ended.add(delivery.id)
        self._busy[delivery.target] -= 1
        if not self._busy[delivery.target]:
            del self._busy[delivery.target]
        self.wake()

    # --- sending

    async def _deliver(self, delivery: Delivery) -> None:
        """Send it, and take down what came of it."""
        try:
            refusal = await self._send(delivery)
        except Exception as error:  # whatever a filesystem or a connection raises
            refusal = Refusal(error.cause if isinstance(error, FnError) else f"{type(error).__name__}: {error}")
        try:
            await self._note(delivery, refusal)
        except ServiceNotRunning:
            pass  # the store is closed; the next service sends it again
        except Exception:
            log.exception("What became of the delivery %s cannot be stored; it is sent again.", delivery.id)
            await asyncio.sleep(_AGAIN_S)

    async def _send(self, delivery: Delivery) -> Refusal | None:
        target = parse_target(delivery.target)
        if target.kind is Kind.WEBHOOK:
            return await self._post(delivery)
        if target.kind is Kind.FILE:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._files, _write, delivery)
            return None
        told = await self._enqueue(partial(self._tell, delivery, target.address))
        return None if told else Refusal(f"There is no function {target.address!r}.")

    async def _note(self, delivery: Delivery, refusal: Refusal | None) -> None:
        if refusal is None:
            op: Callable[[Connection], None] = partial(deliveries.done, delivery_id=delivery.id)
        else:
            tries, now = delivery.tries + 1, self._clock()
            due = next_try(refusal, delivery=delivery.id, tries=tries, created=delivery.created, now=now)
            op = partial(deliveries.refused, delivery_id=delivery.id, error=refusal.says, tries=tries, due=due)
            if due is None:
                log.warning("The delivery %s to %s is given up: %s", delivery.id, delivery.target, refusal.says)
        await asyncio.wrap_future(self._database.submit(op))

    def _tell(self, delivery: Delivery, function: str, conn: Connection) -> bool:
        run = runs.get(conn, delivery.run_id)
        told = tell_function(conn, self._catalog, function, run, delivery.body, self._clock())
        if told:
            deliveries.done(conn, delivery.id)
        return told

    async def _post(self, delivery: Delivery) -> Refusal | None:
        if self._http is None:
            import httpx  # only services that have a webhook pay for it

            self._http = httpx.AsyncClient(timeout=_LIMIT_S)
        async with (
            asyncio.timeout(_LIMIT_S),
            self._http.stream(
                "POST", delivery.target, content=dumps(delivery.body).encode(), headers=_headers(delivery)
            ) as answer,
        ):
            return judge_answer(answer.status_code, answer.headers, self._clock())


def _headers(delivery: Delivery) -> Mapping[str, str]:
    """With those of CloudEvents' binary mode (HTTP protocol binding 1.0.2, 3.1)."""
    won = delivery.body["requestContext"]["condition"] == "Success"
    return {
        "content-type": "application/json",
        "idempotency-key": delivery.id,
        "ce-specversion": "1.0",
        "ce-id": delivery.id,
        "ce-source": f"fn:{delivery.function}",
        "ce-type": f"jupyter_fn.destination.{'success' if won else 'failure'}",
        "ce-time": delivery.body["timestamp"],
        "ce-subject": delivery.run_id,
    }


def _write(delivery: Delivery) -> None:
    """The record as a file of its own."""
    fs, path = filesystem(path_of(delivery))
    data = dumps(delivery.body).encode()
    if not (fs.exists(path) and fs.size(path) == len(data)):  # not from a try that nobody heard of
        write_whole(fs, path, data)
