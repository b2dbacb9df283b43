"""The stores in SQL, put together: the one module that names every domain's tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import sqlalchemy as sa

from wingman.hub.accounts.sql import SqlAccounts
from wingman.hub.blobs.store import Blobs
from wingman.hub.collections.sql import SqlCollections
from wingman.hub.database import transaction
from wingman.hub.discussions.sql import SqlDiscussions
from wingman.hub.events.sql import SqlEvents
from wingman.hub.files.sql import SqlLargeFiles
from wingman.hub.flights.sql import SqlFlights
from wingman.hub.gating.sql import SqlAccessRequests
from wingman.hub.git.sql import SqlGit
from wingman.hub.lfs.sql import SqlLocks
from wingman.hub.repos.sql import SqlRepos
from wingman.hub.signing.sql import SqlSecrets
from wingman.hub.social.sql import SqlSocial
from wingman.hub.xet.sql import SqlChunks


class SqlTransaction:
    """See `Transaction`: every domain's store over one connection."""

    def __init__(self, connection: sa.Connection, blobs: Blobs) -> None:
        self.connection = connection
        self._blobs = blobs

    @cached_property
    def accounts(self) -> SqlAccounts:
        return SqlAccounts(self.connection)

    @cached_property
    def repos(self) -> SqlRepos:
        return SqlRepos(self.connection)

    @cached_property
    def git(self) -> SqlGit:
        return SqlGit(self.connection, self._blobs)

    @cached_property
    def files(self) -> SqlLargeFiles:
        return SqlLargeFiles(self.connection)

    @cached_property
    def chunks(self) -> SqlChunks:
        return SqlChunks(self.connection)

    @cached_property
    def locks(self) -> SqlLocks:
        return SqlLocks(self.connection)

    @cached_property
    def discussions(self) -> SqlDiscussions:
        return SqlDiscussions(self.connection)

    @cached_property
    def access_requests(self) -> SqlAccessRequests:
        return SqlAccessRequests(self.connection)

    @cached_property
    def social(self) -> SqlSocial:
        return SqlSocial(self.connection)

    @cached_property
    def collections(self) -> SqlCollections:
        return SqlCollections(self.connection)

    @cached_property
    def flights(self) -> SqlFlights:
        return SqlFlights(self.connection)

    @cached_property
    def events(self) -> SqlEvents:
        return SqlEvents(self.connection)

    @cached_property
    def secrets(self) -> SqlSecrets:
        return SqlSecrets(self.connection)


class SqlStore:
    """See `Store`."""

    def __init__(self, engine: sa.Engine, blobs: Blobs) -> None:
        self._engine = engine
        self._blobs = blobs

    @contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        with transaction(self._engine, writes=False) as connection:
            yield SqlTransaction(connection, self._blobs)

    @contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        with transaction(self._engine, writes=True) as connection:
            yield SqlTransaction(connection, self._blobs)

    def close(self) -> None:
        self._engine.dispose()
