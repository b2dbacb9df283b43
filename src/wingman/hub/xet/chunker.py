"""Content-defined chunking: where Xet cuts a file, found with numpy.

The gear hash is `h = (h << 1) + GEAR_TABLE[byte]` in 64 bits; a chunk ends after a byte where its upper 16
bits are zero, but has at least 8 KiB, and at most 128 KiB. A byte leaves the hash after 64 steps and no cut
is tested before 8 KiB, so the hash at any place that matters depends on the 64 bytes before it alone, not on
where the chunk began. Hence all positions of a block at once: sums over windows of 1, 2, 4 … 64 bytes, each
made of two of the former, the earlier one shifted.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from wingman.hub.xet.chunk_tables import MAX_CHUNK_BYTES
from wingman.hub.xet.gear_table import GEAR_TABLE
from wingman.hub.xet.hashes import BytesLike

MIN_CHUNK_BYTES = 8 * 1024

_WINDOW = 64
_CUT_BELOW = 1 << 48
# MB/s per core by block: 16 KiB 260, 32 KiB 285, 64 KiB 290, 256 KiB 320. The arrays take 25 times the block.
_BLOCK = 64 * 1024


class Chunker:
    """Cuts a stream: `feed` it pieces of any size, then `finish`. Keeps one unfinished chunk and one block.

    >>> chunker = Chunker()
    >>> [len(chunk) for chunk in chunker.feed(bytes(300_000))], [len(chunk) for chunk in chunker.finish()]
    ([131072, 131072], [37856])
    """

    def __init__(self) -> None:
        self._gear = _GearHash()
        self._pending = bytearray()  # from the last cut on
        self._searched = 0  # how far into it there is no cut

    def feed(self, piece: BytesLike) -> Iterator[bytes]:
        """The chunks that this piece completes; to be exhausted before the next call."""
        view = memoryview(piece).cast("B")
        while view:
            room = _BLOCK - (len(self._pending) - self._searched)
            self._pending += view[:room]
            view = view[room:]
            if len(self._pending) - self._searched == _BLOCK:
                yield from self._cut_pending()

    def finish(self) -> Iterator[bytes]:
        """The chunks that remain, the last one of any length. Afterwards the chunker is as new."""
        yield from self._cut_pending()
        if self._pending:
            yield bytes(self._pending)
        self._pending, self._searched = bytearray(), 0

    def _cut_pending(self) -> Iterator[bytes]:
        size = len(self._pending)
        start = 0
        for end in _choose_cuts(self._gear.candidates(self._pending, self._searched, size), size):
            yield bytes(self._pending[start:end])
            start = end
        del self._pending[:start]
        self._searched = len(self._pending)


def cut(data: BytesLike) -> Iterator[memoryview]:
    """The chunks of bytes that are in memory (or mapped), as views."""
    view = memoryview(data).cast("B")
    gear, size = _GearHash(), len(view)
    blocks = range(0, size, _BLOCK)
    candidates = (end for start in blocks for end in gear.candidates(view, start, min(start + _BLOCK, size)))
    start = 0
    for end in _choose_cuts(candidates, size):
        yield view[start:end]
        start = end
    if start < size:
        yield view[start:]


def _choose_cuts(candidates: Iterable[int], size: int) -> Iterator[int]:
    """Where chunks end in `size` bytes that begin with a chunk, given where the gear hash allows an end."""
    start = 0
    for candidate in candidates:
        while candidate - start > MAX_CHUNK_BYTES:
            start += MAX_CHUNK_BYTES
            yield start
        if candidate - start >= MIN_CHUNK_BYTES:
            start = candidate
            yield start
    while size - start >= MAX_CHUNK_BYTES:
        start += MAX_CHUNK_BYTES
        yield start


class _GearHash:
    """The gear hash at every position of a block, in arrays that are allocated once."""

    def __init__(self) -> None:
        size = _BLOCK + _WINDOW - 1
        self._indices = np.empty(size, np.intp)  # numpy gathers by intp; converting here spares a hidden copy
        self._hash = np.empty(size, np.uint64)
        self._shifted = np.empty(size, np.uint64)

    def candidates(self, data: bytearray | memoryview, start: int, end: int) -> list[int]:
        """Positions in `start < p <= end` (a block at most) where the bytes before `p` may end a chunk."""
        origin = max(0, start - _WINDOW + 1)
        size = end - origin
        indices, hashed, shifted = self._indices[:size], self._hash[:size], self._shifted[:size]
        indices[:] = np.frombuffer(data, np.uint8, size, origin)
        # All indices are bytes, so "clip" only switches a check off.
        GEAR_TABLE.take(indices, out=hashed, mode="clip")
        for step in (1, 2, 4, 8, 16, 32):
            if step < size:
                np.left_shift(hashed[:-step], step, out=shifted[step:])
                np.add(hashed[step:], shifted[step:], out=hashed[step:])
        return (np.flatnonzero(hashed[start - origin :] < _CUT_BELOW) + (start + 1)).tolist()
