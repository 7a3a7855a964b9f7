"""Effect barriers that runs have passed: `context.effect(name)`. A name is there at most once for a run."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from .dialect import insert, storable_key
from .schema import effects

_ENTER = insert(effects)
_OF_RUN = effects.c.run_id == bindparam("run")
_ENTERED = select(effects.c.run_id).where(_OF_RUN, effects.c.name == bindparam("effect"))
_LEAVE = (
    update(effects)
    .where(_OF_RUN, effects.c.name == bindparam("effect"), effects.c.token == bindparam("of"), effects.c.done.is_(None))
    .values(done=bindparam("at"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One barrier of one run. Times in epoch seconds."""

    name: str
    token: int
    entered: float
    done: float | None  # when its block was left as it should; None: nobody can know how far it came


def is_entered(conn: Connection, run_id: str, name: str) -> bool:
    """Whether that run has passed that barrier."""
    return conn.execute(_ENTERED, {"run": run_id, "effect": storable_key(name)}).first() is not None


def enter(conn: Connection, run_id: str, token: int, name: str, *, now: float) -> None:
    """That run passes that barrier. Raises IntegrityError when it has before."""
    conn.execute(_ENTER, {"run_id": run_id, "name": storable_key(name), "token": token, "entered": now, "done": None})


def leave(conn: Connection, run_id: str, token: int, name: str, *, now: float) -> None:
    """Its block was left as it should; said twice, the first time counts."""
    conn.execute(_LEAVE, {"run": run_id, "effect": storable_key(name), "of": token, "at": now})


def of_run(conn: Connection, run_id: str) -> list[Effect]:
    """The barriers that a run has passed, in their order."""
    columns = (effects.c.name, effects.c.token, effects.c.entered, effects.c.done)
    rows = conn.execute(select(*columns).where(effects.c.run_id == run_id).order_by(effects.c.entered, effects.c.name))
    return [Effect(**row._mapping) for row in rows]
