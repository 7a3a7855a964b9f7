"""The record of an ended run goes to its destinations, or on its way to them, in the transaction of the run's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ..model.errors import NotFound
from ..model.ids import delivery_id
from ..model.run import Record, Run
from ..model.target import Kind, parse_target
from ..policy.destinations import absolute, event_for, invocation_record
from ..policy.editing import event_of
from ..policy.instructions import Deliver
from ..store import deliveries, events, records
from ..store.deliveries import Delivery
from .admission import run_maker
from .catalog import Catalog


def deliver(conn: Connection, catalog: Catalog, instruction: Deliver, now: float) -> None:
    """Tell the functions and topics of this store, exactly once; enter what goes elsewhere, and what a function that does
    not exist yet is to be told, in the outbox."""
    run = instruction.run
    event = events.get(conn, run.event_id)
    record = invocation_record(run, event_of(run, event) if event else None)
    folder = catalog.of_run(conn, run).version.folder
    left = [text for text in instruction.targets if not _told(conn, catalog, text, run, record, now)]
    deliveries.enter(conn, [_delivery(absolute(text, folder), run, record, now) for text in left])


def _told(conn: Connection, catalog: Catalog, text: str, run: Run, record: Mapping[str, Any], now: float) -> bool:
    target = parse_target(text)
    if target.kind is Kind.TOPIC:
        told = Record(topic=target.address, value=record, key=run.id)
        records.append(conn, [told], now=now, cause=run.id, hops=run.hops)
        return True
    return target.kind is Kind.FUNCTION and tell_function(conn, catalog, target.address, run, record, now)


def tell_function(
    conn: Connection, catalog: Catalog, name: str, run: Run, record: Mapping[str, Any], now: float
) -> bool:
    """The record as an event of that function; a second time changes nothing. False when there is no such function."""
    try:
        make_run = run_maker(conn, catalog, name, "")
    except NotFound:
        return False
    trigger, event = event_for(name, run, record)
    events.push(conn, trigger, name, [event], make_run=make_run, now=now)
    return True


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
