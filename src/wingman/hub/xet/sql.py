"""Xorbs and chunked files in SQL: a handful of rows per 64 MiB, never one per chunk.

The chunk table of a xorb is two packed columns in a row of its own (about 40 KB for 1,000 chunks), so that
touching or finding a xorb neither rewrites nor reads it. The sampled index holds about a row per 64 MiB.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.database import BigId, UtcTime, insert_ignoring_known, metadata
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.model import IndexedChunk, NewXorb, StoredXorb, XetFile
from wingman.hub.xet.shards import Term

_BATCH = 400
_LARGEST_STEP = 1 << 16
"""Between epochs: small enough for thousands of them in an address of nine digits."""
_TERM = np.dtype([("xorb", "V32"), ("length", "<u4"), ("first", "<u4"), ("end", "<u4")])


def _xorb_key(**options: Any) -> sa.Column:
    return sa.Column("xorb", sa.LargeBinary(32), sa.ForeignKey("xorbs.hash", ondelete="CASCADE"), **options)


def _namespace_key() -> sa.Column:
    namespace = sa.ForeignKey("namespaces.id", ondelete="CASCADE")
    return sa.Column("namespace_id", BigId, namespace, primary_key=True)


xorbs = sa.Table(
    "xorbs",
    metadata,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("blob_key", sa.String, nullable=False),
    sa.Column("num_chunks", sa.Integer, nullable=False),
    sa.Column("raw_bytes", sa.BigInteger, nullable=False),
    sa.Column("stored_bytes", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)
xorb_chunks = sa.Table(
    "xorb_chunks",
    metadata,
    _xorb_key(primary_key=True),
    # Before the hashes: SQLite reads a row's pages from the front, and reading files needs offsets alone.
    sa.Column("offsets", sa.LargeBinary, nullable=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)
xorb_owners = sa.Table(
    "xorb_owners",
    metadata,
    _namespace_key(),
    _xorb_key(primary_key=True, index=True),
    sa.Column("touched_at", UtcTime, nullable=False),
)
xet_files = sa.Table(
    "xet_files",
    metadata,
    sa.Column("hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("terms", sa.LargeBinary, nullable=False),
)
xet_index = sa.Table(
    "xet_index",
    metadata,
    _namespace_key(),
    sa.Column("chunk", sa.LargeBinary(32), primary_key=True),
    _xorb_key(nullable=False, index=True),
    sa.Column("file_hash", sa.LargeBinary(32)),
)
xet_epochs = sa.Table(
    "xet_epochs",
    metadata,
    sa.Column("epoch", BigId, primary_key=True),
    sa.Column("started_at", UtcTime, nullable=False),
)
_INDEX_KEY = ["namespace_id", "chunk"]


def _batches(hashes: Iterable[bytes]) -> Iterator[list[bytes]]:
    unique = iter(dict.fromkeys(hashes))
    while batch := list(islice(unique, _BATCH)):
        yield batch


def _pack_offsets(table: ChunkTable) -> bytes:
    return np.concatenate([table.raw_offsets, table.record_offsets]).astype("<u4").tobytes()


def _unpack_offsets(data: bytes) -> np.ndarray:
    """(2, n + 1): where chunks begin in the plain xorb, and where their records do in the stored one."""
    return np.frombuffer(data, "<u4").reshape(2, -1)


class SqlChunks:
    """See `Chunks`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def xorbs(self, hashes: Iterable[bytes]) -> Mapping[bytes, StoredXorb]:
        found = {}
        columns = (
            xorbs.c.hash,
            xorbs.c.blob_key,
            xorbs.c.num_chunks,
            xorbs.c.raw_bytes,
            xorbs.c.stored_bytes,
        )
        for batch in _batches(hashes):
            for row in self._connection.execute(sa.select(*columns).where(xorbs.c.hash.in_(batch))):
                found[bytes(row.hash)] = StoredXorb(
                    hash=bytes(row.hash),
                    blob_key=row.blob_key,
                    num_chunks=row.num_chunks,
                    raw_bytes=row.raw_bytes,
                    stored_bytes=row.stored_bytes,
                )
        return found

    def owned(self, tenant: NamespaceId, hashes: Iterable[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        for batch in _batches(hashes):
            query = sa.select(xorb_owners.c.xorb).where(
                xorb_owners.c.namespace_id == tenant, xorb_owners.c.xorb.in_(batch)
            )
            found.update(bytes(xorb) for xorb in self._connection.execute(query).scalars())
        return found

    def add_xorb(self, xorb: NewXorb, *, at: datetime) -> StoredXorb:
        table = xorb.table
        row = {
            "hash": xorb.hash,
            "blob_key": xorb.blob_key,
            "num_chunks": len(table),
            "raw_bytes": table.raw_offset(len(table)),
            "stored_bytes": table.record_offset(len(table)),
            "checksum": xorb.checksum,
            "created_at": at,
        }
        insert_ignoring_known(self._connection, xorbs, [row])
        kept = self.xorbs([xorb.hash])[xorb.hash]
        if kept.blob_key == xorb.blob_key:
            chunks = {"xorb": xorb.hash, "offsets": _pack_offsets(table), "hashes": table.hashes}
            insert_ignoring_known(self._connection, xorb_chunks, [chunks])
        return kept

    def own(self, tenant: NamespaceId, xorb: bytes, *, at: datetime) -> None:
        insert = self._upsert(xorb_owners).values(namespace_id=tenant, xorb=xorb, touched_at=at)
        keys = ["namespace_id", "xorb"]
        self._connection.execute(insert.on_conflict_do_update(index_elements=keys, set_={"touched_at": at}))

    def _upsert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        return dialect.insert(table)

    def touch(self, tenant: NamespaceId, hashes: Collection[bytes], *, at: datetime) -> int:
        touched = 0
        # In one order for everyone, so that two writers locking rows never wait for each other in a circle.
        for batch in _batches(sorted(hashes)):
            update = (
                sa.update(xorb_owners)
                .where(xorb_owners.c.namespace_id == tenant, xorb_owners.c.xorb.in_(batch))
                .values(touched_at=at)
            )
            touched += self._connection.execute(update).rowcount
        return touched

    def tables(self, hashes: Iterable[bytes]) -> Mapping[bytes, ChunkTable]:
        return self._tables(hashes, xorb_chunks.c.hashes)

    def offsets(self, hashes: Iterable[bytes]) -> Mapping[bytes, ChunkTable]:
        return self._tables(hashes, sa.literal(b"").label("hashes"))

    def _tables(self, wanted: Iterable[bytes], hashes: sa.ColumnElement) -> dict[bytes, ChunkTable]:
        found = {}
        for batch in _batches(wanted):
            query = sa.select(xorb_chunks.c.xorb, xorb_chunks.c.offsets, hashes)
            for row in self._connection.execute(query.where(xorb_chunks.c.xorb.in_(batch))):
                found[bytes(row.xorb)] = ChunkTable(bytes(row.hashes), *_unpack_offsets(bytes(row.offsets)))
        return found

    def file(self, file_hash: bytes) -> XetFile | None:
        row = self._connection.execute(sa.select(xet_files).where(xet_files.c.hash == file_hash)).first()
        if row is None:
            return None
        terms = tuple(Term(*term) for term in np.frombuffer(bytes(row.terms), _TERM).tolist())
        return XetFile(hash=bytes(row.hash), sha256=bytes(row.sha256), size=row.size, terms=terms)

    def add_file(self, file: XetFile, *, at: datetime) -> None:
        terms = np.array([(np.void(term.xorb), *term[1:]) for term in file.terms], _TERM)
        row = {
            "hash": file.hash,
            "sha256": file.sha256,
            "size": file.size,
            "created_at": at,
            "terms": terms.tobytes(),
        }
        insert_ignoring_known(self._connection, xet_files, [row])

    def index_chunks(
        self, tenant: NamespaceId, chunks: Iterable[tuple[bytes, bytes]], *, file_hash: bytes | None = None
    ) -> None:
        rows = [
            {"namespace_id": tenant, "chunk": chunk, "xorb": xorb, "file_hash": file_hash}
            for chunk, xorb in chunks
        ]
        if file_hash is None or not rows:
            insert_ignoring_known(self._connection, xet_index, rows)
            return
        insert = self._upsert(xet_index)
        newer = {name: insert.excluded[name] for name in ("xorb", "file_hash")}
        self._connection.execute(insert.on_conflict_do_update(index_elements=_INDEX_KEY, set_=newer), rows)

    def find_chunk(self, tenant: NamespaceId, chunk_hash: bytes) -> IndexedChunk | None:
        query = sa.select(xet_index.c.xorb, xet_index.c.file_hash).where(
            xet_index.c.namespace_id == tenant, xet_index.c.chunk == chunk_hash
        )
        row = self._connection.execute(query).first()
        if row is None:
            return None
        return IndexedChunk(bytes(row.xorb), None if row.file_hash is None else bytes(row.file_hash))

    def epoch(self) -> int:
        return self._connection.execute(sa.select(sa.func.max(xet_epochs.c.epoch))).scalar_one()

    def start_epoch(self, *, at: datetime) -> int:
        following = self.epoch() + 1 + secrets.randbelow(_LARGEST_STEP)
        insert_ignoring_known(self._connection, xet_epochs, [{"epoch": following, "started_at": at}])
        return following
