"""Migrations lead to the very schema that the code declares."""

from importlib import resources

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from jupyter_fn.model.errors import HomeRefused
from jupyter_fn.store import migrations
from jupyter_fn.store.schema import metadata


def declared(conn):
    rows = conn.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND sql IS NOT NULL"
    )
    return {name: " ".join(sql.split()) for name, sql in rows}


def test_the_migrated_schema_is_the_declared_one(database):
    fresh = create_engine("sqlite://")
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
