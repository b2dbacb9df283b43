"""LFS locks in SQL."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces
from wingman.hub.database import BigId, UtcTime, insert_ignoring_known, metadata
from wingman.hub.lfs.model import Lock, LockExists, LockId
from wingman.hub.repos.model import RepoId

lfs_locks = sa.Table(
    "lfs_locks",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("owner_id", BigId, sa.ForeignKey("namespaces.id", ondelete="CASCADE"), nullable=False),
    sa.Column("locked_at", UtcTime, nullable=False),
    sa.UniqueConstraint("repo_id", "path"),
)
_LOCKS = sa.select(
    lfs_locks.c.id, lfs_locks.c.path, lfs_locks.c.owner_id, namespaces.c.name, lfs_locks.c.locked_at
).join(namespaces, namespaces.c.id == lfs_locks.c.owner_id)


def _lock(row: sa.Row) -> Lock:
    return Lock(LockId(row.id), row.path, NamespaceId(row.owner_id), row.name, row.locked_at)


class SqlLocks:
    """See `Locks`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, repo_id: RepoId, path: str, *, owner_id: NamespaceId, at: datetime) -> Lock:
        before = self._at(repo_id, path)
        row = {"repo_id": repo_id, "path": path, "owner_id": owner_id, "locked_at": at}
        insert_ignoring_known(self._connection, lfs_locks, [row])
        kept = before or self._at(repo_id, path)
        assert kept is not None
        if before is not None or kept.owner_id != owner_id:
            raise LockExists(kept)
        return kept

    def _at(self, repo_id: RepoId, path: str) -> Lock | None:
        return next(iter(self.list(repo_id, path=path, limit=1)), None)

    def list(
        self, repo_id: RepoId, *, path: str | None = None, after: LockId | None = None, limit: int = 100
    ) -> Sequence[Lock]:
        query = _LOCKS.where(lfs_locks.c.repo_id == repo_id).order_by(lfs_locks.c.id).limit(limit)
        if path is not None:
            query = query.where(lfs_locks.c.path == path)
        if after is not None:
            query = query.where(lfs_locks.c.id > after)
        return [_lock(row) for row in self._connection.execute(query)]

    def find(self, repo_id: RepoId, lock_id: LockId) -> Lock | None:
        query = _LOCKS.where(lfs_locks.c.repo_id == repo_id, lfs_locks.c.id == lock_id)
        row = self._connection.execute(query).first()
        return None if row is None else _lock(row)

    def remove(self, repo_id: RepoId, lock_id: LockId) -> None:
        condition = (lfs_locks.c.repo_id == repo_id) & (lfs_locks.c.id == lock_id)
        self._connection.execute(sa.delete(lfs_locks).where(condition))
