"""Xorbs: up to 8192 chunks in one body, each a record of eight header bytes and its (compressed) data.

    version 0 (u8) | stored length (u24) | scheme (u8) | plain length (u24) | data

Everything works on a bytes-like object, best a `memoryview` of a mapped file, one chunk in memory at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

import lz4.frame
import numpy as np

from wingman.hub.xet.chunk_tables import FOOTER_IDENT, MAX_CHUNK_BYTES, MAX_CHUNKS, ChunkTable
from wingman.hub.xet.errors import HashMismatch, MalformedXorb
from wingman.hub.xet.hashes import BytesLike, chunk_hash, to_text, xorb_hash

RECORD_HEADER_BYTES = 8
MAX_STORED_CHUNK_BYTES = 2 * MAX_CHUNK_BYTES
# Clients stop at 64 MiB, hf-xet counting plain bytes, huggingface.js serialised ones. Incompressible chunks are
# stored plain behind their headers, so the specification's 64 MiB for the body would refuse real uploads.
TARGET_XORB_BYTES = 64 * 1024 * 1024
MAX_XORB_BYTES = TARGET_XORB_BYTES + MAX_CHUNKS * RECORD_HEADER_BYTES

_RECORD_HEADER = Struct("<II")


class Scheme(IntEnum):
    """How a chunk's data is stored. 99 ("auto") exists inside the client only and is refused."""

    PLAIN = 0
    LZ4 = 1  # an LZ4 frame, not a bare block
    BG4_LZ4 = 2  # bytes regrouped by position modulo four, then as LZ4: good for floats


_SCHEMES = {int(scheme): scheme for scheme in Scheme}


class Record(NamedTuple):
    """One chunk as stored: its data is `body[start:end]`, its plain length `length`."""

    scheme: Scheme
    start: int
    end: int
    length: int


def verify_xorb(body: BytesLike, expected: bytes) -> ChunkTable:
    """Check a xorb body as uploaded: decode every chunk, rebuild the tree, compare the root with `expected`.

    A footer, as other tools append it, is not read; `record_offset(len(table))` says where the body ends.
    Raises `MalformedXorb`, `HashMismatch`.
    """
    table = read_chunk_table(body)
    found = xorb_hash(table.leaves())
    if found != expected:
        raise HashMismatch(
            "the xorb is not the one it is named for", expected=to_text(expected), found=to_text(found)
        )
    return table


def read_chunk_table(body: BytesLike) -> ChunkTable:
    """Decode and hash every chunk of a xorb body. Raises `MalformedXorb`."""
    view = memoryview(body)
    hashes: list[bytes] = []
    lengths: list[int] = []
    record_lengths: list[int] = []
    for record in read_records(view):
        if len(hashes) == MAX_CHUNKS or record.end > MAX_XORB_BYTES:
            raise MalformedXorb(
                "the xorb is too large",
                offset=record.start,
                expected=f"{MAX_CHUNKS} chunks in {MAX_XORB_BYTES} bytes at most",
            )
        hashes.append(chunk_hash(decode_record(view, record)))
        lengths.append(record.length)
        record_lengths.append(record.end - record.start + RECORD_HEADER_BYTES)
    if not hashes:
        raise MalformedXorb("the xorb holds no chunk", offset=0)
    return ChunkTable.from_lengths(b"".join(hashes), lengths, record_lengths)


def read_records(body: BytesLike) -> Iterator[Record]:
    """The chunk records, back to back until the end of `body` or a footer. Raises `MalformedXorb`."""
    position, size = 0, len(body)
    while position < size:
        start = position + RECORD_HEADER_BYTES
        if start > size:
            raise MalformedXorb("cut short in a record's header", offset=position)
        first, second = _RECORD_HEADER.unpack_from(body, position)
        if first & 0xFF:
            if body[position : position + len(FOOTER_IDENT)] == FOOTER_IDENT:
                return
            raise MalformedXorb("unknown record version", offset=position, expected=0, found=first & 0xFF)
        record = Record(_scheme(second & 0xFF, position), start, start + (first >> 8), second >> 8)
        _check_lengths(record, size)
        yield record
        position = record.end


def _scheme(number: int, position: int) -> Scheme:
    scheme = _SCHEMES.get(number)
    if scheme is None:
        raise MalformedXorb("unknown compression scheme", offset=position, expected="0, 1 or 2", found=number)
    return scheme


def _check_lengths(record: Record, size: int) -> None:
    stored = record.end - record.start
    # Nothing writes empty chunks, and with them several chunks would begin at the same byte of a file.
    if not 0 < record.length <= MAX_CHUNK_BYTES:
        raise MalformedXorb(
            "chunk length out of bounds",
            offset=record.start,
            expected=f"1 to {MAX_CHUNK_BYTES}",
            found=record.length,
        )
    if stored > MAX_STORED_CHUNK_BYTES:
        raise MalformedXorb(
            "stored chunk too long",
            offset=record.start,
            expected=f"{MAX_STORED_CHUNK_BYTES} at most",
            found=stored,
        )
    if record.scheme is Scheme.PLAIN and stored != record.length:
        raise MalformedXorb(
            "a plain chunk's two lengths differ", offset=record.start, expected=record.length, found=stored
        )
    if record.end > size:
        raise MalformedXorb(
            "cut short in a chunk", offset=record.start, expected=stored, found=size - record.start
        )


def decode_record(body: BytesLike, record: Record) -> memoryview:
    """The plain bytes of one chunk, never more than its header declares. Raises `MalformedXorb`."""
    stored = memoryview(body)[record.start : record.end]
    if record.scheme is Scheme.PLAIN:
        return stored
    chunk = _decompress(stored, record)
    return _ungroup_by_four(chunk) if record.scheme is Scheme.BG4_LZ4 else memoryview(chunk)


def _decompress(stored: memoryview, record: Record) -> bytes:
    frame = lz4.frame.LZ4FrameDecompressor()
    try:
        # One byte more than declared: a longer frame then shows, and a right one always reaches its end mark.
        chunk = frame.decompress(stored, max_length=record.length + 1)
    except RuntimeError as error:
        raise MalformedXorb(f"not an LZ4 frame ({error})", offset=record.start) from error
    if not frame.eof or frame.unused_data or len(chunk) != record.length:
        raise MalformedXorb(
            "the LZ4 frame is not one chunk of the declared length",
            offset=record.start,
            expected=record.length,
            found=len(chunk),
        )
    return chunk


def decode_chunks(records: BytesLike) -> Iterator[memoryview]:
    """The plain chunks of whole records, such as a byte range of a stored xorb. Raises `MalformedXorb`."""
    view = memoryview(records)
    for record in read_records(view):
        yield decode_record(view, record)


@dataclass(frozen=True, slots=True)
class PackedXorb:
    """A finished xorb: its name, its serialised body, its chunks."""

    hash: bytes
    body: bytearray
    table: ChunkTable


class XorbBuilder:
    """Packs chunks into a xorb body, for data that did not come from a Xet client.

    scheme: how to store chunks; None tries all on every 32nd chunk and keeps to the smallest in between.
    """

    _CHUNKS_PER_CHOICE = 32

    def __init__(self, scheme: Scheme | None = None) -> None:
        self._fixed = scheme
        self._chosen = Scheme.PLAIN if scheme is None else scheme
        self._body = bytearray()
        self._hashes: list[bytes] = []
        self._lengths: list[int] = []
        self._record_lengths: list[int] = []
        self._raw_size = 0

    def __len__(self) -> int:
        return len(self._hashes)

    def has_room_for(self, chunk: bytes) -> bool:
        return len(self) < MAX_CHUNKS and self._raw_size + len(chunk) <= TARGET_XORB_BYTES

    def add(self, chunk: bytes, raw_hash: bytes) -> int:
        """Append a chunk of 1 to 131072 bytes, given its `chunk_hash`; returns its index."""
        assert self.has_room_for(chunk), "finish this xorb and begin another"
        if self._fixed is None and len(self) % self._CHUNKS_PER_CHOICE == 0:
            self._chosen = min(Scheme, key=lambda scheme: len(encode_record(chunk, scheme)))
        record = encode_record(chunk, self._chosen)
        self._body += record
        self._hashes.append(raw_hash)
        self._lengths.append(len(chunk))
        self._record_lengths.append(len(record))
        self._raw_size += len(chunk)
        return len(self) - 1

    def finish(self) -> PackedXorb:
        """The xorb of all chunks added, of which there is at least one."""
        table = ChunkTable.from_lengths(b"".join(self._hashes), self._lengths, self._record_lengths)
        return PackedXorb(xorb_hash(table.leaves()), self._body, table)


def encode_record(chunk: bytes, scheme: Scheme) -> bytes:
    """A chunk record under `scheme`, or plain where that does not save anything."""
    assert 0 < len(chunk) <= MAX_CHUNK_BYTES
    data = chunk
    if scheme is not Scheme.PLAIN:
        data = _compress(_group_by_four(chunk) if scheme is Scheme.BG4_LZ4 else chunk)
        if len(data) >= len(chunk):
            data, scheme = chunk, Scheme.PLAIN
    return _RECORD_HEADER.pack(len(data) << 8, len(chunk) << 8 | scheme) + data


def _compress(data: bytes) -> bytes:
    """An LZ4 frame with the flags that hf-xet writes: independent blocks of 64 KiB, no size, no checksums."""
    return lz4.frame.compress(
        data, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False, store_size=False
    )


def _group_by_four(chunk: bytes) -> bytes:
    return b"".join([chunk[phase::4] for phase in range(4)])


def _ungroup_by_four(grouped: bytes) -> memoryview:
    """Undo `_group_by_four`; where the length is no multiple of four the first groups are one byte longer."""
    source = np.frombuffer(grouped, np.uint8)
    chunk = np.empty_like(source)
    start = 0
    for phase in range(4):
        lane = chunk[phase::4]
        lane[:] = source[start : start + len(lane)]
        start += len(lane)
    return chunk.data
