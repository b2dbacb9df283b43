"""What the server knows of a xorb: the hash, length and record end of each chunk.

Kept as columns, because a xorb has up to 8192 chunks and is looked at in ranges. The stored form is the
xorb footer of the format itself ("XorbObjectInfo", version 1), so a stored xorb followed by its table is
what other Xet stores keep.

    XETBLOB 1 | xorb hash
    XBLBHSH 0 | n | hash x n
    XBLBBND 1 | n | end of each record (u32 x n) | end of each plain chunk (u32 x n)
    n | bytes from "XBLBHSH" to the end | bytes from "XBLBBND" to the end | 16 reserved
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Self

import numpy as np

from wingman.hub.xet.errors import MalformedXorb
from wingman.hub.xet.hashes import HASH_BYTES, BytesLike

FOOTER_IDENT = b"XETBLOB"
MAX_CHUNKS = 8192
MAX_CHUNK_BYTES = 128 * 1024

_HEAD = Struct("<8s32s8sI")
_BOUNDS = Struct("<8sI")
_TAIL = Struct("<III16x")
_IDENTS = (b"XETBLOB\x01", b"XBLBHSH\x00", b"XBLBBND\x01")


@dataclass(frozen=True, slots=True, eq=False)
class ChunkTable:
    """The chunks of one xorb.

    hashes:         32 bytes a chunk, back to back.
    raw_offsets:    (n + 1,) uint32, where each chunk begins in the plain xorb; the last is its length.
    record_offsets: (n + 1,) uint32, where each record begins in the serialised xorb; the last is its length.
    """

    hashes: bytes
    raw_offsets: np.ndarray
    record_offsets: np.ndarray

    @classmethod
    def from_lengths(cls, hashes: bytes, lengths: Sequence[int], record_lengths: Sequence[int]) -> Self:
        return cls(hashes, _offsets(lengths), _offsets(record_lengths))

    def __len__(self) -> int:
        return len(self.raw_offsets) - 1

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ChunkTable)
            and self.hashes == other.hashes
            and np.array_equal(self.raw_offsets, other.raw_offsets)
            and np.array_equal(self.record_offsets, other.record_offsets)
        )

    __hash__ = None  # type: ignore[assignment] # arrays inside

    @property
    def lengths(self) -> np.ndarray:
        """(n,) uint32: plain bytes of each chunk."""
        return np.diff(self.raw_offsets)

    def raw_offset(self, index: int) -> int:
        return int(self.raw_offsets[index])

    def record_offset(self, index: int) -> int:
        return int(self.record_offsets[index])

    def raw_length(self, first: int, end: int) -> int:
        """Plain bytes of chunks `first:end`."""
        return self.raw_offset(end) - self.raw_offset(first)

    def chunk_at(self, raw_position: int) -> int:
        """The index of the chunk that holds this byte of the plain xorb."""
        return int(np.searchsorted(self.raw_offsets, raw_position, side="right")) - 1

    def hashes_of(self, first: int, end: int) -> bytes:
        """Raw hashes of chunks `first:end`, back to back."""
        return self.hashes[first * HASH_BYTES : end * HASH_BYTES]

    def leaves(self, first: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int]]:
        """(hash, length) of chunks `first:end`, as the Merkle tree takes them."""
        end = len(self) if end is None else end
        lengths = np.diff(self.raw_offsets[first : end + 1]).tolist()
        for index, length in enumerate(lengths, first):
            yield self.hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES], length

    def dedup_candidates(self) -> Iterator[int]:
        """Indices of the chunks that clients ask about wherever they stand (`is_dedup_candidate`)."""
        last_words = np.frombuffer(self.hashes, "<u8")[3::4]
        yield from np.flatnonzero(last_words % 1024 == 0).tolist()


def serialize_table(xorb: bytes, table: ChunkTable) -> bytes:
    """The footer (without the four length bytes that follow it in a file) of xorb `xorb`."""
    n = len(table)
    bounds_distance = _BOUNDS.size + 8 * n + _TAIL.size
    hashes_distance = _BOUNDS.size + HASH_BYTES * n + bounds_distance
    return b"".join(
        (
            _HEAD.pack(_IDENTS[0], xorb, _IDENTS[1], n),
            table.hashes,
            _BOUNDS.pack(_IDENTS[2], n),
            table.record_offsets[1:].astype("<u4").tobytes(),
            table.raw_offsets[1:].astype("<u4").tobytes(),
            _TAIL.pack(n, hashes_distance, bounds_distance),
        )
    )


def parse_table(footer: BytesLike) -> tuple[bytes, ChunkTable]:
    """The xorb's hash and table from its footer. Raises `MalformedXorb`."""
    view = memoryview(footer).cast("B")
    if len(view) < _HEAD.size + _BOUNDS.size + _TAIL.size:
        raise MalformedXorb("the xorb footer is cut short", offset=len(view))
    ident, xorb, hashes_ident, n = _HEAD.unpack_from(view)
    size = _HEAD.size + HASH_BYTES * n + _BOUNDS.size + 8 * n + _TAIL.size
    if (ident, hashes_ident) != _IDENTS[:2] or not 0 < n <= MAX_CHUNKS:
        raise MalformedXorb("not a xorb footer", offset=0)
    if len(view) != size:
        raise MalformedXorb(f"a xorb footer of {n} chunks", expected=f"{size} bytes", found=len(view))
    bounds_at = _HEAD.size + HASH_BYTES * n
    if _BOUNDS.unpack_from(view, bounds_at) != (_IDENTS[2], n):
        raise MalformedXorb("the xorb footer has no boundary section", offset=bounds_at)
    ends = np.frombuffer(view, "<u4", 2 * n, bounds_at + _BOUNDS.size).reshape(2, n)
    record_offsets, raw_offsets = np.pad(ends, ((0, 0), (1, 0)))
    if not (np.all(record_offsets[1:] > record_offsets[:-1]) and np.all(raw_offsets[1:] > raw_offsets[:-1])):
        raise MalformedXorb("chunk boundaries in a xorb footer do not grow", offset=bounds_at)
    return xorb, ChunkTable(bytes(view[_HEAD.size : bounds_at]), raw_offsets, record_offsets)


def _offsets(lengths: Sequence[int]) -> np.ndarray:
    offsets = np.zeros(len(lengths) + 1, "<u4")
    np.cumsum(lengths, out=offsets[1:], dtype="<u4")
    return offsets
