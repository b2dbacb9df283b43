"""Registering files from a shard: everything that a shard claims is checked against what the server knows.

A shard names files as stretches of xorbs. Its sender must own the xorbs (have sent all of their bytes within
the same namespace), know the chunks, and the whole file must have the SHA-256 under which git will call it.
Only then do all files of the shard become known to the repository, in one transaction.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.database import now
from wingman.hub.errors import HubError, Invalid, NotFound, TooLarge
from wingman.hub.files.model import LargeFile
from wingman.hub.store import Store, Transaction
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.contents import ChunkedContents
from wingman.hub.xet.errors import HashMismatch
from wingman.hub.xet.hashes import BytesLike, file_hash, range_hash, to_text
from wingman.hub.xet.model import Grant, XetFile
from wingman.hub.xet.neighbours import landmarks
from wingman.hub.xet.shards import Shard, ShardFile, parse_shard

_TABLES_IN_MEMORY = 256
_XORBS_AT_ONCE = 64


class XorbNotUploaded(Invalid):
    """A shard refers to a xorb that its sender did not upload within this namespace."""

    def __init__(self, xorb: bytes) -> None:
        super().__init__(
            f"The xorb {to_text(xorb)} was not uploaded to this namespace. If it was sent long ago, delete the "
            "Xet cache of this computer (HF_HOME/xet) and upload again."
        )
        self.xorb = xorb


class BadShard(Invalid):
    """A shard whose claims do not hold; the message says which."""


class Sha256Differs(Invalid):
    """The content has another SHA-256 than the one it was sent under."""

    def __init__(self, *, claimed: str, actual: str) -> None:
        super().__init__(f"The file was sent as sha256 {claimed}, but its content has {actual}.")
        self.claimed, self.actual = claimed, actual


class Interrupted(HubError):
    """The Hub is shutting down; nothing was bound, and the same shard may be sent again."""

    def __init__(self) -> None:
        super().__init__("The Hub is shutting down; try again.")


@dataclass(slots=True)
class Progress:
    """How far the checking of a shard is, for whoever waits; in bytes."""

    verified: int = 0
    total: int = 0


class ShardRegistrar:
    """Checks shards and binds their files to repositories."""

    def __init__(self, store: Store, contents: ChunkedContents, *, max_file_bytes: int) -> None:
        self._store = store
        self._contents = contents
        self._max_file_bytes = max_file_bytes
        self._closing = False

    def close(self) -> None:
        """End what is under way: reading a large file may take minutes."""
        self._closing = True

    def register(self, grant: Grant, data: BytesLike, progress: Progress) -> bool:
        """Check a shard and bind its files; whether any of them was new to the repository.

        May be repeated. Raises `MalformedShard`, `XorbNotUploaded`, `BadShard`, `HashMismatch`, `Sha256Differs`,
        `TooLarge`, `NotFound` (the repository is gone), `Interrupted`.
        """
        shard = parse_shard(data)
        progress.total = self._total_size(shard)
        self._check_xorbs(grant.tenant, shard)
        tables = _Tables(self._store)
        files = {file.hash: file for file in shard.files}
        checked = [self._check_file(file, tables, progress) for file in files.values()]
        with self._store.write() as tx:
            return _bind(tx, grant, checked)

    def _total_size(self, shard: Shard) -> int:
        """A few bytes of a shard can claim many TiB: refuse that before any work is done."""
        sizes = [file.size for file in shard.files]
        for size in (*sizes, sum(sizes)):
            if size > self._max_file_bytes:
                raise TooLarge(f"{size} bytes at once; this Hub takes up to {self._max_file_bytes}.")
        return sum(sizes)

    def _check_xorbs(self, tenant: NamespaceId, shard: Shard) -> None:
        """Every xorb is the sender's, and those it describes are as we found them."""
        named = {term.xorb for file in shard.files for term in file.terms} | {
            xorb.hash for xorb in shard.xorbs
        }
        with self._store.read() as tx:
            owned = tx.chunks.owned(tenant, named)
        for xorb_hash in named - owned:
            raise XorbNotUploaded(xorb_hash)
        for first in range(0, len(shard.xorbs), _XORBS_AT_ONCE):
            some = shard.xorbs[first : first + _XORBS_AT_ONCE]
            with self._store.read() as tx:
                tables = tx.chunks.tables(xorb.hash for xorb in some)
            for xorb in some:
                if xorb.hash not in tables or not xorb.agrees_with(tables[xorb.hash]):
                    raise BadShard(f"The chunks listed for xorb {to_text(xorb.hash)} are not those it holds.")

    def _check_file(self, file: ShardFile, tables: "_Tables", progress: Progress) -> "_CheckedFile":
        name = to_text(file.hash)
        if len(file.range_hashes) != len(file.terms):
            raise BadShard(f"File {name} comes without the hashes that prove its terms.")
        found = file_hash(_leaves(file, tables))
        if found != file.hash:
            raise HashMismatch("the chunks of a file make another file", expected=name, found=to_text(found))
        with self._store.read() as tx:
            known = tx.chunks.file(file.hash)
        sha256 = known.sha256 if known else self._sha256(file, progress)
        if known:
            progress.verified += file.size
        if file.sha256 is not None and file.sha256 != sha256.hex():
            raise Sha256Differs(claimed=file.sha256, actual=sha256.hex())
        kept = XetFile(hash=file.hash, sha256=sha256, size=file.size, terms=file.terms)
        marks = tuple(landmarks((term, tables[term.xorb]) for term in file.terms))
        return _CheckedFile(kept, marks)

    def _sha256(self, file: ShardFile, progress: Progress) -> bytes:
        """Read the whole file as it is stored: a claimed SHA-256 is worth nothing."""
        digest = hashlib.sha256()
        for piece in self._contents.stream_terms(file.terms):
            if self._closing:
                raise Interrupted
            digest.update(piece)
            progress.verified += len(piece)
        return digest.digest()


@dataclass(frozen=True, slots=True)
class _CheckedFile:
    file: XetFile
    landmarks: tuple[tuple[bytes, bytes], ...]


def _bind(tx: Transaction, grant: Grant, checked: list[_CheckedFile]) -> bool:
    if tx.repos.by_id(grant.repo_id) is None:
        raise NotFound("The repository that this upload was for is gone.")
    moment = now()
    # Looked at again under the lock: a collector may have dropped a xorb while the files were being read.
    named = {term.xorb for item in checked for term in item.file.terms}
    if tx.chunks.touch(grant.tenant, named, at=moment) != len(named):
        missing = named - tx.chunks.owned(grant.tenant, named)
        raise XorbNotUploaded(next(iter(missing)))
    before = tx.files.in_repo(grant.repo_id, [item.file.sha256.hex() for item in checked])
    for item in checked:
        file = item.file
        tx.chunks.add_file(file, at=moment)
        tx.files.register(
            grant.repo_id, LargeFile(sha256=file.sha256.hex(), size=file.size, xet_hash=to_text(file.hash))
        )
        tx.chunks.index_chunks(grant.tenant, item.landmarks, file_hash=file.hash)
    return any(item.file.sha256.hex() not in before for item in checked)


def _leaves(file: ShardFile, tables: "_Tables") -> Iterator[tuple[bytes, int]]:
    """The chunks of a file in order, each term checked on the way. Raises `BadShard`."""
    for term, proof in zip(file.terms, file.range_hashes, strict=True):
        table = tables[term.xorb]
        where = f"A term of file {to_text(file.hash)} over xorb {to_text(term.xorb)}"
        if term.end > len(table):
            raise BadShard(f"{where} names chunk {term.end - 1}; there are {len(table)}.")
        if term.length != (actual := table.raw_length(term.first, term.end)):
            raise BadShard(f"{where} claims {term.length} bytes; its chunks have {actual}.")
        if proof != range_hash(table.hashes_of(term.first, term.end)):
            raise BadShard(f"{where} comes with a wrong range hash.")
        yield from table.leaves(term.first, term.end)


class _Tables:
    """Chunk tables as they are needed, the ones used last in memory: each is up to 330 KB."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[bytes, ChunkTable] = OrderedDict()

    def __getitem__(self, xorb: bytes) -> ChunkTable:
        """Raises `XorbNotUploaded` if it was dropped meanwhile."""
        if xorb not in self._kept:
            with self._store.read() as tx:
                found = tx.chunks.tables([xorb])
            if not found:
                raise XorbNotUploaded(xorb)
            self._kept |= found
            if len(self._kept) > _TABLES_IN_MEMORY:
                self._kept.popitem(last=False)
        self._kept.move_to_end(xorb)
        return self._kept[xorb]
