"""Services that have one store open, and which of them leads which partitions.

Everything here goes by the database's own clock, and in transactions of its own that do not wait for the writers: a
service whose writer has much to do still says that it lives. What a writer is told by `led` for certain holds until its COMMIT, for a
lease changes its owner only when no such transaction goes on.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, delete, literal_column, select, text, update

from ..model.ids import new_id
from ..policy.partitions import fair_share
from .dialect import insert
from .schema import leases, services, workers

_LOCK = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=0x6A75_7079_666F)  # not the writers' one
_NOW: ColumnElement[float] = literal_column("extract(epoch FROM clock_timestamp())::double precision")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process. Its id is never used by another one, so who finds it in a lease is its owner still."""

    url: str
    id: str = field(default_factory=new_id)
    host: str = field(default_factory=platform.node)
    pid: int = field(default_factory=os.getpid)


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds when a service has just beaten."""

    living: frozenset[str]  # services, itself too
    led: frozenset[int]  # partitions that it leads
    returned: bool = False  # it was not known, or had been given up


def beat(conn: Connection, service: Service, lease_s: float) -> Standing:
    """Say that `service` lives, renew what it leads for `lease_s`, take its fair share of what nobody leads any more, and
    give up what others are to lead. Services that have said nothing for `lease_s` are forgotten."""
    conn.execute(_LOCK)
    now: float = conn.execute(select(_NOW)).scalar_one()
    returned = conn.execute(select(services.c.id).where(services.c.id == service.id)).first() is None
    _announce(conn, service, now)
    conn.execute(delete(services).where(services.c.beat < now - lease_s))
    living = frozenset(conn.execute(select(services.c.id)).scalars())
    known = {row.partition: row for row in conn.execute(select(leases)).all()}
    owners = {partition: row.owner for partition, row in known.items() if row.until > now}
    share = fair_share(owners, living, service.id)
    given = _give(conn, share.give)
    taken = _take(conn, share.take, known, service, now + lease_s)
    conn.execute(update(leases).where(leases.c.owner == service.id).values(until=now + lease_s))
    own = {partition for partition, row in known.items() if row.owner == service.id}
    return Standing(living, frozenset((own | taken) - given), returned)


def _announce(conn: Connection, service: Service, now: float) -> None:
    row = {"id": service.id, "url": service.url, "host": service.host, "pid": service.pid, "started": now, "beat": now}
    conn.execute(insert(services).on_conflict_do_update(index_elements=[services.c.id], set_={"beat": now}), row)


def _give(conn: Connection, partitions: Collection[int]) -> set[int]:
    given = _undisputed(conn, partitions)
    if given:
        conn.execute(delete(leases).where(leases.c.partition.in_(given)))
    return given


def _take(
    conn: Connection, partitions: Collection[int], known: Collection[int], service: Service, until: float
) -> set[int]:
    taken = _undisputed(conn, partitions).union(partition for partition in partitions if partition not in known)
    statement = insert(leases)
    own = {"owner": statement.excluded.owner, "until": statement.excluded.until}
    rows = [{"partition": partition, "owner": service.id, "until": until} for partition in sorted(taken)]
    if rows:
        conn.execute(statement.on_conflict_do_update(index_elements=[leases.c.partition], set_=own), rows)
    return taken


def _undisputed(conn: Connection, partitions: Collection[int]) -> set[int]:
    """Those on which no transaction of their owner counts at this moment. The others have to wait for the next beat: nobody
    else's beat may wait for that transaction."""
    if not partitions:
        return set()
    free = select(leases.c.partition).where(leases.c.partition.in_(partitions)).with_for_update(skip_locked=True)
    return set(conn.execute(free).scalars())


def led(conn: Connection, service: str, *, for_certain: bool = False) -> frozenset[int]:
    """The partitions that a service leads; `for_certain`: until the COMMIT of this transaction, which is one of the writer."""
    own = select(leases.c.partition).where(leases.c.owner == service, leases.c.until > _NOW)
    own = own.with_for_update(read=True, key_share=True) if for_certain else own
    return frozenset(conn.execute(own).scalars())


def leave(conn: Connection, service: str) -> None:
    """It ends: others may lead at once what it has led."""
    conn.execute(_LOCK)
    conn.execute(delete(leases).where(leases.c.owner == service))
    conn.execute(delete(services).where(services.c.id == service))


def listed(conn: Connection) -> list[Service]:
    """The services that live, or were alive a moment ago, in the order in which they came."""
    rows = conn.execute(select(services).order_by(services.c.started, services.c.id))
    return [Service(id=row.id, url=row.url, host=row.host, pid=row.pid) for row in rows]


def attended(conn: Connection) -> set[str]:
    """The workers of services that live: what they hold is looked after."""
    of_living = select(workers.c.id).join(services, services.c.id == workers.c.service).where(workers.c.left.is_(None))
    return set(conn.execute(of_living).scalars())
