"""Alembic migrations, shipped with the package and applied when a store is opened."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from ...model.errors import HomeRefused

HEAD = "0004"


def revision(conn: Connection) -> str:
    """The revision of the store behind `conn`, "" when it is empty."""
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return str(conn.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def upgrade(conn: Connection) -> None:
    """Bring the store to `HEAD`, inside the caller's transaction. Alembic is only loaded when there is something to do.

    Raises:
        HomeRefused: the store was written by a newer jupyter-fn.
    """
    found = revision(conn)
    if found == HEAD:
        return
    if found > HEAD:
        raise HomeRefused(
            f"The store is of revision {found}, this jupyter-fn knows {HEAD}.",
            "Upgrade jupyter-fn, or use another --home.",
        )
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": conn})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
