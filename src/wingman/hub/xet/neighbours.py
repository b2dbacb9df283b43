"""From one chunk that somebody has again to the others that they are likely to have, too."""

from collections.abc import Iterable, Iterator

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.shards import Term
from wingman.hub.xet.store import Chunks

MAX_XORBS = 32
"""About 2 GB of a file; described to a client in 1.5 MB."""


def find_neighbours(chunks: Chunks, tenant: NamespaceId, chunk: bytes) -> dict[bytes, ChunkTable]:
    """The tenant's xorb with this chunk, and those that come after it in the file that it was last seen in.

    Empty if the chunk is not one that can be asked for: see `landmarks`.
    """
    indexed = chunks.find_chunk(tenant, chunk)
    if indexed is None:
        return {}
    file = chunks.file(indexed.file_hash) if indexed.file_hash is not None else None
    near = _from(indexed.xorb, file.terms) if file else [indexed.xorb]
    return dict(chunks.tables(chunks.owned(tenant, near)))


def _from(xorb: bytes, terms: tuple[Term, ...]) -> list[bytes]:
    """The file's xorbs in order, beginning with this one and going on at the front."""
    order = list(dict.fromkeys(term.xorb for term in terms))
    place = order.index(xorb) if xorb in order else 0
    return list(dict.fromkeys([xorb, *order[place:], *order[:place]]))[:MAX_XORBS]


def landmarks(terms: Iterable[tuple[Term, ChunkTable]]) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a file that clients ask about, each with its xorb: the first, and one in 1,024.

    terms: the file's, in order, with the tables of their xorbs.
    """
    for number, (term, table) in enumerate(terms):
        if number == 0:
            yield table.hashes_of(term.first, term.first + 1), term.xorb
        for index in table.dedup_candidates():
            if term.first <= index < term.end:
                yield table.hashes_of(index, index + 1), term.xorb
