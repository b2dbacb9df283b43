"""The database schema: made on the first start, migrated on later ones.

A revision is a file `migrations/versions/NNNN_what.py`; the newest number is the schema that this code needs.
Alembic takes a good part of a second to import, so it is only loaded when there is something to do.
"""

from pathlib import Path

import sqlalchemy as sa

MIGRATIONS = Path(__file__).parent / "migrations"
_version = sa.table("alembic_version", sa.column("version_num"))


class SchemaTooNew(RuntimeError):
    """The database was used by a later version of Wingman; this one does not understand it."""

    def __init__(self, found: str, newest: str) -> None:
        super().__init__(
            f"The database has schema {found}, and this version of Wingman knows schemas up to {newest}. "
            "Use the version that made it, or restore a backup from before the upgrade."
        )


def newest_revision() -> str:
    """The number of the last revision that this code brings along."""
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current_revision(engine: sa.Engine) -> str | None:
    """The schema's number in the database; None where it is empty."""
    if not sa.inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(sa.select(_version.c.version_num)).scalar_one_or_none()


def bring_up_to_date(engine: sa.Engine) -> None:
    """Run the revisions that are missing, in one transaction where the database allows it.

    Raises `SchemaTooNew`.
    """
    found, newest = current_revision(engine), newest_revision()
    if found == newest:
        return
    if found is not None and found > newest:
        raise SchemaTooNew(found, newest)
    from alembic import command  # slow to import, see above
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            # Several app processes may start at once on an empty database: one migrates, the others wait.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x57494E47)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
