"""A xorb on its way in: verified record by record as its bytes come, and written to the store meanwhile.

So a body is never held whole, and no second copy of it is made: a record is at most 256 KiB.
"""

import secrets

from blake3 import blake3

from wingman.hub.blobs.store import BlobWriter
from wingman.hub.xet.chunk_tables import MAX_CHUNKS, ChunkTable
from wingman.hub.xet.errors import HashMismatch, MalformedXorb
from wingman.hub.xet.hashes import chunk_hash, to_text, xorb_hash
from wingman.hub.xet.model import NewXorb
from wingman.hub.xet.xorbs import (
    MAX_STORED_CHUNK_BYTES,
    MAX_XORB_BYTES,
    RECORD_HEADER_BYTES,
    decode_record,
    read_records,
)


class RecordSplitter:
    """Cuts a stream of chunk records, which comes in pieces of any size, at the ends of records."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes) -> memoryview:
        """All whole records so far that were not handed out yet.

        What cannot be a record (a footer, or nonsense) is handed out as it is, for the reader to judge.
        """
        data = self._rest + piece if self._rest else piece
        end = _end_of_records(data)
        self._rest = data[end:]
        return memoryview(data)[:end]

    def finish(self) -> bytes:
        """What is left: nothing, unless the stream was cut in a record."""
        rest, self._rest = self._rest, b""
        return rest


def _end_of_records(data: bytes) -> int:
    position, size = 0, len(data)
    while position + RECORD_HEADER_BYTES <= size:
        stored = int.from_bytes(data[position + 1 : position + 4], "little")
        if data[position] or stored > MAX_STORED_CHUNK_BYTES:
            return size
        end = position + RECORD_HEADER_BYTES + stored
        if end > size:
            break
        position = end
    return position


class XorbReceiver:
    """Takes the body of one xorb. `writer` is None where the store has it and only the sender is to be tested."""

    def __init__(self, expected: bytes, blob_key: str, writer: BlobWriter | None) -> None:
        self._expected = expected
        self._blob_key = blob_key
        self._writer = writer
        self._splitter = RecordSplitter()
        self._checksum = blake3()
        self._hashes: list[bytes] = []
        self._lengths: list[int] = []
        self._record_lengths: list[int] = []
        self._stored_bytes = 0
        self._at_footer = False

    def write(self, data: bytes) -> None:
        """Raises `MalformedXorb`, `StoreFull`."""
        self._take(self._splitter.feed(data))

    def finish(self) -> NewXorb:
        """The xorb, durable in the store. Raises `MalformedXorb`, `HashMismatch`, `StoreFull`."""
        self._take(memoryview(self._splitter.finish()))
        if not self._hashes:
            raise MalformedXorb("the xorb holds no chunk", offset=0)
        table = ChunkTable.from_lengths(b"".join(self._hashes), self._lengths, self._record_lengths)
        found = xorb_hash(table.leaves())
        if found != self._expected:
            raise HashMismatch(
                "the xorb is not the one it is named for",
                expected=to_text(self._expected),
                found=to_text(found),
            )
        if self._writer is not None:
            self._writer.commit()
        return NewXorb(hash=found, blob_key=self._blob_key, table=table, checksum=self._checksum.digest())

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()

    def _take(self, records: memoryview) -> None:
        if self._at_footer or not records:
            return
        end = self._read(records)
        # Records are the xorb; a footer, which some tools append, is our own to make.
        self._at_footer = end < len(records)
        self._checksum.update(records[:end])
        self._stored_bytes += end
        if self._writer is not None:
            self._writer.write(records[:end])

    def _read(self, records: memoryview) -> int:
        """Decode and hash each record; returns where the last one ends."""
        end = 0
        try:
            for record in read_records(records):
                if len(self._hashes) == MAX_CHUNKS or self._stored_bytes + record.end > MAX_XORB_BYTES:
                    raise MalformedXorb(f"more than {MAX_CHUNKS} chunks or {MAX_XORB_BYTES} bytes in a xorb")
                self._hashes.append(chunk_hash(decode_record(records, record)))
                self._lengths.append(record.length)
                self._record_lengths.append(record.end - end)
                end = record.end
        except MalformedXorb as error:
            raise MalformedXorb(f"in the part from byte {self._stored_bytes} of the xorb: {error}") from error
        return end


def new_blob_key(xorb: bytes) -> str:
    """Where to write a xorb that is coming in.

    Two serialisations of one xorb differ, and stored offsets belong to one of them, so that the hash alone
    cannot be the key: whoever is first in the database wins, and the loser's object is removed.
    """
    text = to_text(xorb)
    return f"xorbs/{text[:2]}/{text}-{secrets.token_hex(4)}"
