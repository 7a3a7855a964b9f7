"""The log of finished runs, in commit order: what `fn:other` triggers and followers read."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from ..model.codec import loads
from ..model.log import FinishedRun
from ..model.run import Run
from .payloads import unpack
from .rows import inserting, next_seqs
from .schema import finishes, runs

_INSERT = inserting(finishes)
_GOOD, _BAD = ("succeeded",), ("dead", "failed")


def append(conn: Connection, ended: Sequence[tuple[int, Run]]) -> None:
    """Enter runs that have ended, each with its `seq` in `runs`. Internal to the store: `runs.apply` does it."""
    if not ended:
        return
    numbered = zip(next_seqs(conn, finishes, len(ended)), ended, strict=True)
    rows = [{"seq": n, "run": seq, "function": run.function, "state": run.state.value} for n, (seq, run) in numbered]
    _INSERT.write(conn, rows)


def finished_since(conn: Connection, function: str, *, failed: bool, after: int, limit: int) -> list[FinishedRun]:
    """Runs of `function` after the position `after`, oldest first: those that succeeded, or those that died."""
    rows = conn.execute(
        select(finishes.c.seq, runs.c.id, runs.c.version, runs.c.result, runs.c.error, runs.c.ended, runs.c.hops)
        .join(runs, runs.c.seq == finishes.c.run)
        .where(finishes.c.function == function, finishes.c.state.in_(_BAD if failed else _GOOD), finishes.c.seq > after)
        .order_by(finishes.c.seq)
        .limit(limit)
    )
    return [
        FinishedRun(
            seq=row.seq,
            run_id=row.id,
            version=row.version,
            result=unpack(conn, row.result),
            error=None if row.error is None else loads(row.error),
            ended=row.ended or 0.0,
            hops=row.hops,
        )
        for row in rows.all()
    ]


def last_finish_seq(conn: Connection) -> int:
    """The newest position, 0 when nothing has finished."""
    return int(conn.execute(select(func.max(finishes.c.seq))).scalar() or 0)
