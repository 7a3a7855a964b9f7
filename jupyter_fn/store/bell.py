"""What a transaction tells other services that have the same store open: a word on where to look, never more than a hint."""

from __future__ import annotations

from enum import StrEnum
from typing import cast

from sqlalchemy import Connection

_TOLD = "told"
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


def silence(conn: Connection) -> None:
    """A transaction begins: what an earlier one had to tell is told, or undone."""
    conn.info[_TOLD] = set()


def told(conn: Connection) -> set[News]:
    """What there is to tell so far."""
    return cast(set[News], conn.info.get(_TOLD, set()))


# --- functions, which services keep in memory


def note_changes(conn: Connection, number: int) -> None:
    """How often functions have changed before this transaction."""
    conn.info[_CHANGES] = number


def changes(conn: Connection) -> int | None:
    """What was noted last; None where nobody else can change anything, and on connections that only read."""
    return cast(int | None, conn.info.get(_CHANGES))
