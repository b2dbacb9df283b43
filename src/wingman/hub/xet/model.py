"""What the Hub keeps of Xet's storage: xorbs, files as lists of terms, and who may refer to what.

Hashes are 32 raw bytes here; their text form exists only on the wire. A *tenant* is the namespace within
which chunks are shared: nobody can refer to, ask about or deduplicate against the xorbs of another one.
"""

from dataclasses import dataclass

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.repos.model import RepoId
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.shards import Term


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What an access token of the CAS allows its holder.

    may_read: False for whoever may offer a file to a gated repository, but not read what lies behind its gate.
    """

    repo_id: RepoId
    tenant: NamespaceId
    may_write: bool
    may_read: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredXorb:
    """A stored xorb: a sequence of chunk records under one key of the object store."""

    hash: bytes
    blob_key: str
    num_chunks: int
    raw_bytes: int
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewXorb:
    """A verified xorb that is in the object store but not yet known to the database."""

    hash: bytes
    blob_key: str
    table: ChunkTable
    """Made by our own reading of the body, never taken from a client."""
    checksum: bytes
    """BLAKE3 of the stored body, for finding damage on the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class XetFile:
    """A file in chunks. `sha256` is that of the content as we read it ourselves, 32 raw bytes."""

    hash: bytes
    sha256: bytes
    size: int
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """Where a chunk that clients ask about can be found; `file_hash` where it begins a file."""

    xorb: bytes
    file_hash: bytes | None
