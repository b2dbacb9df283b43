"""Xorbs made for tests."""

from hypothesis import strategies as st

from wingman.hub.xet.hashes import chunk_hash
from wingman.hub.xet.xorbs import PackedXorb, Scheme, XorbBuilder

_runs = st.builds(lambda unit, times: unit * times, st.binary(min_size=1, max_size=40), st.integers(1, 60))
chunk_lists = st.lists(_runs, min_size=1, max_size=12)
"""A few chunks of any content, some compressible."""


def pack(chunks: list[bytes], scheme: Scheme | None = None) -> PackedXorb:
    builder = XorbBuilder(scheme)
    for chunk in chunks:
        builder.add(chunk, chunk_hash(chunk))
    return builder.finish()
