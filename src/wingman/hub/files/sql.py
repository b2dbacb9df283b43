"""Large files in SQL."""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.database import BigId, UtcTime, insert_ignoring_known, metadata, now
from wingman.hub.files.model import LargeFile
from wingman.hub.files.store import RepoFile
from wingman.hub.repos.model import RepoId
from wingman.hub.repos.sql import repos

large_files = sa.Table(
    "large_files",
    metadata,
    sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("blob_key", sa.String),
    sa.Column("xet_hash", sa.String(64), index=True),
)
repo_files = sa.Table(
    "repo_files",
    metadata,
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "sha256", sa.LargeBinary(32), sa.ForeignKey("large_files.sha256"), primary_key=True, index=True
    ),
    sa.Column("added_at", UtcTime, nullable=False),
)

_WHOLE_ONLY = sa.and_(large_files.c.xet_hash.is_(None), large_files.c.blob_key.is_not(None))
# Partial: the background worker asks for these after every start, among what may be millions of files.
sa.Index(
    "ix_large_files_unchunked", large_files.c.sha256, sqlite_where=_WHOLE_ONLY, postgresql_where=_WHOLE_ONLY
)


def _file(row: sa.Row) -> LargeFile:
    return LargeFile(sha256=row.sha256.hex(), size=row.size, blob_key=row.blob_key, xet_hash=row.xet_hash)


class SqlLargeFiles:
    """See `LargeFiles`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def find(self, sha256: str) -> LargeFile | None:
        query = sa.select(large_files).where(large_files.c.sha256 == bytes.fromhex(sha256))
        row = self._connection.execute(query).first()
        return None if row is None else _file(row)

    def in_repo(self, repo_id: RepoId, sha256s: Iterable[str]) -> Mapping[str, LargeFile]:
        found = {}
        wanted = list({bytes.fromhex(sha256) for sha256 in sha256s})
        for start in range(0, len(wanted), 400):
            query = (
                sa.select(large_files)
                .join(repo_files, repo_files.c.sha256 == large_files.c.sha256)
                .where(repo_files.c.repo_id == repo_id, large_files.c.sha256.in_(wanted[start : start + 400]))
            )
            found.update({row.sha256.hex(): _file(row) for row in self._connection.execute(query)})
        return found

    def by_xet_hash(self, repo_id: RepoId, xet_hash: str) -> LargeFile | None:
        query = (
            sa.select(large_files)
            .join(repo_files, repo_files.c.sha256 == large_files.c.sha256)
            .where(repo_files.c.repo_id == repo_id, large_files.c.xet_hash == xet_hash)
        )
        row = self._connection.execute(query).first()
        return None if row is None else _file(row)

    def register(self, repo_id: RepoId, file: LargeFile) -> None:
        key = bytes.fromhex(file.sha256)
        row = {"sha256": key, "size": file.size, "blob_key": file.blob_key, "xet_hash": file.xet_hash}
        insert_ignoring_known(self._connection, large_files, [row])
        self._set_missing(key, large_files.c.blob_key, file.blob_key)
        self._set_missing(key, large_files.c.xet_hash, file.xet_hash)
        link = {"repo_id": repo_id, "sha256": key, "added_at": now()}
        insert_ignoring_known(self._connection, repo_files, [link])

    def _set_missing(self, key: bytes, column: sa.Column[str | None], value: str | None) -> None:
        # What is known stays: clients remember a Xet hash that was shown for a commit for ever.
        condition = sa.and_(large_files.c.sha256 == key, column.is_(None))
        self._connection.execute(sa.update(large_files).where(condition).values({column: value}))

    def set_xet_hash(self, sha256: str, xet_hash: str) -> None:
        self._set_missing(bytes.fromhex(sha256), large_files.c.xet_hash, xet_hash)

    def listing(self, repo_id: RepoId, *, after: str | None = None, limit: int = 1000) -> Sequence[RepoFile]:
        query = (
            sa.select(large_files, repo_files.c.added_at)
            .join(repo_files, repo_files.c.sha256 == large_files.c.sha256)
            .where(repo_files.c.repo_id == repo_id)
            .order_by(repo_files.c.sha256)
            .limit(limit)
        )
        if after is not None:
            query = query.where(repo_files.c.sha256 > bytes.fromhex(after))
        return [RepoFile(_file(row), row.added_at) for row in self._connection.execute(query)]

    def forget(self, repo_id: RepoId, sha256s: Iterable[str]) -> None:
        for sha256 in sha256s:
            condition = (repo_files.c.repo_id == repo_id) & (repo_files.c.sha256 == bytes.fromhex(sha256))
            self._connection.execute(sa.delete(repo_files).where(condition))

    def unchunked(self, *, after: str | None = None, limit: int = 100) -> Sequence[LargeFile]:
        query = sa.select(large_files).where(_WHOLE_ONLY).order_by(large_files.c.sha256).limit(limit)
        if after is not None:
            query = query.where(large_files.c.sha256 > bytes.fromhex(after))
        return [_file(row) for row in self._connection.execute(query)]

    def owner_of(self, sha256: str) -> NamespaceId | None:
        query = (
            sa.select(repos.c.namespace_id)
            .join(repo_files, repo_files.c.repo_id == repos.c.id)
            .where(repo_files.c.sha256 == bytes.fromhex(sha256))
            .limit(1)
        )
        return self._connection.execute(query).scalar_one_or_none()
