"""Xorbs made for tests."""

from hypothesis import strategies as st

from wingman.hub.xet.hashes import chunk_hash, file_hash, range_hash
from wingman.hub.xet.shards import ShardFile, Term
from wingman.hub.xet.xorbs import PackedXorb, Scheme, XorbBuilder

_runs = st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=40), st.integers(1, 60))
chunk_lists = st.lists(_runs, min_size=1, max_size=12)
"""A few chunks of any content, some compressible."""


def pack(chunks: list[bytes], scheme: Scheme | None = None) -> PackedXorb:
    builder = XorbBuilder(scheme)
    for chunk in chunks:
        builder.add(chunk, chunk_hash(chunk))
    return builder.finish()


def file_of(terms: list[tuple[PackedXorb, int, int]], sha256: str | None = None) -> ShardFile:
    """The file that these chunk ranges of xorbs make up, described honestly."""
    leaves = [leaf for xorb, first, end in terms for leaf in xorb.table.leaves(first, end)]
    return ShardFile(
        file_hash(leaves),
        tuple(Term(xorb.hash, xorb.table.raw_length(first, end), first, end) for xorb, first, end in terms),
        tuple(range_hash(xorb.table.hashes_of(first, end)) for xorb, first, end in terms),
        sha256,
    )
