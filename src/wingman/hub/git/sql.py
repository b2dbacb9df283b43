"""Git objects and refs in SQL; blobs too large for a row lie in the object store."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from wingman.hub.blobs.store import Blobs
from wingman.hub.database import BigId, insert_ignoring_known, metadata
from wingman.hub.git.objects import GitObject, ObjectKind
from wingman.hub.git.pointers import Pointer, parse_pointer
from wingman.hub.git.store import BlobFacts, ObjectMissing, PackedObject, Ref, RefMoved
from wingman.hub.repos.model import PoolId, RepoId

INLINE_BYTES = 256 * 1024
"""Larger blobs go to the object store: rows of megabytes slow every scan and backup of the database."""

_BATCH = 400

git_objects = sa.Table(
    "git_objects",
    metadata,
    sa.Column("pool_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("oid", sa.LargeBinary(20), primary_key=True),
    sa.Column("kind", sa.SmallInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("pointer_sha256", sa.LargeBinary(32)),
    sa.Column("pointer_size", sa.BigInteger),
    sa.Column("data", sa.LargeBinary),
    sqlite_with_rowid=True,
)
git_refs = sa.Table(
    "git_refs",
    metadata,
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("oid", sa.LargeBinary(20), nullable=False),
    sa.Column("commit_oid", sa.LargeBinary(20), nullable=False),
)
git_commits = sa.Table(
    "git_commits",
    metadata,
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("oid", sa.LargeBinary(20), primary_key=True),
)


def _batches(oids: Iterable[str]) -> Iterator[list[bytes]]:
    unique = iter(dict.fromkeys(bytes.fromhex(oid) for oid in oids))
    while batch := list(islice(unique, _BATCH)):
        yield batch


def _blob_key(pool: PoolId, oid: str) -> str:
    return f"git/{oid[:2]}/{pool}-{oid}"


class SqlGit:
    """See `Git`."""

    def __init__(self, connection: sa.Connection, blobs: Blobs) -> None:
        self._connection = connection
        self._blobs = blobs

    def add_objects(self, pool: PoolId, objects: Iterable[GitObject]) -> None:
        rest = iter(objects)
        while batch := list(islice(rest, _BATCH)):
            insert_ignoring_known(self._connection, git_objects, [self._row(pool, item) for item in batch])

    def objects(self, pool: PoolId, oids: Iterable[str]) -> Mapping[str, GitObject]:
        found = {}
        for batch in _batches(oids):
            query = sa.select(git_objects.c.oid, git_objects.c.kind, git_objects.c.data).where(
                git_objects.c.pool_id == pool, git_objects.c.oid.in_(batch)
            )
            for row in self._connection.execute(query):
                oid = row.oid.hex()
                data = (
                    self._blobs.read(_blob_key(pool, oid)) if row.data is None else zlib.decompress(row.data)
                )
                found[oid] = GitObject(ObjectKind(row.kind), data)
        return found

    def object(self, pool: PoolId, oid: str) -> GitObject:
        found = self.objects(pool, [oid])
        if oid not in found:
            raise ObjectMissing(oid)
        return found[oid]

    def packed_objects(self, pool: PoolId, oids: Iterable[str]) -> Iterator[PackedObject]:
        columns = git_objects.c
        for batch in _batches(oids):
            query = sa.select(columns.oid, columns.kind, columns.size, columns.data).where(
                columns.pool_id == pool, columns.oid.in_(batch)
            )
            rows = {row.oid: row for row in self._connection.execute(query)}
            for key in batch:
                oid, row = key.hex(), rows.get(key)
                if row is None:
                    raise ObjectMissing(oid)
                # Rows hold zlib streams, as packs do; large blobs lie in the object store as they are.
                deflated = row.data
                if deflated is None:
                    deflated = zlib.compress(self._blobs.read(_blob_key(pool, oid)), 1)
                yield PackedObject(oid, ObjectKind(row.kind), row.size, deflated)

    def blob_facts(self, pool: PoolId, oids: Iterable[str]) -> Mapping[str, BlobFacts]:
        facts = {}
        columns = git_objects.c
        for batch in _batches(oids):
            query = sa.select(columns.oid, columns.size, columns.pointer_sha256, columns.pointer_size).where(
                columns.pool_id == pool, columns.oid.in_(batch), columns.kind == ObjectKind.BLOB
            )
            for row in self._connection.execute(query):
                pointer = Pointer(row.pointer_sha256.hex(), row.pointer_size) if row.pointer_sha256 else None
                facts[row.oid.hex()] = BlobFacts(row.size, pointer)
        return facts

    def kinds(self, pool: PoolId, oids: Iterable[str]) -> Mapping[str, ObjectKind]:
        found = {}
        for batch in _batches(oids):
            query = sa.select(git_objects.c.oid, git_objects.c.kind).where(
                git_objects.c.pool_id == pool, git_objects.c.oid.in_(batch)
            )
            found.update({row.oid.hex(): ObjectKind(row.kind) for row in self._connection.execute(query)})
        return found

    def refs(self, repo_id: RepoId, prefix: str = "refs/") -> Sequence[Ref]:
        query = (
            sa.select(git_refs)
            .where(git_refs.c.repo_id == repo_id, git_refs.c.name.startswith(prefix, autoescape=True))
            .order_by(git_refs.c.name)
        )
        return [Ref(row.name, row.oid.hex(), row.commit_oid.hex()) for row in self._connection.execute(query)]

    def ref(self, repo_id: RepoId, name: str) -> Ref | None:
        query = sa.select(git_refs).where(git_refs.c.repo_id == repo_id, git_refs.c.name == name)
        row = self._connection.execute(query).first()
        return None if row is None else Ref(row.name, row.oid.hex(), row.commit_oid.hex())

    def move_ref(
        self, repo_id: RepoId, name: str, *, old: str | None, new: str | None, commit: str | None
    ) -> None:
        here = (git_refs.c.repo_id == repo_id) & (git_refs.c.name == name)
        target = (
            None if new is None else {"oid": bytes.fromhex(new), "commit_oid": bytes.fromhex(commit or new)}
        )
        if old is None and target is not None:
            try:
                with self._connection.begin_nested():
                    self._connection.execute(sa.insert(git_refs).values(repo_id=repo_id, name=name, **target))
            except sa.exc.IntegrityError as error:
                raise self._moved(repo_id, name, old) from error
            return
        at_old = here & (git_refs.c.oid == bytes.fromhex(old or ""))
        change = sa.delete(git_refs) if target is None else sa.update(git_refs).values(**target)
        if self._connection.execute(change.where(at_old)).rowcount != 1:
            raise self._moved(repo_id, name, old)

    def add_commits(self, repo_id: RepoId, oids: Iterable[str]) -> None:
        for batch in _batches(oids):
            rows = [{"repo_id": repo_id, "oid": oid} for oid in batch]
            insert_ignoring_known(self._connection, git_commits, rows)

    def commits(self, repo_id: RepoId) -> Sequence[str]:
        query = sa.select(git_commits.c.oid).where(git_commits.c.repo_id == repo_id)
        return [oid.hex() for (oid,) in self._connection.execute(query)]

    def has_commit(self, repo_id: RepoId, oid: str) -> bool:
        query = sa.select(git_commits.c.oid).where(
            git_commits.c.repo_id == repo_id, git_commits.c.oid == bytes.fromhex(oid)
        )
        return self._connection.execute(query).first() is not None

    def find_commit(self, repo_id: RepoId, prefix: str) -> str | None:
        even = prefix[: len(prefix) // 2 * 2]
        low = bytes.fromhex(even)
        query = (
            sa.select(git_commits.c.oid)
            .where(
                git_commits.c.repo_id == repo_id,
                git_commits.c.oid >= low,
                git_commits.c.oid <= low.ljust(20, b"\xff"),
            )
            .limit(64)
        )
        found = [oid.hex() for (oid,) in self._connection.execute(query) if oid.hex().startswith(prefix)]
        return found[0] if len(found) == 1 else None

    def _moved(self, repo_id: RepoId, name: str, expected: str | None) -> RefMoved:
        actual = self.ref(repo_id, name)
        return RefMoved(name, expected, actual.oid if actual else None)

    def _row(self, pool: PoolId, item: GitObject) -> dict[str, Any]:
        oid = item.oid
        pointer = parse_pointer(item.data) if item.kind is ObjectKind.BLOB else None
        inline = len(item.data) <= INLINE_BYTES or item.kind is not ObjectKind.BLOB
        if not inline:
            # Before the row: an object without a row is garbage, a row without an object is damage.
            self._blobs.put(_blob_key(pool, oid), item.data)
        return {
            "pool_id": pool,
            "oid": bytes.fromhex(oid),
            "kind": int(item.kind),
            "size": len(item.data),
            "pointer_sha256": bytes.fromhex(pointer.sha256) if pointer else None,
            "pointer_size": pointer.size if pointer else None,
            "data": zlib.compress(item.data, 3) if inline else None,
        }
