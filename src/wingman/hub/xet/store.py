"""The contract for what SQL knows of xorbs and chunked files. The bytes themselves lie in the object store.

Garbage collection is carried by three facts: when a tenant last touched a xorb, terms that name every xorb
of a file, and the epoch, which changes whenever a xorb was dropped that a client may still remember.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.model import IndexedChunk, NewXorb, StoredXorb, XetFile


class Chunks(Protocol):
    """Everything is named by its raw hash."""

    def xorbs(self, hashes: Iterable[bytes]) -> Mapping[bytes, StoredXorb]:
        """Those that anybody brought; not to be told to a client without `owned`."""

    def owned(self, tenant: NamespaceId, hashes: Iterable[bytes]) -> set[bytes]:
        """Those of the xorbs that this tenant brought in full."""

    def add_xorb(self, xorb: NewXorb, *, at: datetime) -> StoredXorb:
        """Keep a xorb unless its hash is known. Returns the one that is kept: its `blob_key` may be another."""

    def own(self, tenant: NamespaceId, xorb: bytes, *, at: datetime) -> None:
        """The tenant has shown all of the xorb's bytes; touches it."""

    def touch(self, tenant: NamespaceId, hashes: Collection[bytes], *, at: datetime) -> int:
        """The tenant refers to these xorbs now. Returns how many of them it (still) owns.

        The rows stay locked until the transaction ends, so that a collector cannot drop them meanwhile.
        """

    def tables(self, hashes: Iterable[bytes]) -> Mapping[bytes, ChunkTable]:
        """The chunks of xorbs; unknown xorbs are left out."""

    def offsets(self, hashes: Iterable[bytes]) -> Mapping[bytes, ChunkTable]:
        """The cheap part of `tables`, for reading files: `ChunkTable.hashes` is empty."""

    def file(self, file_hash: bytes) -> XetFile | None: ...

    def add_file(self, file: XetFile, *, at: datetime) -> None:
        """Keep a file unless its hash is known: the terms of the first stay."""

    def index_chunks(
        self, tenant: NamespaceId, chunks: Iterable[tuple[bytes, bytes]], *, file_hash: bytes | None = None
    ) -> None:
        """Let the tenant's clients find these chunks, each (chunk, xorb).

        With a file, they lead to it from now on; without one, what is indexed already stays.
        """

    def find_chunk(self, tenant: NamespaceId, chunk_hash: bytes) -> IndexedChunk | None: ...

    def epoch(self) -> int:
        """The current epoch: drawn at random for a new store, and greater with each `start_epoch`."""

    def start_epoch(self, *, at: datetime) -> int:
        """Make clients forget what they know of this store: their caches are keyed by its address.

        The step to the new epoch is random. A store restored from a backup does not know which epochs came after
        it, and must not meet one of them again.
        """
