"""The process of a worker of the local cluster: `python -m jupyter_fn.executors.worker SERVICE SLOTS FOLDER WAYS`.

It is started before anybody knows where its scheduler will be, so that what takes long goes on at the same time: the
zygote imports its libraries, this process imports Dask, and so does the service, which then says where to go, in one line of
JSON on the standard input: `[address, name]`. When that input ends, so does the worker. It leaves with status 0 when it was
told to.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from ..runtime.limits import Ways
from ..runtime.pool import Environments
from . import ahead
from .clusters import LOCAL_CONFIG


def main() -> None:
    """Until the end of the standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the service as well, which ends this then
    service, slots, folder, ways = sys.argv[1:]
    here = Path(tempfile.mkdtemp(prefix="worker-", dir=folder or None))
    try:
        asyncio.run(_work(service, int(slots), here, Ways.from_dict(json.loads(ways))))
    finally:
        shutil.rmtree(here, ignore_errors=True)


async def _work(service: str, slots: int, here: Path, ways: Ways) -> None:
    environments = Environments(here, slots=slots, ways=ways)
    environments.start()
    ahead.keep(service, environments)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await asyncio.to_thread(_import)
    if line := await orders.readline():
        address, name = json.loads(line)
        await _serve(address, name, orders, here)
    if (left := ahead.taken(service)) is not None:
        await left.close()


def _import() -> None:
    for module in ("distributed", f"{__package__}.plugin"):
        importlib.import_module(module)


async def _serve(address: str, name: object, orders: asyncio.StreamReader, here: Path) -> None:
    import dask
    from distributed import Worker

    dask.config.set(LOCAL_CONFIG)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    worker = await Worker(
        address, name=name, nthreads=1, memory_limit=0, dashboard=False, local_directory=os.fspath(here)
    )
    told, closed = asyncio.create_task(orders.read()), asyncio.create_task(worker.finished())
    await asyncio.wait((told, closed), return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    await worker.close()
    await closed


if __name__ == "__main__":
    main()
