"""Alembic's entry point: runs the revisions over the connection that `wingman.hub.schema` hands in."""

from alembic import context

import wingman.hub.storage  # noqa: F401 - registers every table
from wingman.hub.database import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # SQLite cannot alter most things in place: Alembic then copies the table.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
