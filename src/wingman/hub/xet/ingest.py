"""Cutting files that came whole (by LFS) into chunks, in the background, so that Xet clients can read them too.

The database is the queue: a file that is kept whole only is still to be done. So nothing is lost when the
process ends, and doing a file twice, by two processes, does no harm.
"""

import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator

from blake3 import blake3

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.blobs.room import require_room
from wingman.hub.blobs.store import Blobs
from wingman.hub.database import now
from wingman.hub.errors import HubError
from wingman.hub.files.model import LargeFile
from wingman.hub.store import Store
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.chunker import Chunker
from wingman.hub.xet.hashes import chunk_hash, file_hash, is_dedup_candidate, to_text
from wingman.hub.xet.model import NewXorb, XetFile
from wingman.hub.xet.neighbours import find_neighbours, landmarks
from wingman.hub.xet.receiving import new_blob_key
from wingman.hub.xet.shards import Term
from wingman.hub.xet.xorbs import MAX_XORB_BYTES, XorbBuilder

log = logging.getLogger("wingman.hub")

_LOOK_AGAIN_SECONDS = 3600.0
_MAX_KNOWN_CHUNKS = 500_000
_MAX_TERM_BYTES = (1 << 32) - 1


class BlobDamaged(HubError):
    """What lies in the store is not what was put there."""

    def __init__(self, file: LargeFile) -> None:
        super().__init__(f"The object {file.blob_key} no longer has the sha256 {file.sha256}.")
        self.file = file


class Stopped(HubError):
    """The worker was asked to end; the file stays in the queue."""


class Ingestor:
    """Chunks one file at a time, in a thread of low priority. `start` it, `nudge` it, `close` it."""

    def __init__(
        self, store: Store, blobs: Blobs, *, min_free_bytes: int, housekeeping: Callable[[], object]
    ) -> None:
        """`housekeeping` is called at the start and about once an hour."""
        self._store = store
        self._blobs = blobs
        self._min_free_bytes = min_free_bytes
        self._housekeeping = housekeeping
        self._given_up: set[str] = set()
        self._awake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="ingest", daemon=True)

    def start(self) -> None:
        self._awake.set()
        self._thread.start()

    def nudge(self) -> None:
        """There may be something to do."""
        self._awake.set()

    def close(self) -> None:
        self._ending.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join()

    def run_pending(self) -> int:
        """Chunk everything that waits; returns how many files that were. Failures are logged and passed over."""
        done, after = 0, None
        while files := self._waiting(after):
            for file in files:
                after = file.sha256
                if file.sha256 not in self._given_up:
                    done += self._try(file)
        return done

    def _work(self) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while not self._ending.is_set():
            self._awake.wait(_LOOK_AGAIN_SECONDS)
            self._awake.clear()
            try:
                self._housekeeping()
                self.run_pending()
            except Stopped:
                return
            except Exception:
                log.exception("background chunking failed; it goes on with the next upload")

    def _waiting(self, after: str | None) -> list[LargeFile]:
        with self._store.read() as tx:
            return list(tx.files.unchunked(after=after))

    def _try(self, file: LargeFile) -> bool:
        try:
            self.ingest(file)
        except Stopped:
            raise
        except HubError as error:
            log.error("cannot chunk %s: %s", file.sha256, error)
            self._given_up.add(file.sha256)
            return False
        return True

    def ingest(self, file: LargeFile) -> None:
        """Chunk one file. Raises `BlobMissing`, `BlobDamaged`, `StoreFull`, `Stopped`."""
        assert file.blob_key is not None
        with self._store.read() as tx:
            tenant = tx.files.owner_of(file.sha256)
        if tenant is None:
            return  # no repository has it any more
        packer = _Packer(self._store, self._blobs, tenant, min_free_bytes=self._min_free_bytes)
        chunker, digest = Chunker(), hashlib.sha256()
        for piece in self._blobs.stream(file.blob_key):
            if self._ending.is_set():
                raise Stopped("The Hub is shutting down.")
            digest.update(piece)
            for chunk in chunker.feed(piece):
                packer.add(chunk)
        for chunk in chunker.finish():
            packer.add(chunk)
        if digest.hexdigest() != file.sha256:
            raise BlobDamaged(file)
        self._register(file, packer.finish(), tenant)

    def _register(self, file: LargeFile, terms: tuple[Term, ...], tenant: NamespaceId) -> None:
        found = file_hash(
            leaf for term, table in self._tables(terms) for leaf in table.leaves(term.first, term.end)
        )
        marks = list(landmarks(self._tables(terms)))
        sha256 = bytes.fromhex(file.sha256)
        with self._store.write() as tx:
            moment = now()
            tx.chunks.add_file(XetFile(hash=found, sha256=sha256, size=file.size, terms=terms), at=moment)
            tx.chunks.touch(tenant, {term.xorb for term in terms}, at=moment)
            tx.files.set_xet_hash(file.sha256, to_text(found))
            tx.chunks.index_chunks(tenant, marks, file_hash=found)

    def _tables(self, terms: tuple[Term, ...]) -> Iterator[tuple[Term, ChunkTable]]:
        for term in terms:
            with self._store.read() as tx:
                yield term, tx.chunks.tables([term.xorb])[term.xorb]


class _Packer:
    """Packs the chunks of one file into xorbs, except those that the tenant has already."""

    def __init__(self, store: Store, blobs: Blobs, tenant: NamespaceId, *, min_free_bytes: int) -> None:
        self._store = store
        self._blobs = blobs
        self._tenant = tenant
        self._min_free_bytes = min_free_bytes
        self._builder = XorbBuilder()
        self._unnamed: list[int] = []  # places in `_terms` that point into the xorb being built
        self._terms: list[Term] = []
        self._in_builder: dict[bytes, int] = {}
        self._known: dict[bytes, tuple[bytes, int]] = {}

    def add(self, chunk: bytes) -> None:
        name = chunk_hash(chunk)
        if not self._terms or is_dedup_candidate(name):
            self._learn_around(name)
        if name in self._known:
            xorb, index = self._known[name]
            self._append(xorb, index, len(chunk))
            return
        if name not in self._in_builder:
            if not self._builder.has_room_for(chunk):
                self._store_xorb()
            self._in_builder[name] = self._builder.add(chunk, name)
        self._append(b"", self._in_builder[name], len(chunk))

    def finish(self) -> tuple[Term, ...]:
        """The file's terms; all of their xorbs are stored."""
        if len(self._builder):
            self._store_xorb()
        return tuple(self._terms)

    def _append(self, xorb: bytes, index: int, length: int) -> None:
        """One more chunk; `xorb` is empty for the xorb being built, which has no name yet."""
        last = self._terms[-1] if self._terms else None
        if (
            last is not None
            and (last.xorb, last.end) == (xorb, index)
            and last.length + length <= _MAX_TERM_BYTES
        ):
            self._terms[-1] = Term(xorb, last.length + length, last.first, index + 1)
            return
        if not xorb:
            self._unnamed.append(len(self._terms))
        self._terms.append(Term(xorb, length, index, index + 1))

    def _learn_around(self, name: bytes) -> None:
        """If the tenant has this chunk, remember what lies beside it: the next chunks are likely there."""
        if name in self._known:
            return
        with self._store.read() as tx:
            tables = find_neighbours(tx.chunks, self._tenant, name)
        if len(self._known) > _MAX_KNOWN_CHUNKS:
            self._known.clear()
        for xorb, table in tables.items():
            for index, (chunk, _) in enumerate(table.leaves()):
                self._known[chunk] = (xorb, index)

    def _store_xorb(self) -> None:
        xorb = self._builder.finish()
        require_room(self._blobs, MAX_XORB_BYTES, min_free_bytes=self._min_free_bytes)
        key = new_blob_key(xorb.hash)
        self._blobs.put(key, bytes(xorb.body))
        new = NewXorb(hash=xorb.hash, blob_key=key, table=xorb.table, checksum=blake3(xorb.body).digest())
        candidates = [
            (xorb.table.hashes_of(index, index + 1), xorb.hash) for index in xorb.table.dedup_candidates()
        ]
        with self._store.write() as tx:
            kept = tx.chunks.add_xorb(new, at=now())
            tx.chunks.own(self._tenant, xorb.hash, at=now())
            tx.chunks.index_chunks(self._tenant, candidates)
        if kept.blob_key != key:
            self._blobs.delete(key)
        for place in self._unnamed:
            self._terms[place] = self._terms[place]._replace(xorb=xorb.hash)
        self._builder, self._unnamed, self._in_builder = XorbBuilder(), [], {}
