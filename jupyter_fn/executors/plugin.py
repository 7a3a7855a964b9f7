"""What runs on a Dask worker: environments, and the door through which the service's lane comes in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from distributed import Status, WorkerPlugin

from ..model.run import Outcome
from ..runtime.assignment import Assignment, Terms
from ..runtime.limits import USUAL, Ways
from ..runtime.pool import Environments
from .ahead import taken
from .lane import Batch, Lane
from .way import PostBox, Way
from .wire import outcome_to_dict

_BEYOND = 1.2  # where this process is not able to end its environments when its lane falls silent, they end then


def lane_op(service: str) -> str:
    """The name of the comm handler of a service."""
    return f"fn_lane_{service}"


def relay_op(service: str) -> str:
    """The name of the handler for calls that the scheduler passes on, where there can be no comm."""
    return f"fn_relay_{service}"


def plugin_name(service: str) -> str:
    """The name under which the plugin of a service is registered."""
    return f"jupyter-fn-{service}"


class EnvironmentsPlugin(WorkerPlugin):
    """Keeps the environments of one service on its worker. Registered under a name of that service, so that several
    services can share a cluster, and so that a service that comes back replaces what it left."""

    def __init__(self, service: str, *, slots: int, ways: Ways = USUAL) -> None:
        self.service = service
        self.ways = ways
        self.slots = slots
        self.name = plugin_name(service)

    async def setup(self, worker: Any) -> None:
        """Dask calls this when the plugin comes to a worker, before the worker takes connections."""
        self.worker = worker
        self.folder = Path(worker.local_directory) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        made = taken(self.service) or Environments(self.folder, slots=self.slots, ways=self.ways)
        self.environments = made
        self.environments.report_to(self)
        self.environments.start()
        self.lane: Lane | None = None
        self.terms: dict[str, Terms] = {}  # by digest, as they were told on any lane
        self.incarnation = 0.0
        self.lease_s = 0.0
        self.turn = asyncio.Lock()
        self.boxes: dict[str, PostBox] = {}
        self.lanes: set[asyncio.Task[Any]] = set()
        worker.handlers[lane_op(self.service)] = self.open_lane
        worker.handlers[relay_op(self.service)] = self.relay

    async def teardown(self, worker: Any) -> None:
        """Dask calls this when the worker closes, or the plugin is replaced."""
        worker.handlers.pop(lane_op(self.service), None)
        worker.handlers.pop(relay_op(self.service), None)
        if self.lane is not None:
            self.lane.close()
        await self.environments.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def relay(self, way: str, say: str, message: Any = None) -> Mapping[str, Any]:
        """A call that the scheduler has passed on. One that would open a lane begins a new way."""
        if isinstance(message, Mapping) and message.get("op") == lane_op(self.service):
            box = self.boxes[way] = PostBox()
            opening = {name: message[name] for name in message if name != "op"}
            lane = asyncio.create_task(self.open_lane(box, **opening))
            self.lanes.add(lane)
            lane.add_done_callback(lambda _: self.end_way(way, lane))
            return {"message": None}
        there = self.boxes.get(way)
        return {} if there is None else await there.answer(say, message)

    def end_way(self, way: str, lane: asyncio.Task[Any]) -> None:
        """Nothing comes by it any more."""
        self.lanes.discard(lane)
        self.boxes.pop(way).abort()

    async def open_lane(self, comm: Way, incarnation: float, beat_s: float, silence_s: float) -> Any:
        """Serve a lane until it closes. A lane of an older incarnation than the present one is turned away; otherwise
        every attempt of the present one is killed before the new one hears a word."""
        if incarnation < self.incarnation:
            comm.abort()
            return Status.dont_reply
        self.incarnation = incarnation
        if self.lane is not None:
            self.lane.close()
        async with self.turn:
            self.lane = lane = Lane(comm, beat_s=beat_s, silence_s=silence_s)
            self.lease_s = _BEYOND * silence_s
            await comm.write({"id": self.worker.id, "name": self.worker.name, "slots": self.slots})
            await lane.run(self.obey)
            self.lane = None
            await self.environments.abandon()
            self.environments.lease(None)
        return Status.dont_reply

    def obey(self, batch: Batch, payloads: dict[str, bytes]) -> None:
        """What the service says, if only that it is there."""
        self.environments.lease(self.lease_s)
        for digest, payload in payloads.items():
            self.environments.provide(digest, payload)
        for digest, terms in (item for kind, item in batch if kind == "terms"):
            self.terms[digest] = Terms.from_dict(terms)
        given = (item for kind, item in batch if kind == "run")
        assignments = [Assignment.of(self.terms[digest], own) for digest, own in given]
        if assignments:
            self.environments.submit(assignments)
        for kind, item in batch:
            if kind == "cancel":
                self.environments.cancel(*item)
            elif kind == "keep":
                self.environments.keep([(self.terms[digest], number) for digest, number in item])
            elif kind == "effect":
                run_id, token, name, go = item
                self.environments.answer(run_id, token, name, go=go)
            elif kind == "refuse":
                self.environments.refuse(*item)

    # --- what the environments report

    def outcome(self, outcome: Outcome) -> None:
        """An attempt has ended."""
        self.tell("outcome", outcome_to_dict(outcome))

    def started(self, run_id: str, token: int, at: float) -> None:
        """An attempt has been running for a while."""
        self.tell("started", (run_id, token, at))

    def log(self, run_id: str, text: str) -> None:
        """New output of a running attempt."""
        self.tell("log", (run_id, text))

    def progress(self, run_id: str, done: float, total: float) -> None:
        """How far an attempt is."""
        self.tell("progress", (run_id, done, total))

    def effect(self, run_id: str, token: int, name: str) -> None:
        """An attempt waits before an effect barrier."""
        self.tell("effect", (run_id, token, name))

    def effect_done(self, run_id: str, token: int, name: str) -> None:
        """It has left the block behind it."""
        self.tell("effect_done", (run_id, token, name))

    def need(self, digest: str) -> None:
        """A bundle is missing here."""
        self.tell("need", digest)

    def tell(self, kind: str, item: Any) -> None:
        """To the service, with the next message."""
        if self.lane is not None:
            self.lane.put(kind, item)
