"""Alembic's entry: runs the migrations on the connection that `upgrade` hands in."""

from alembic import context

from jupyter_fn.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
