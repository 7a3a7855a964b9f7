"""What a kind of database has to know so that `Database` and `Writer` can work with it."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import Connection, Engine

from .payloads import Shelf


class Kind(Protocol):
    """One store in one kind of database: SQLite in a file, or PostgreSQL on a server."""

    place: str  # where the store is, for people; without password
    shared: bool  # several services may have it open at once

    def writing(self, shelf: Shelf) -> Engine:
        """Makes the writer's connections. Their transactions come one after the other, over all who have the store open."""

    def reading(self, shelf: Shelf) -> Engine:
        """Makes connections that cannot write, and whose transactions see one moment."""

    def check(self, conn: Connection) -> None:
        """Refuse a database that cannot do what it has to, before anything is written."""

    def opened(self, conn: Connection) -> None:
        """The schema is there; the first transaction of this writer."""

    def begun(self, conn: Connection) -> None:
        """First thing in every other transaction of the writer."""

    def ending(self, conn: Connection) -> None:
        """Last thing before its COMMIT."""

    def has_committed(self, conn: Connection) -> bool:
        """Whether the last transaction that was `ending` is committed, asked after its connection broke."""
