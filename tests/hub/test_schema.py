"""Migrations: they make exactly the tables that the code declares, once, also when a database is too new."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

import wingman.hub.storage  # noqa: F401 - registers every table
from wingman.hub.accounts.sql import namespaces
from wingman.hub.database import metadata, now, open_engine
from wingman.hub.repos.tables import repo_tags, repos
from wingman.hub.schema import MIGRATIONS, SchemaTooNew, bring_up_to_date, current_revision, newest_revision
from wingman.hub.xet.sql import xet_epochs


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    opened = open_engine(url if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    yield opened
    opened.dispose()


def belongs_to_us(item: object, name: str | None, kind: str, reflected: bool, compared: object) -> bool:
    """The trigram index is the database's own business: its tables and indexes are not declared in Python."""
    return not (
        reflected and compared is None and ("repo_search" in str(name) or str(name).endswith("_trgm"))
    )


def test_an_empty_database_gets_the_tables_that_the_code_declares(engine: sa.Engine):
    bring_up_to_date(engine)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": belongs_to_us})
        assert compare_metadata(context, metadata) == []
    assert current_revision(engine) == newest_revision()


def test_starting_again_changes_nothing(engine: sa.Engine):
    bring_up_to_date(engine)
    before = sa.inspect(engine).get_table_names()

    bring_up_to_date(engine)

    assert sa.inspect(engine).get_table_names() == before


def make_older(engine: sa.Engine, revision: str, repositories: list[dict[str, object]]) -> None:
    """The database as an earlier version left it, with these repositories in it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        namespace = sa.insert(namespaces).values(
            name="me", key="me", full_name="Me", is_organization=False, created_at=now()
        )
        namespace_id = connection.execute(namespace).inserted_primary_key[0]
        values = {"namespace_id": namespace_id, "pool_id": 1, "private": False, "card": {}, "tags": []}
        values |= {"kind": "model", "created_at": now(), "updated_at": now()}
        for number, given in enumerate(repositories):
            row = {**values, "name": f"r{number}", "key": f"me/r{number}", **given}
            connection.execute(sa.insert(repos).values(**row))


def test_repositories_from_before_the_size_classes_are_found_by_size(engine: sa.Engine):
    make_older(engine, "0001", [{"used_bytes": 9_999_999}, {"used_bytes": 10**10}])

    bring_up_to_date(engine)

    with engine.connect() as connection:
        found = connection.execute(sa.select(repo_tags.c.tag).order_by(repo_tags.c.repo_id)).scalars().all()
    assert found == ["bytes:under 10 MB", "bytes:over 10 GB"]


def test_models_from_before_the_counting_of_parameters_wait_for_it(engine: sa.Engine):
    head = "1" * 40
    make_older(engine, "0002", [{"head": head}, {"head": None}, {"kind": "dataset", "head": head}])

    bring_up_to_date(engine)

    with engine.connect() as connection:
        waiting = sa.select(repos.c.name).where(repos.c.uncounted_head.is_not(None))
        assert connection.execute(waiting).scalars().all() == ["r0"]


def test_a_database_of_a_later_version_is_left_alone(engine: sa.Engine):
    bring_up_to_date(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaTooNew, match="schema 9999"):
        bring_up_to_date(engine)


def test_ids_of_repositories_are_never_given_again(engine: sa.Engine):
    """Reflection does not show AUTOINCREMENT, so this asks the database itself."""
    bring_up_to_date(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            query = sa.text("SELECT sql FROM sqlite_master WHERE name = 'repos'")
            assert "AUTOINCREMENT" in connection.execute(query).scalar_one()


def test_no_two_hubs_begin_at_the_same_epoch(tmp_path: Path):
    """Else clients would take a Hub for the one that was at its address before."""
    engines = [open_engine(f"sqlite:///{tmp_path / name}.db") for name in ("one", "two")]
    epochs = []
    for engine in engines:
        bring_up_to_date(engine)
        with engine.connect() as connection:
            epochs += connection.scalars(sa.select(xet_epochs.c.epoch)).all()
        engine.dispose()

    assert len(set(epochs)) == 2
