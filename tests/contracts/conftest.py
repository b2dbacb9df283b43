"""The contract suite runs over every implementation: SQLite and PostgreSQL, a folder, memory and S3.

Those that need a server are marked slow: the inner loop leaves them out, `make test` does not.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.new_hubs import write_empty_database
from wingman.hub.blobs.opening import open_blobs
from wingman.hub.blobs.store import Blobs
from wingman.hub.database import open_engine
from wingman.hub.schema import bring_up_to_date
from wingman.hub.storage import SqlStore


@pytest.fixture(params=["folder", "memory", pytest.param("s3", marks=pytest.mark.slow)])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return open_blobs((tmp_path / "objects").as_uri())
    if request.param == "memory":
        return open_blobs("memory:///")
    return open_blobs(request.getfixturevalue("s3_store").url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    if request.param == "sqlite":
        write_empty_database(tmp_path / "hub.db")
        url = f"sqlite:///{tmp_path / 'hub.db'}"
    else:
        url = request.getfixturevalue("postgres_url")
    engine = open_engine(url)
    bring_up_to_date(engine)
    opened = SqlStore(engine, open_blobs((tmp_path / "objects").as_uri()))
    yield opened
    opened.close()
