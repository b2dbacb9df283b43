"""Reading chunked files as plain bytes, for everyone who does not speak Xet."""

from collections.abc import Iterator, Sequence

from wingman.hub.blobs.store import Blobs
from wingman.hub.errors import NotFound
from wingman.hub.store import Store
from wingman.hub.xet.hashes import from_text, to_text
from wingman.hub.xet.receiving import RecordSplitter
from wingman.hub.xet.reconstruction import Read, Stretch, cover, plan_reads
from wingman.hub.xet.shards import Term
from wingman.hub.xet.xorbs import decode_chunks

_STRETCHES_AT_ONCE = 64
_PIECE_BYTES = 512 << 10


class ChunksMissing(NotFound):
    """A file or a xorb of it that should be in the store is not there."""

    def __init__(self, what: str, raw_hash: bytes) -> None:
        super().__init__(f"There is no {what} {to_text(raw_hash)} in the store.")
        self.raw_hash = raw_hash


class ChunkedContents:
    """The bytes of files that are kept as chunks."""

    def __init__(self, store: Store, blobs: Blobs) -> None:
        self._store = store
        self._blobs = blobs

    def stream(self, xet_hash: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start:end` of the file with this hash (text form), in pieces of about a megabyte.

        Raises `ChunksMissing`, `RangeNotSatisfiable` (`start` lies past the end).
        """
        raw_hash = from_text(xet_hash)
        with self._store.read() as tx:
            file = tx.chunks.file(raw_hash)
        if file is None:
            raise ChunksMissing("file", raw_hash)
        return self.stream_terms(file.terms, start, end)

    def stream_terms(self, terms: Sequence[Term], start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The same for a file that need not be registered."""
        stretches = cover(terms, start, end)
        return _in_pieces(
            chunk
            for first in range(0, len(stretches), _STRETCHES_AT_ONCE)
            for chunk in self._chunks(stretches[first : first + _STRETCHES_AT_ONCE])
        )

    def _chunks(self, stretches: Sequence[Stretch]) -> Iterator[memoryview]:
        wanted = {stretch.term.xorb for stretch in stretches}
        with self._store.read() as tx:
            tables = tx.chunks.offsets(wanted)
            xorbs = tx.chunks.xorbs(wanted)
        for missing in wanted - tables.keys():
            raise ChunksMissing("xorb", missing)
        for read in plan_reads(stretches, tables):
            yield from self._read(read, xorbs[read.xorb].blob_key)

    def _read(self, read: Read, blob_key: str) -> Iterator[memoryview]:
        skip, take = read.skip, read.take
        splitter = RecordSplitter()
        for piece in self._blobs.stream(blob_key, read.start, read.stop):
            for chunk in decode_chunks(splitter.feed(piece)):
                if skip >= len(chunk):
                    skip -= len(chunk)
                    continue
                kept = chunk[skip : skip + take]
                skip = 0
                take -= len(kept)
                yield kept


def _in_pieces(chunks: Iterator[memoryview]) -> Iterator[bytes]:
    """Chunks put together: handing on each by itself costs more than copying it."""
    waiting: list[memoryview] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
