"""Clusters of any class: their workers on several hosts, in jobs, or under a manager that decides whom it takes."""

import asyncio
import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from distributed import SpecCluster, rpc
from distributed.comm.tcp import TCPConnector
from distributed.core import Status
from distributed.deploy.spec import ProcessInterface

from jupyter_fn.executors.dask import DaskExecutor, _Member
from jupyter_fn.executors.way import Relayed

HOLD = """
    import os
    from pathlib import Path
    def handler(event):
        while not Path("go").exists(): pass
        return os.getppid()
"""
ECHO = "def handler(event): return event.n"


class Host(ProcessInterface):
    """A worker on a host of its own, as `SSHCluster` has them: a process that listens at that host's address only."""

    def __init__(self, scheduler: str, *, name: Any, address: str, folder: str) -> None:
        super().__init__(scheduler, name)
        self._words = [scheduler, "--host", address, "--name", str(name), "--local-directory", folder]

    async def start(self) -> None:
        common = ["--no-dashboard", "--no-nanny", "--nthreads", "1", "--memory-limit", "0"]
        command = [sys.executable, "-m", "distributed.cli.dask_worker", *self._words, *common]
        quiet = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
        await super().start()

    async def close(self) -> None:
        if self.status != Status.closed and self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()
        await super().close()


class Hosts(SpecCluster):
    """A scheduler here and workers at 127.0.0.2, 127.0.0.3, …"""

    def __init__(self, folder: str, **options: Any) -> None:
        scheduler = {"cls": "distributed.Scheduler", "options": {"host": "127.0.0.1", "dashboard": False}}
        scheduler["options"]["dashboard_address"] = "127.0.0.1:0"
        self._folder = folder
        super().__init__(scheduler=scheduler, **options)

    def new_worker_spec(self) -> dict[Any, Any]:
        name = f"host-{self._i}"
        self._i += 1
        options = {"address": f"127.0.0.{self._i + 1}", "folder": self._folder}
        return {name: {"cls": Host, "options": options}}


def grown(bench: Any, wanted: int) -> list[str]:
    """The ids of so many workers."""
    bench.scale(wanted)
    bench.wait(lambda: len(bench.executor.workers()) == wanted)
    return [worker.id for worker in bench.executor.workers()]


def busy(bench: Any, worker_id: str, run_id: str) -> None:
    """Give a worker a run that goes on until `go` is there."""
    bench.send(bench.assign(HOLD, run_id=run_id), to=worker_id)
    bench.wait(lambda: run_id in {begun[0] for begun in bench.begun})


def let_go(bench: Any, *, runs: int) -> None:
    (bench.folder / "go").touch()
    bench.wait(lambda: len(bench.done) == runs)
    assert [outcome.error for outcome in bench.done] == [None] * runs
    assert len({outcome.run_id for outcome in bench.done}) == runs


def see_named_ones_go(bench: Any, wanted: int = 3) -> None:
    """Given three workers of which two are busy, whoever they are, the third is the one that goes, and nothing is lost."""
    for idle in range(wanted):
        (bench.folder / "go").unlink(missing_ok=True)
        bench.done.clear(), bench.begun.clear(), bench.lost.clear()
        workers = grown(bench, wanted)
        others = [worker for n, worker in enumerate(workers) if n != idle]
        for n, worker in enumerate(others):
            busy(bench, worker, f"{idle}-{n}")
        bench.scale(wanted - 1, retire=workers)  # the busy ones are not to be taken even when they are named
        bench.wait(lambda: bench.lost)
        assert bench.lost == [workers[idle]]
        let_go(bench, runs=wanted - 1)
        assert bench.lost == [workers[idle]]


def test_workers_of_several_hosts_run_and_go_by_name(dask: Any, tmp_path: Path) -> None:
    bench = dask(f"{__name__}.Hosts folder={tmp_path}", max_workers=3)
    see_named_ones_go(bench)
    hosts = {address.rpartition(":")[0] for address in bench.executor._members}
    assert hosts <= {f"tcp://127.0.0.{n}" for n in range(2, 9)}
    assert len(hosts) >= 2


class Manager:
    """Keeps a cluster's workers as an operator or a gateway does: it is told a number, and asks the scheduler whom to
    take. The scheduler and the workers are processes."""

    def __init__(self, elsewhere: Any) -> None:
        self.elsewhere = elsewhere
        self.address = elsewhere.address
        self.told: list[int] = []
        self.there = 0

    async def resize(self, number: int) -> None:
        self.told.append(number)
        for _ in range(number - self.there):
            self.elsewhere.add_worker()
        if number < self.there:
            async with rpc(self.address) as scheduler:
                names = await scheduler.workers_to_close(n=self.there - number, attribute="name")
                await scheduler.retire_workers(names=names)
        self.there = number


@pytest.fixture
def manager(another_elsewhere: Any) -> Manager:
    return Manager(another_elsewhere)


def test_a_manager_that_asks_the_scheduler_takes_only_whom_the_service_has_let_go(
    dask: Any, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Managed:
        security = None
        status = Status.running

        def __init__(self, **_: Any) -> None:
            self.scheduler_address = manager.address
            self.scheduler_info: dict[str, Any] = {}

        def __await__(self) -> Any:
            return asyncio.sleep(0, self).__await__()

        async def scale(self, number: int) -> None:
            await manager.resize(number)

        async def close(self) -> None:
            manager.there = 0

    monkeypatch.setattr("jupyter_fn.executors.dask.cluster_class", lambda path: Managed)
    see_named_ones_go(dask("some.Managed", max_workers=3))


@pytest.fixture
def gateway(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, Any]]:
    """`dask_gateway.GatewayCluster` without a gateway: its requests are recorded and answered here, what goes to its
    scheduler's proxy goes to a scheduler, and no worker can be reached from here."""
    client = importlib.import_module("dask_gateway.client")
    comm = importlib.import_module("dask_gateway.comm")
    requests: list[tuple[str, str, Any]] = []
    report = {"name": "c1", "status": "RUNNING", "dashboard_route": None, "options": {}, "start_time": 0}
    report |= {"stop_time": None, "tls_cert": "-", "tls_key": "-"}

    class Answer:
        async def json(self) -> Any:
            return report

    async def request(self: Any, method: str, url: str, json: Any = None) -> Answer:
        path = url.partition("/api/v1")[2]
        requests.append((method, path, json))
        if path.endswith("/scale"):
            await manager.resize(json["count"])
        return Answer()

    async def proxied(self: Any, address: str, deserialize: bool = True, **_: Any) -> Any:
        assert address.endswith("/c1")
        host = manager.address.partition("://")[2]
        return await TCPConnector().connect(host, deserialize=deserialize)

    monkeypatch.setattr(client.Gateway, "_request", request)
    monkeypatch.setattr(client.GatewaySecurity, "get_connection_args", lambda self, role: {})
    monkeypatch.setattr(comm.GatewayConnector, "connect", proxied)
    return requests


def test_a_gateways_cluster_is_reached_by_its_scheduler_alone(
    dask: Any, gateway: list[tuple[str, str, Any]], manager: Manager
) -> None:
    bench = dask("dask_gateway.GatewayCluster address=http://gateway.invalid", max_workers=3)
    assert gateway[0] == ("POST", "/clusters/", {"cluster_options": {}})
    see_named_ones_go(bench)
    lanes = [member.lane for member in bench.executor._members.values() if member.lane is not None]
    assert {type(lane._way) for lane in lanes} == {Relayed}
    counts = [json["count"] for method, path, json in gateway if path == "/clusters/c1/scale"]
    assert counts == manager.told
    assert set(counts) == {2, 3}
    bench.close()
    assert gateway[-1][:2] == ("DELETE", "/clusters/c1")


class Resource:
    """An object of the Kubernetes API: what is asked of it is recorded, a worker group's size goes to the manager."""

    calls: list[tuple[str, Any]]
    manager: Manager

    def __init__(self, data: Any, namespace: str) -> None:
        self.data, self.namespace = data, namespace

    def __await__(self) -> Any:
        return asyncio.sleep(0, self).__await__()

    @classmethod
    async def get(cls, name: str, **_: Any) -> "Resource":
        return cls(name, "default")

    async def exists(self) -> bool:
        return False

    async def create(self) -> None:
        self.calls.append(("create", self.data["kind"]))

    async def ready(self) -> bool:
        return True

    async def delete(self, **_: Any) -> None:
        self.calls.append(("delete", self.data))

    async def scale(self, number: int) -> None:
        self.calls.append(("scale", (self.data, number)))
        await self.manager.resize(number)


@pytest.fixture
def kubernetes(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """`KubeCluster` without Kubernetes: what it asks of the cluster's API is recorded and answered here."""
    module = importlib.import_module("dask_kubernetes.operator.kubecluster.kubecluster")
    monkeypatch.setattr(Resource, "calls", [], raising=False)
    monkeypatch.setattr(Resource, "manager", manager, raising=False)

    async def address(*_: Any, **__: Any) -> str:
        return manager.address

    for name in ("DaskCluster", "DaskWorkerGroup", "DaskAutoscaler"):
        monkeypatch.setattr(module, name, Resource)
    for name in ("wait_for_scheduler", "wait_for_service", "wait_for_scheduler_comm", "get_scheduler_address"):
        monkeypatch.setattr(module, name, address)
    monkeypatch.setattr(module.KubeCluster, "_watch_component_status", address)
    return Resource.calls


@pytest.mark.filterwarnings(
    "ignore:coroutine 'KubeCluster._start'"
)  # its constructor drops one when it is asynchronous
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_of_kubernetes_is_scaled_by_its_worker_group(
    dask: Any, kubernetes: list[tuple[str, Any]], manager: Manager
) -> None:
    spec = "dask_kubernetes.operator.KubeCluster name=fn namespace=default n_workers=0 quiet=true"
    bench = dask(spec, max_workers=3)
    assert kubernetes[0] == ("create", "DaskCluster")
    see_named_ones_go(bench)
    scaled = [what for call, what in kubernetes if call == "scale"]
    assert {group for group, _ in scaled} == {"fn-default"}
    assert [number for _, number in scaled] == manager.told
    bench.close()
    assert kubernetes[-1] == ("delete", "fn")


def test_a_job_of_several_workers_goes_when_all_of_them_are_free() -> None:
    class Jobs:
        """As dask-jobqueue has them: a job ends with all its workers."""

        worker_spec = {0: {"group": ["-0", "-1"]}, 1: {"group": ["-0", "-1"]}, "alone": {}}

    executor = DaskExecutor("some.Jobs", lambda _: b"", service="s")
    executor._cluster = Jobs()
    members = {name: _Member(f"tcp://{name}") for name in ("0-0", "0-1", "1-0", "1-1", "alone")}
    for name, member in members.items():
        member.name = name
        executor._members[member.address] = member
    members["0-1"].holds.add(("r", 1))

    def free(*names: str) -> list[str]:
        return [member.name for member in executor._free([members[name] for name in names])]

    assert free("0-0", "alone") == ["alone"]
    assert free("0-0", "0-1") == []
    assert free("1-0") == []
    assert sorted(free("1-0", "1-1")) == ["1-0", "1-1"]
