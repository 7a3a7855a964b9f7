"""What a run that has ended has for its destinations, and what of it lies in the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from ..model.event import Event
from ..model.ids import delivery_id
from ..model.run import Run
from ..model.target import Kind, parse_target
from ..policy.destinations import absolute, invocation_record, path_for
from ..policy.editing import event_of
from ..store import deliveries
from ..store.deliveries import Delivery
from .catalog import Catalog
from .origins import note_outputs


def record_of(run: Run, event: Event | None) -> dict[str, Any]:
    """The record of a run."""
    return invocation_record(run, event_of(run, event) if event else None)


def enter(
    conn: Connection, catalog: Catalog, run: Run, targets: Iterable[str], record: Mapping[str, Any], now: float
) -> None:
    """Have the record of a run sent to these targets. The files that it becomes are the run's."""
    folder = catalog.of_run(conn, run).version.folder
    found = [_delivery(absolute(text, folder), run, record, now) for text in targets]
    deliveries.enter(conn, found)
    files = [path_of(one) for one in found if parse_target(one.target).kind is Kind.FILE]
    note_outputs(conn, catalog, run, files, now)


def path_of(delivery: Delivery) -> str:
    """The path or URL of the file that a delivery becomes."""
    return path_for(delivery.target, function=delivery.function, run_id=delivery.run_id, moment=delivery.created)


def _delivery(target: str, run: Run, record: Mapping[str, Any], now: float) -> Delivery:
    """Its id depends on the run and the target only, so it can be entered twice."""
    return Delivery(
        id=delivery_id(run.id, target),
        function=run.function,
        run_id=run.id,
        target=target,
        body=record,
        created=now,
        due=now,
    )
