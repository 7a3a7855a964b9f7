"""What a transaction tells other services that have the same store open: a word on where to look, never more than a hint."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import cast

from sqlalchemy import Connection

from ..policy.partitions import partition_of

_TOLD, _QUEUED = "told", "queued"
_CHANGES = "changes"


class News(StrEnum):
    """Where there is something new."""

    QUEUED = "queued"  # runs that may be claimed
    FINISHED = "finished"  # runs that have ended
    FUNCTIONS = "functions"  # functions, aliases, triggers
    TOPICS = "topics"  # records
    CANCEL = "cancel"  # runs that are to be stopped


def ring(conn: Connection, *news: News) -> None:
    """Have this told with the COMMIT of the transaction."""
    cast(set[News], conn.info.setdefault(_TOLD, set())).update(news)


def ring_queued(conn: Connection, functions: Iterable[str]) -> None:
    """Have those who lead these functions told that there are runs of them."""
    cast(set[str], conn.info.setdefault(_QUEUED, set())).update(functions)


def silence(conn: Connection) -> None:
    """A transaction begins: what an earlier one had to tell is told, or undone."""
    conn.info[_TOLD], conn.info[_QUEUED] = set(), set()


def told(conn: Connection) -> set[News]:
    """What there is to tell so far, queued runs left out."""
    return cast(set[News], conn.info.get(_TOLD, set()))


def words(conn: Connection) -> str:
    """All there is to tell, for `heard`."""
    partitions = sorted({partition_of(name) for name in conn.info.get(_QUEUED, ())})
    return " ".join([*sorted(told(conn)), *(f"{News.QUEUED}:{partition}" for partition in partitions)])


def heard(said: str, led: frozenset[int]) -> set[News]:
    """What of these words concerns a service that leads those partitions."""
    news = set()
    for word in said.split():
        kind, _, partition = word.partition(":")
        if kind in _KINDS and (not partition or int(partition) in led):
            news.add(News(kind))
    return news


_KINDS = frozenset(kind.value for kind in News)


# --- functions, which services keep in memory


def note_changes(conn: Connection, number: int) -> None:
    """How often functions have changed before this transaction."""
    conn.info[_CHANGES] = number


def changes(conn: Connection) -> int | None:
    """What was noted last; None where nobody else can change anything, and on connections that only read."""
    return cast(int | None, conn.info.get(_CHANGES))
