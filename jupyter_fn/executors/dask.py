"""Workers of a Dask cluster. Dask starts, retires and loses workers; runs travel over a lane to each of them, directly
where that can be done, else by the scheduler."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any

from ..model.errors import BadValue, WorkerLost
from ..runtime.assignment import Assignment, Terms
from ..runtime.limits import USUAL, Ways
from .bundles import LoadBundle, fetch
from .clusters import LOCAL_CONFIG, cluster_class, parse_cluster
from .lane import Batch, Lane
from .processes import Processes
from .protocol import Listener, Worker
from .way import Relayed, Way
from .wire import outcome_from_dict

log = logging.getLogger(__name__)
_LOOK_FIRST_S = 0.05
_LOOK_EVERY_S = 10.0
_AGAIN_S = 1.0
_DIRECT_LIMIT_S = 3.0  # a worker that cannot be reached directly by then is reached by the scheduler
_HELLO_LIMIT_S = 60.0
_GATEWAY = "gateway:"  # how the address of a scheduler behind a proxy begins, as dask-gateway has it
_CONNECT_LIMIT_S = 10.0
_LEAVE_LIMIT_S = 2.0
_MOST_ELSEWHERE = 16  # workers of a cluster class, when no maximum is set


class DaskExecutor:
    """The executor for every cluster spec. A local cluster is started when the first worker is wanted."""

    def __init__(
        self,
        cluster: str,
        load_bundle: LoadBundle,
        *,
        service: str,
        slots: int = 4,
        max_workers: int = 0,
        beat_s: float = 5.0,
        lease_s: float = 15.0,
        folder: str | None = None,
        ways: Ways = USUAL,
        relayed: bool = False,
    ) -> None:
        """`service` names the home, so that services can share a cluster; `folder` is for a local cluster's scratch;
        `ways` is how workers make environments; `relayed`: do not try to reach workers directly.

        Raises:
            BadValue: `cluster` cannot be read.
        """
        self._spec = parse_cluster(cluster)
        self._load_bundle = load_bundle
        self._service = service
        self._slots = slots
        self._max_workers = max_workers
        self._beat_s, self._lease_s = beat_s, lease_s
        self._ways = ways
        self._processes = Processes(service, slots=slots, folder=folder, ways=ways)
        self._relayed = relayed
        self._incarnation = time.time()
        self._cluster: Any = None
        self._client: Any = None
        self._members: dict[str, _Member] = {}  # by address
        self._numbers = count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: Any = None  # at the scheduler of a cluster that is managed elsewhere
        self._opening = asyncio.Lock()
        self._changing = asyncio.Lock()
        self._listener: Listener

    # --- the protocol

    async def start(self, listener: Listener) -> None:
        """Connect, unless the cluster is a local one: that one waits until a worker is wanted.

        Raises:
            BadValue: nothing answers at the address, or the cluster class cannot be started.
        """
        self._listener = listener
        if self._spec.kind != "local":
            await self._open()

    async def close(self) -> None:
        """End every worker that this executor started; workers of others are left without environments."""
        tasks, members = list(self._tasks), list(self._members.values())
        for member in members:
            member.leave()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client = self._client, None
        cluster, self._cluster = self._cluster, None
        if client is not None:
            await self._disconnect(client, ours=cluster is not None)
        if cluster is not None:
            await cluster.close()
        await self._processes.close()

    def workers(self) -> Sequence[Worker]:
        """Workers that take assignments now."""
        return [member.worker for member in self._members.values() if member.worker is not None]

    async def send(self, worker_id: str, assignments: Sequence[Assignment]) -> None:
        """Hand assignments to a worker. Raises WorkerLost when it is gone."""
        member = self._member(worker_id)
        if member is None or member.lane is None:
            raise WorkerLost(f"The worker {worker_id} is gone.", "Send it to another one.")
        member.holds.update(assignment.key for assignment in assignments)
        for assignment in assignments:
            terms = assignment.terms
            member.tell(terms)
            member.lane.put("run", (terms.digest, assignment.own()))

    async def cancel(self, worker_id: str, run_id: str, token: int) -> None:
        """Kill that attempt; its outcome is a RunCancelled."""
        member = self._member(worker_id)
        if member is not None and member.lane is not None:
            member.lane.put("cancel", (run_id, token))

    async def keep(self, worker_id: str, wishes: Sequence[tuple[Terms, int]]) -> None:
        """Have a worker keep environments ready."""
        member = self._member(worker_id)
        if member is not None and member.lane is not None:
            for terms, _ in wishes:
                member.tell(terms)
            member.lane.put("keep", [(terms.digest, number) for terms, number in wishes])

    async def scale(self, wanted: int, retire: Sequence[str] = ()) -> None:
        """Start workers up to `wanted`, or retire those named that hold nothing. Returns before that is done."""
        if retire:
            leaving = self._free([m for m in map(self._member, retire) if m is not None])
            if leaving and self._cluster is not None:
                for member in leaving:
                    member.leave()
                self._spawn(self._retire(leaving))
        elif wanted > 0 and self._spec.kind != "address":
            if self._spec.kind == "local" and self._client is None:
                self._processes.start_ahead(min(wanted, self.limits[1]))
            await self._open()
            if wanted > self._staying():
                self._spawn(self._grow(wanted))

    @property
    def limits(self) -> tuple[int, int]:
        """Fewest and most workers: at an address, those that are there."""
        if self._spec.kind == "address":
            there = len(self.workers())
            return there, there
        if self._spec.kind == "local":
            return 0, self._max_workers or max(2, os.cpu_count() or 1)
        return 0, self._max_workers or _MOST_ELSEWHERE

    # --- the cluster

    async def _open(self) -> None:
        async with self._opening:
            if self._client is not None:
                return
            distributed = await asyncio.to_thread(importlib.import_module, "distributed")
            if self._spec.kind != "address":
                self._cluster = await self._start_cluster()
            self._client = await self._connect(distributed)
            await self._look()
            self._spawn(self._keep_looking())

    async def _start_cluster(self) -> Any:
        if self._spec.kind == "local":
            dask = importlib.import_module("dask")
            dask.config.set(LOCAL_CONFIG)  # the scheduler lives in this process
            from .local import local_cluster

            return await local_cluster(self._processes)
        factory = await asyncio.to_thread(cluster_class, self._spec.target)
        try:
            return await factory(asynchronous=True, **self._spec.arguments)
        except Exception as error:  # cluster classes raise what they like
            cause = f"The cluster {self._spec.target} does not start: {type(error).__name__}: {error}."
            raise BadValue(cause, "Check its arguments.") from error

    async def _connect(self, distributed: Any) -> Any:
        from .leaving import Leaving
        from .plugin import EnvironmentsPlugin

        target = self._cluster if self._cluster is not None else self._spec.target
        try:
            client = await distributed.Client(
                target, asynchronous=True, set_as_default=False, timeout=_CONNECT_LIMIT_S, name="jupyter-fn"
            )
        except (OSError, TimeoutError, ValueError) as error:
            cause = f"No Dask scheduler answers at {self._spec.target}: {error}."
            raise BadValue(cause, "Start one, or check --cluster.") from error
        client.subscribe_topic("all", self._hear)
        try:
            if self._cluster is not None and not hasattr(self._cluster, "worker_spec"):
                self._leaving = Leaving(self._service)
                await client.register_plugin(self._leaving)
            await client.register_plugin(EnvironmentsPlugin(self._service, slots=self._slots, ways=self._ways))
        except Exception as error:  # whatever a worker met when it unpickled the plugin or set it up
            await client.close()
            cause = f"The workers of {self._spec.target or 'the cluster'} cannot run functions: {error}."
            raise BadValue(
                cause, "Install jupyter-fn on them and their scheduler, with the same Python and Dask as here."
            ) from error
        return client

    async def _disconnect(self, client: Any, *, ours: bool) -> None:
        from .plugin import plugin_name

        with suppress(OSError, TimeoutError, ValueError):  # nobody answers, or a later incarnation has done it
            client.unsubscribe_topic("all")
            async with asyncio.timeout(_LEAVE_LIMIT_S):
                if not ours:
                    await client.unregister_worker_plugin(plugin_name(self._service))
        await client.close()

    def _planned(self) -> int:
        """Workers that are there or on their way."""
        spec = getattr(self._cluster, "worker_spec", None)
        return self._staying() if spec is None else len(spec)

    def _staying(self) -> int:
        """Workers that are there and have not been asked to leave."""
        return sum(not member.leaving for member in self._members.values())

    async def _retire(self, leaving: Sequence[_Member]) -> None:
        """By name where the cluster is kept here; elsewhere its manager is asked for fewer, and finds that these may go."""
        async with self._changing:
            if hasattr(self._cluster, "worker_spec"):  # shielded: it waits for a task of the cluster's own
                await asyncio.shield(self._cluster.scale_down([member.name for member in leaving]))
            else:
                scheduler, op = self._client.scheduler, self._leaving.name
                await getattr(scheduler, op)(addresses=[member.address for member in leaving])
                await self._resize(self._staying())

    def _free(self, members: Sequence[_Member]) -> list[_Member]:
        """Those that hold nothing, and whose job of the cluster has no other worker that stays."""
        idle = {member for member in members if not member.holds}
        jobs = [self._beside(member) for member in idle]
        return [member for member, job in zip(idle, jobs, strict=True) if job <= idle]

    def _beside(self, member: _Member) -> set[_Member]:
        """The workers of one job of the cluster, which start and end together."""
        for name, spec in getattr(self._cluster, "worker_spec", {}).items():
            names = {f"{name}{suffix}" for suffix in spec.get("group", ())}
            if str(member.name) in names:
                return {one for one in self._members.values() if str(one.name) in names and not one.leaving}
        return {member}

    async def _grow(self, wanted: int) -> None:
        async with self._changing:  # else a new worker could get the name of one that is about to end, and end with it
            await self._resize(max(self._planned(), min(wanted, self.limits[1])))

    async def _resize(self, size: int) -> None:
        done = self._cluster.scale(size)  # for some classes a coroutine
        if inspect.isawaitable(done):
            await done

    # --- membership

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """The scheduler's own events."""
        _, message = event
        if message.get("action") == "add-worker":
            self._join(message["worker"])
        elif message.get("action") == "remove-worker" and message.get("worker") in self._members:
            self._members[message["worker"]].gone.set()

    async def _keep_looking(self) -> None:
        """Events can be missed, before the scheduler has heard of this listener and while it is away; a look cannot."""
        wait_s = _LOOK_FIRST_S
        while True:
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LOOK_EVERY_S)
            with suppress(OSError, asyncio.TimeoutError):
                await self._look()

    async def _look(self) -> None:
        there = (await self._client.scheduler.identity())["workers"]
        for address, member in self._members.items():
            if address not in there:
                member.gone.set()
        for address in there:
            self._join(address)

    def _join(self, address: str) -> None:
        if address not in self._members:
            member = self._members[address] = _Member(address)
            self._spawn(self._stay(member))

    async def _stay(self, member: _Member) -> None:
        """Keep a lane to a worker for as long as the scheduler knows it, and it is not asked to leave."""
        try:
            while not member.gone.is_set():
                if not member.leaving:
                    await self._serve(member)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await member.gone.wait()
        finally:
            del self._members[member.address]

    async def _serve(self, member: _Member) -> None:
        try:
            way, hello = await self._enter(member.address)
        except (OSError, TimeoutError) as error:
            log.warning("The worker at %s takes no runs: %s.", member.address, error)
            return
        lane = Lane(way, beat_s=self._beat_s, silence_s=self._lease_s)
        worker_id = f"{hello['id']}-{next(self._numbers)}"
        worker = Worker(id=worker_id, name=str(hello["name"]), slots=hello["slots"], joined=time.time())
        member.begin(lane, worker)
        member.name = hello["name"]
        self._listener.worker_joined(worker)
        try:
            await lane.run(lambda batch, _: self._take(member, batch))
        finally:
            lane.close()
            member.end()
            self._listener.worker_lost(worker_id)

    async def _enter(self, address: str) -> tuple[Way, dict[str, Any]]:
        from .plugin import lane_op

        way = await self._reach(address)
        silence_s = 0.8 * (self._lease_s - self._beat_s)  # it kills its attempts before they are given away here
        opening = {"incarnation": self._incarnation, "beat_s": self._beat_s, "silence_s": silence_s}
        try:
            async with asyncio.timeout(_HELLO_LIMIT_S):
                await way.write({"op": lane_op(self._service), **opening})
                hello = await way.read()
            if not isinstance(hello, dict):
                raise ConnectionRefusedError("it has no environments; jupyter-fn may be missing there")
            return way, hello
        except BaseException:
            way.abort()
            raise

    async def _reach(self, address: str) -> Way:
        """The direct way, unless it cannot be had: behind a gateway nobody need try."""
        from distributed.comm.core import connect

        if not self._relayed and not self._client.scheduler.address.startswith(_GATEWAY):
            secrets = self._client.security.get_connection_args("client")
            try:
                way: Way = await connect(address, timeout=_DIRECT_LIMIT_S, **secrets)  # type: ignore[no-untyped-call]
                return way
            except (OSError, TimeoutError) as error:
                log.info("The worker at %s cannot be reached directly: %s.", address, error)
        return Relayed(partial(self._relay, address, f"{self._incarnation}-{next(self._numbers)}"))

    async def _relay(self, address: str, way: str, words: Mapping[str, Any]) -> Any:
        from .plugin import relay_op

        message = {"op": relay_op(self._service), "way": way, **words}
        return await self._client.scheduler.proxy(msg=message, worker=address)

    # --- what workers say

    def _take(self, member: _Member, batch: Batch) -> None:
        outcomes = [outcome_from_dict(item) for kind, item in batch if kind == "outcome"]
        started = [tuple(item) for kind, item in batch if kind == "started"]
        if started:
            self._listener.attempts_started(started)
        takers = self._takers(member)
        for kind, item in batch:
            if kind in takers:
                takers[kind](item)
        if outcomes:
            member.holds.difference_update((outcome.run_id, outcome.token) for outcome in outcomes)
            self._listener.outcomes(outcomes)

    def _takers(self, member: _Member) -> dict[str, Callable[[Any], None]]:
        """What is told one by one."""
        return {
            "log": lambda item: self._listener.log_lines(*item),
            "progress": lambda item: self._listener.progress(*item),
            "need": lambda digest: self._spawn(self._ship(member, digest)),
            "effect": lambda item: self._spawn(self._answer(member.lane, *item)),
            "effect_done": lambda item: self._listener.effect_done(*item),
        }

    async def _ship(self, member: _Member, digest: str) -> None:
        payload, error = await fetch(self._load_bundle, digest)
        if member.lane is not None and error is None:
            member.lane.put_payload(digest, payload)
        elif member.lane is not None:
            member.lane.put("refuse", (digest, error))

    async def _answer(self, lane: Lane | None, run_id: str, token: int, name: str) -> None:
        go = await self._listener.effect(run_id, token, name)
        if lane is not None:  # the one that the question came by: when it has closed, so has the attempt
            lane.put("effect", (run_id, token, name, go))

    def _member(self, worker_id: str) -> _Member | None:
        return next((m for m in self._members.values() if m.worker is not None and m.worker.id == worker_id), None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Member:
    """A worker that the scheduler knows; `worker` and `lane` are there while it can be reached."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.name: Any = None  # as Dask has it, an int or a text
        self.gone = asyncio.Event()  # the scheduler does not know it any more
        self.leaving = False
        self.worker: Worker | None = None
        self.lane: Lane | None = None
        self.holds: set[tuple[str, int]] = set()  # attempts without outcome
        self.told: set[str] = set()  # digests of the terms that it knows

    def begin(self, lane: Lane, worker: Worker) -> None:
        self.lane, self.worker, self.holds, self.told = lane, worker, set(), set()

    def tell(self, terms: Terms) -> None:
        """These terms, once."""
        if self.lane is not None and terms.digest not in self.told:
            self.told.add(terms.digest)
            self.lane.put("terms", (terms.digest, terms.to_dict()))

    def end(self) -> None:
        self.lane = self.worker = None

    def leave(self) -> None:
        """No more of it, though the scheduler still knows it for a while."""
        self.leaving = True
        if self.lane is not None:
            self.lane.close()
