"""Shards: what files consist of and what xorbs hold, in rows of 48 bytes.

    header          tag (32) | version 2 (u64) | footer size (u64; 0 in uploads)
    file section    per file: header, terms, range hashes (flag bit 31), SHA-256 (flag bit 30)
    bookend         32 x ff, 16 x 00
    xorb section    per xorb: header, chunks
    bookend
    [lookup tables and footer: in answers to deduplication queries, and from some clients in uploads]

A row is a hash and four u32 whose meaning depends on the row. What a shard says is a claim: the server's own
chunk tables are the authority, and comparing with them is the caller's task.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

import numpy as np

from wingman.hub.xet.chunk_tables import MAX_CHUNKS, ChunkTable
from wingman.hub.xet.errors import MalformedShard
from wingman.hub.xet.hashes import HASH_BYTES, ZERO_HASH, BytesLike, dedup_hash, from_text, to_text

# Clients split at about 64 MiB; the rest is for the lookup tables that some of them append.
MAX_SHARD_BYTES = 80 * 1024 * 1024
ROW_BYTES = 48
FOOTER_BYTES = 200

_TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
_VERSION = 2
_HEADER = Struct("<32sQQ")
_ROW = Struct("<32s4I")
_BOOKEND = b"\xff" * 32 + bytes(16)
_FOOTER = Struct("<Q QQ QQQQQQ 32s QQ 48x QQQQ")
_FOOTER_VERSION = 1
_NEVER = 2**64 - 1
_ROWS = np.dtype([("hash", "V32"), ("a", "<u4"), ("b", "<u4"), ("c", "<u4"), ("d", "<u4")])

_HAS_RANGE_HASHES = 1 << 31
_HAS_SHA256 = 1 << 30


class Term(NamedTuple):
    """A stretch of a file: chunks `first:end` of xorb `xorb`, `length` plain bytes in all."""

    xorb: bytes
    length: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file as its uploader describes it.

    range_hashes: one a term, or empty if the uploader left them out (then it proves nothing).
    sha256:       the usual hex string, or None; a claim like the rest.
    """

    hash: bytes
    terms: tuple[Term, ...]
    range_hashes: tuple[bytes, ...] = ()
    sha256: str | None = None

    @property
    def size(self) -> int:
        """Bytes of the file. A small shard can claim many TiB: compare with a limit before working on it."""
        return sum([term.length for term in self.terms])


@dataclass(frozen=True, slots=True, eq=False)
class ShardXorb:
    """A xorb as its uploader describes it.

    hashes:  32 bytes a chunk, back to back.
    lengths: (n,) uint32, plain bytes of each chunk.
    """

    hash: bytes
    hashes: bytes
    lengths: np.ndarray

    def agrees_with(self, table: ChunkTable) -> bool:
        """Whether this is what the server found in the xorb itself."""
        return self.hashes == table.hashes and np.array_equal(self.lengths, table.lengths)


@dataclass(frozen=True, slots=True)
class Shard:
    files: tuple[ShardFile, ...]
    xorbs: tuple[ShardXorb, ...]


def parse_shard(data: BytesLike) -> Shard:
    """Read an uploaded shard; whatever follows its second bookend is ignored. Raises `MalformedShard`."""
    if len(data) > MAX_SHARD_BYTES:
        raise MalformedShard(
            "the shard is too large", expected=f"{MAX_SHARD_BYTES} bytes at most", found=len(data)
        )
    if len(data) < _HEADER.size:
        raise MalformedShard("the shard is cut short in its header", offset=len(data))
    tag, version, _ = _HEADER.unpack_from(data)
    if tag != _TAG:
        raise MalformedShard("not a shard: its tag is missing", offset=0)
    if version != _VERSION:
        raise MalformedShard("unknown shard version", offset=32, expected=_VERSION, found=version)
    reader = _RowReader(data)
    return Shard(tuple(_read_files(reader)), tuple(_read_xorbs(reader)))


class _RowReader:
    """Takes rows from the front; never hands out, or allocates for, more than the data holds."""

    def __init__(self, data: BytesLike) -> None:
        self._data = memoryview(data)
        self._position = _HEADER.size

    @property
    def offset(self) -> int:
        return self._position

    def next_header(self) -> tuple[bytes, int, int] | None:
        """(hash, flags, count) of the next file or xorb, None at the section's bookend."""
        start = self._advance(1)
        row = bytes(self._data[start : self._position])
        if row == _BOOKEND:
            return None
        raw_hash, flags, count, _, _ = _ROW.unpack(row)
        return raw_hash, flags, count

    def take(self, count: int) -> np.ndarray:
        """(count,) rows, a view."""
        return np.frombuffer(self._data, _ROWS, count, self._advance(count))

    def _advance(self, count: int) -> int:
        start = self._position
        if count * ROW_BYTES > len(self._data) - start:
            raise MalformedShard(
                "the shard is cut short",
                offset=start,
                expected=f"{count} rows",
                found=f"{len(self._data) - start} bytes",
            )
        self._position += count * ROW_BYTES
        return start


def _read_files(reader: _RowReader) -> Iterable[ShardFile]:
    while header := reader.next_header():
        raw_hash, flags, count = header
        offset = reader.offset
        terms = tuple(
            Term(xorb, length, first, end) for xorb, _, length, first, end in reader.take(count).tolist()
        )
        for index, term in enumerate(terms):
            if not term.first < term.end <= MAX_CHUNKS:
                raise MalformedShard(
                    "a term has no such chunks",
                    offset=offset + index * ROW_BYTES,
                    expected=f"a range within {MAX_CHUNKS}",
                    found=f"{term.first}:{term.end}",
                )
        range_hashes = reader.take(count)["hash"].tolist() if flags & _HAS_RANGE_HASHES else ()
        sha256 = to_text(reader.take(1)["hash"].tobytes()) if flags & _HAS_SHA256 else None
        yield ShardFile(raw_hash, terms, tuple(range_hashes), sha256)


def _read_xorbs(reader: _RowReader) -> Iterable[ShardXorb]:
    while header := reader.next_header():
        raw_hash, _, count = header
        if not 0 < count <= MAX_CHUNKS:
            raise MalformedShard(
                "impossible number of chunks in a xorb",
                offset=reader.offset,
                expected=f"1 to {MAX_CHUNKS}",
                found=count,
            )
        rows = reader.take(count)
        yield ShardXorb(raw_hash, rows["hash"].tobytes(), rows["b"].copy())


def serialize_upload(files: Iterable[ShardFile], xorbs: Iterable[tuple[bytes, ChunkTable]]) -> bytes:
    """A shard as a client uploads it, without a footer. `xorbs`: (hash, table) of the new ones."""
    return b"".join(
        (_HEADER.pack(_TAG, _VERSION, 0), *map(_file_rows, files), _BOOKEND, _xorb_section(xorbs))
    )


def serialize_dedup_answer(
    xorbs: Iterable[tuple[bytes, ChunkTable]],
    *,
    key: bytes = ZERO_HASH,
    created_at: int,
    expires_at: int | None,
) -> bytes:
    """What a deduplication query is answered with: xorbs and their chunks, no files, the 200-byte footer.

    key:  unless zero, chunk hashes are hidden under it, so that only who has the chunks recognises them.
    created_at, expires_at: Unix seconds; the client remembers the answer until then (None: for ever).
    """
    files_at = _HEADER.size
    xorbs_at = files_at + ROW_BYTES
    xorb_section = _xorb_section(xorbs, key)
    footer_at = xorbs_at + len(xorb_section)
    footer = _FOOTER.pack(
        _FOOTER_VERSION,
        files_at,
        xorbs_at,
        *(footer_at, 0) * 3,  # lookup tables for files, xorbs and chunks, all empty
        key,
        created_at,
        _NEVER if expires_at is None else expires_at,
        *(0, 0, 0),  # byte counters that no client reads
        footer_at,
    )
    return b"".join((_HEADER.pack(_TAG, _VERSION, FOOTER_BYTES), _BOOKEND, xorb_section, footer))


def _file_rows(file: ShardFile) -> bytes:
    flags = (_HAS_RANGE_HASHES if file.range_hashes else 0) | (_HAS_SHA256 if file.sha256 else 0)
    rows = [_ROW.pack(file.hash, flags, len(file.terms), 0, 0)]
    rows += [_ROW.pack(xorb, 0, length, first, end) for xorb, length, first, end in file.terms]
    rows += [_ROW.pack(range_hash, 0, 0, 0, 0) for range_hash in file.range_hashes]
    if file.sha256:
        rows.append(_ROW.pack(from_text(file.sha256), 0, 0, 0, 0))
    return b"".join(rows)


def _xorb_section(xorbs: Iterable[tuple[bytes, ChunkTable]], key: bytes = ZERO_HASH) -> bytes:
    return b"".join([_xorb_rows(raw_hash, table, key) for raw_hash, table in xorbs]) + _BOOKEND


def _xorb_rows(raw_hash: bytes, table: ChunkTable, key: bytes) -> bytes:
    count = len(table)
    rows = np.zeros(count, _ROWS)
    rows["hash"] = np.frombuffer(_hidden(table.hashes, key), "V32")
    rows["a"] = table.raw_offsets[:-1]
    rows["b"] = table.lengths
    return _ROW.pack(raw_hash, 0, count, table.raw_offset(count), table.record_offset(count)) + rows.tobytes()


def _hidden(hashes: bytes, key: bytes) -> bytes:
    if key == ZERO_HASH:
        return hashes
    starts = range(0, len(hashes), HASH_BYTES)
    return b"".join([dedup_hash(key, hashes[start : start + HASH_BYTES]) for start in starts])
