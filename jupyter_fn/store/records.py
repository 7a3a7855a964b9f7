"""Topics: append-only logs of records, in commit order."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from ..model.log import LogRecord
from ..model.run import Record
from .bell import News, ring
from .dialect import storable
from .payloads import pack, unpack
from .rows import inserting, next_seqs
from .schema import records

_INSERT = inserting(records)


def append(conn: Connection, new: Sequence[Record], *, now: float, cause: str = "", hops: int = 0) -> int:
    """Add records to the topics they name; the newest `seq`, 0 when there were none."""
    if not new:
        return 0
    seqs = next_seqs(conn, records, len(new))
    rows = [
        {
            "seq": seq,
            "topic": record.topic,
            "key": storable(record.key),
            "value": pack(conn, record.value),
            "timestamp": now,
            "cause": cause,
            "hops": hops,
        }
        for seq, record in zip(seqs, new, strict=True)
    ]
    _INSERT.write(conn, rows)
    ring(conn, News.TOPICS)
    return seqs[-1]


def read(conn: Connection, topic: str, *, after: int, limit: int) -> list[LogRecord]:
    """Records of `topic` with `seq > after`, oldest first."""
    rows = conn.execute(
        select(records).where(records.c.topic == topic, records.c.seq > after).order_by(records.c.seq).limit(limit)
    )
    return [
        LogRecord.filled(
            {
                "seq": row.seq,
                "id": f"{topic}-{row.seq}",
                "key": row.key,
                "value": unpack(conn, row.value),
                "timestamp": row.timestamp,
                "hops": row.hops,
                "cause": row.cause,
            }
        )
        for row in rows.all()
    ]


def last(conn: Connection, topic: str) -> int:
    """The newest `seq` of `topic`, 0 when it is empty."""
    return int(conn.execute(select(func.max(records.c.seq)).where(records.c.topic == topic)).scalar() or 0)


def topics(conn: Connection) -> dict[str, int]:
    """Topic → number of its records."""
    rows = conn.execute(select(records.c.topic, func.count()).group_by(records.c.topic).order_by(records.c.topic))
    return {row[0]: row[1] for row in rows}
