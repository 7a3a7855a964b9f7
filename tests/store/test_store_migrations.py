"""Migrations lead to the very schema that the code declares."""

from importlib import resources

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from jupyter_fn.model.errors import HomeRefused
from jupyter_fn.store import migrations
from jupyter_fn.store.postgres import checked_url
from jupyter_fn.store.schema import metadata


@pytest.fixture
def where(kind, request, tmp_path):
    """A store that is no other test's: what is done to it here stays done."""
    if kind == "sqlite":
        return str(tmp_path / "store.db")
    return request.getfixturevalue("postgres").new_database()


def declared(conn):
    """Tables with their columns, keys and indices, as the database itself tells them."""
    eye = inspect(conn)
    return {
        table: {
            "columns": {c["name"]: (str(c["type"]), c["nullable"], c["default"]) for c in eye.get_columns(table)},
            "key": eye.get_pk_constraint(table)["constrained_columns"],
            "unique": sorted((u["name"], u["column_names"]) for u in eye.get_unique_constraints(table)),
            "indices": sorted((i["name"], i["column_names"], _where(i)) for i in eye.get_indexes(table)),
        }
        for table in eye.get_table_names()
        if table != "alembic_version"
    }


def _where(index):
    options = index.get("dialect_options", {})
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def test_the_migrated_schema_is_the_declared_one(database, kind, request):
    fresh = create_engine("sqlite://")
    if kind == "postgresql":
        fresh = create_engine(checked_url(request.getfixturevalue("postgres").new_database()))
    with fresh.begin() as conn:
        metadata.create_all(conn)
        wanted = declared(conn)
    fresh.dispose()
    assert database.read(declared) == wanted


def test_the_newest_revision_is_the_one_that_is_looked_for(database):
    config = Config()
    config.set_main_option("script_location", str(resources.files(migrations)))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD
    assert database.read(migrations.revision) == migrations.HEAD


def test_a_store_of_a_newer_program_is_refused(open_database):
    database = open_database()
    database.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    database.close()
    with pytest.raises(HomeRefused, match="9999"):
        open_database()
