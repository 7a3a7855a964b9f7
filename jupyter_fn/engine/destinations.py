"""The record of an ended run goes to its destinations, or on its way to them, in the transaction of the run's end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from ..model.errors import NotFound
from ..model.run import Record, Run
from ..model.target import Kind, parse_target
from ..policy.destinations import event_for
from ..policy.instructions import Deliver
from ..store import events, records
from . import deliveries
from .admission import run_maker
from .catalog import Catalog


def deliver(conn: Connection, catalog: Catalog, instruction: Deliver, now: float) -> None:
    """Tell the functions and topics of this store, exactly once; enter what goes elsewhere, and what a function that does
    not exist yet is to be told, in the outbox."""
    run = instruction.run
    record = deliveries.record_of(run, events.get(conn, run.event_id))
    left = [text for text in instruction.targets if not _told(conn, catalog, text, run, record, now)]
    deliveries.enter(conn, catalog, run, left, record, now)


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
