"""How to rebuild a file, or a byte range of it, from its terms: the answer to a client, our own reading plan.

First `cover` picks the terms that a range touches, from their lengths alone; only those xorbs' chunk tables
are then needed. Byte ranges of xorbs are offsets into the serialised body and cover whole chunk records.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeAlias

from wingman.hub.errors import RangeNotSatisfiable
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.hashes import to_text
from wingman.hub.xet.shards import Term

UrlFor: TypeAlias = Callable[[bytes, int, int], str]
"""The address of bytes `start:end` of a xorb, given (xorb, start, end)."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes `start:end` of a term's plain data; the rest of the term is not wanted."""

    term: Term
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ChunkRange:
    """Chunks `first:end` of a xorb and the records that hold them, bytes `start:stop` of its body."""

    xorb: bytes
    first: int
    end: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What a client needs: terms in file order, trimmed to whole chunks, and where their chunks lie.

    offset:  bytes to drop from the first term.
    fetches: by xorb and chunk; disjoint, and each term lies inside one.
    """

    offset: int
    terms: tuple[Term, ...]
    fetches: tuple[ChunkRange, ...]

    def to_v2(self, url_for: UrlFor) -> dict[str, Any]:
        """The body of `GET /v2/reconstructions/{file}`.

        Each range has an address of its own: one request, one range, whatever the client.
        """
        return self._answer("xorbs", lambda fetch: _v2_fetch(fetch, url_for))

    def to_v1(self, url_for: UrlFor) -> dict[str, Any]:
        """The body of `GET /v1/reconstructions/{file}`. hf-xet 1.1 needs an address for each range."""
        return self._answer("fetch_info", lambda fetch: _v1_fetch(fetch, url_for))

    def _answer(self, key: str, render: Callable[[ChunkRange], dict[str, Any]]) -> dict[str, Any]:
        terms = [
            {"hash": to_text(xorb), "unpacked_length": length, "range": {"start": first, "end": end}}
            for xorb, length, first, end in self.terms
        ]
        by_xorb = groupby(self.fetches, key=lambda fetch: fetch.xorb)
        fetches = {to_text(xorb): [render(fetch) for fetch in ranges] for xorb, ranges in by_xorb}
        return {"offset_into_first_range": self.offset, "terms": terms, key: fetches}


def _v1_fetch(fetch: ChunkRange, url_for: UrlFor) -> dict[str, Any]:
    return {
        "range": {"start": fetch.first, "end": fetch.end},
        "url": url_for(fetch.xorb, fetch.start, fetch.stop),
        "url_range": {"start": fetch.start, "end": fetch.stop - 1},
    }


def _v2_fetch(fetch: ChunkRange, url_for: UrlFor) -> dict[str, Any]:
    chunks = {"start": fetch.first, "end": fetch.end}
    return {
        "url": url_for(fetch.xorb, fetch.start, fetch.stop),
        "ranges": [{"chunks": chunks, "bytes": {"start": fetch.start, "end": fetch.stop - 1}}],
    }


@dataclass(frozen=True, slots=True)
class Read:
    """Decode the records in bytes `start:stop` of a xorb, drop `skip` plain bytes, keep the next `take`."""

    xorb: bytes
    start: int
    stop: int
    skip: int
    take: int


def cover(terms: Sequence[Term], start: int = 0, end: int | None = None) -> list[Stretch]:
    """The stretches that make up bytes `start:end` of a file (None, or past its end: all of the rest).

    Raises `RangeNotSatisfiable` if `start` lies at or after the end of the file; bytes `0:` of an empty file
    are no stretches.
    """
    size = sum([term.length for term in terms])
    end = size if end is None else min(end, size)
    if start and start >= size:
        raise RangeNotSatisfiable(size)
    stretches = []
    position = 0
    for term in terms:
        if position >= end:
            break
        if position + term.length > start:
            stretches.append(Stretch(term, max(0, start - position), min(term.length, end - position)))
        position += term.length
    return stretches


def reconstruct(stretches: Sequence[Stretch], tables: Mapping[bytes, ChunkTable]) -> Reconstruction:
    """The answer for these stretches, which `cover` chose. `tables`: of the xorbs they name."""
    ranges = [_chunk_range(stretch, tables[stretch.term.xorb]) for stretch in stretches]
    terms = []
    for chunks in ranges:
        length = tables[chunks.xorb].raw_length(chunks.first, chunks.end)
        terms.append(Term(chunks.xorb, length, chunks.first, chunks.end))
    offset = _skip(stretches[0], ranges[0], tables[ranges[0].xorb]) if ranges else 0
    return Reconstruction(offset, tuple(terms), tuple(_merge(ranges)))


def plan_reads(stretches: Iterable[Stretch], tables: Mapping[bytes, ChunkTable]) -> list[Read]:
    """How to read these stretches, in file order."""
    reads = []
    for stretch in stretches:
        table = tables[stretch.term.xorb]
        chunks = _chunk_range(stretch, table)
        read = Read(
            chunks.xorb, chunks.start, chunks.stop, _skip(stretch, chunks, table), stretch.end - stretch.start
        )
        reads.append(read)
    return reads


def _chunk_range(stretch: Stretch, table: ChunkTable) -> ChunkRange:
    """The whole chunks that hold a stretch, which is never empty."""
    origin = table.raw_offset(stretch.term.first)
    first = table.chunk_at(origin + stretch.start)
    end = table.chunk_at(origin + stretch.end - 1) + 1
    return ChunkRange(stretch.term.xorb, first, end, table.record_offset(first), table.record_offset(end))


def _skip(stretch: Stretch, chunks: ChunkRange, table: ChunkTable) -> int:
    return stretch.start - table.raw_length(stretch.term.first, chunks.first)


def _merge(ranges: Iterable[ChunkRange]) -> Iterable[ChunkRange]:
    """Sorted by xorb and chunk, with ranges that touch or overlap made one."""
    current: ChunkRange | None = None
    for following in sorted(ranges, key=lambda chunks: (chunks.xorb, chunks.first)):
        if current is None:
            current = following
        elif following.xorb == current.xorb and following.first <= current.end:
            end, stop = max(current.end, following.end), max(current.stop, following.stop)
            current = ChunkRange(current.xorb, current.first, end, current.start, stop)
        else:
            yield current
            current = following
    if current is not None:
        yield current
