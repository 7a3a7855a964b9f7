"""procrastinate: jobs in PostgreSQL, workers woken by LISTEN. It tells nobody of a job's end, so the caller looks."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from procrastinate import App, PsycopgConnector, SyncPsycopgConnector

from .peer import ADDRESS, Peer, workers
from .servers import POSTGRES_DURABILITY, postgres

_LOOK_S = 0.001
_JOBS = 10  # that one worker process runs at once


async def _nothing() -> None:
    return None


def _app(connector: Any) -> tuple[App, Any]:
    app = App(connector=connector)
    return app, app.task(name="noop")(_nothing)


@contextmanager
def running(number: int) -> Iterator[Peer]:
    """So many worker processes; ended jobs are kept, as the state of a job is its result."""
    with postgres() as url:
        app, noop = _app(SyncPsycopgConnector(conninfo=url))
        with app.open():
            app.schema_manager.apply_schema()

            def invoke() -> None:
                job = noop.defer()
                while app.job_manager.get_job_status(job).value != "succeeded":
                    time.sleep(_LOOK_S)

            def drain(count: int) -> None:
                jobs = noop.batch_defer(*[{} for _ in range(count)])
                for job in reversed(jobs):
                    while app.job_manager.get_job_status(job).value != "succeeded":
                        time.sleep(_LOOK_S)

            with workers(__name__, number=number, environment={ADDRESS: url}):
                yield Peer(name="procrastinate", durability=POSTGRES_DURABILITY, invoke=invoke, drain=drain)


async def _work() -> None:
    app, _ = _app(PsycopgConnector(conninfo=os.environ[ADDRESS]))
    async with app.open_async():
        await app.run_worker_async(concurrency=_JOBS)


if __name__ == "__main__":
    asyncio.run(_work())
