import json
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.xet.samples import chunk_lists, pack
from wingman.hub.errors import RangeNotSatisfiable
from wingman.hub.xet.chunk_tables import ChunkTable
from wingman.hub.xet.hashes import from_text, to_text
from wingman.hub.xet.reconstruction import cover, plan_reads, reconstruct
from wingman.hub.xet.shards import Term
from wingman.hub.xet.xorbs import PackedXorb, decode_chunks


@dataclass(frozen=True)
class StoredFile:
    """A file and the xorbs it lies in."""

    xorbs: dict[bytes, PackedXorb]
    terms: list[Term]

    @property
    def tables(self) -> dict[bytes, ChunkTable]:
        return {raw: xorb.table for raw, xorb in self.xorbs.items()}

    @property
    def data(self) -> bytes:
        return b"".join(b"".join(self.chunks(term)) for term in self.terms)

    def chunks(self, term: Term) -> list[memoryview]:
        return list(decode_chunks(self.xorbs[term.xorb].body))[term.first : term.end]


def stored(xorbs: Iterable[list[bytes]], ranges: Iterable[tuple[int, int, int]]) -> StoredFile:
    """`ranges`: (index of the xorb, first chunk, end chunk), one a term."""
    packed = [pack(chunks) for chunks in xorbs]
    terms = [
        Term(packed[index].hash, packed[index].table.raw_length(first, end), first, end)
        for index, first, end in ranges
    ]
    return StoredFile({xorb.hash: xorb for xorb in packed}, terms)


@st.composite
def stored_files(draw: st.DrawFn) -> StoredFile:
    xorbs = draw(st.lists(chunk_lists, min_size=1, max_size=3))
    ranges = []
    for index in draw(st.lists(st.integers(0, len(xorbs) - 1), min_size=1, max_size=6)):
        first = draw(st.integers(0, len(xorbs[index]) - 1))
        ranges.append((index, first, draw(st.integers(first + 1, len(xorbs[index])))))
    return stored(xorbs, ranges)


def url_for(xorb: bytes, start: int, end: int) -> str:
    return f"{to_text(xorb)}?{start}:{end}"


def fetched(file: StoredFile, url: str, first: int, last: int) -> bytes:
    """What a data URL answers; `last` is inclusive, as in HTTP."""
    xorb, _, bounds = url.partition("?")
    assert bounds == f"{first}:{last + 1}"
    return bytes(file.xorbs[from_text(xorb)].body[first : last + 1])


def rebuilt(
    file: StoredFile, answer: dict, chunks_by_xorb: dict[str, list[tuple[int, list[memoryview]]]]
) -> bytes:
    """What a client makes of an answer, holding it to the rules that clients enforce."""
    parts = []
    for term in answer["terms"]:
        first, end = term["range"]["start"], term["range"]["end"]
        (source,) = [
            chunks[first - start : end - start]
            for start, chunks in chunks_by_xorb[term["hash"]]
            if start <= first and end <= start + len(chunks)
        ]
        assert sum(map(len, source)) == term["unpacked_length"]
        parts.extend(source)
    return b"".join(parts)[answer["offset_into_first_range"] :]


def rebuilt_from_v1(file: StoredFile, answer: dict) -> bytes:
    chunks = {
        xorb: [
            (
                entry["range"]["start"],
                list(
                    decode_chunks(
                        fetched(file, entry["url"], entry["url_range"]["start"], entry["url_range"]["end"])
                    )
                ),
            )
            for entry in entries
        ]
        for xorb, entries in answer["fetch_info"].items()
    }
    return rebuilt(file, answer, chunks)


def rebuilt_from_v2(file: StoredFile, answer: dict) -> bytes:
    chunks = {
        xorb: [
            (
                part["chunks"]["start"],
                list(
                    decode_chunks(fetched(file, entry["url"], part["bytes"]["start"], part["bytes"]["end"]))
                ),
            )
            for entry in entries
            for part in entry["ranges"]
        ]
        for xorb, entries in answer["xorbs"].items()
    }
    return rebuilt(file, answer, chunks)


@given(stored_files(), st.data())
def test_a_client_rebuilds_any_range_from_either_answer(file: StoredFile, data: st.DataObject) -> None:
    whole = file.data
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start + 1, len(whole) + 10))

    plan = reconstruct(cover(file.terms, start, end), file.tables)

    wanted = whole[start:end]
    v1, v2 = json.loads(json.dumps(plan.to_v1(url_for))), json.loads(json.dumps(plan.to_v2(url_for)))
    assert rebuilt_from_v1(file, v1)[: len(wanted)] == wanted
    assert rebuilt_from_v2(file, v2)[: len(wanted)] == wanted


@given(stored_files(), st.data())
def test_reading_as_planned_gives_the_slice_of_the_file(file: StoredFile, data: st.DataObject) -> None:
    whole = file.data
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, len(whole)))

    parts = []
    for read in plan_reads(cover(file.terms, start, end), file.tables):
        plain = b"".join(decode_chunks(file.xorbs[read.xorb].body[read.start : read.stop]))
        parts.append(plain[read.skip : read.skip + read.take])
        assert len(parts[-1]) == read.take

    assert b"".join(parts) == whole[start:end]


def test_ranges_of_one_xorb_that_touch_or_overlap_are_fetched_as_one() -> None:
    ranges = [(9, 10), (0, 2), (1, 3), (4, 8), (5, 6), (8, 9)]
    file = stored([[b"%d" % number for number in range(10)]], [(0, first, end) for first, end in ranges])

    plan = reconstruct(cover(file.terms), file.tables)

    assert [(fetch.first, fetch.end) for fetch in plan.fetches] == [(0, 3), (4, 10)]
    assert [(fetch.start, fetch.stop) for fetch in plan.fetches] == [(0, 27), (36, 90)]
    assert [(term.first, term.end) for term in plan.terms] == ranges


def test_a_range_is_trimmed_to_whole_chunks() -> None:
    file = stored([[b"0123", b"4567", b"89ab", b"cdef"]], [(0, 0, 4)])

    plan = reconstruct(cover(file.terms, 6, 9), file.tables)

    assert plan.offset == 2
    assert plan.terms == (Term(file.terms[0].xorb, 8, 1, 3),)
    (fetch,) = plan.fetches
    assert (fetch.start, fetch.stop) == (12, 36)


def test_the_answers_have_the_form_that_clients_read() -> None:
    file = stored([[b"hello", b"world"]], [(0, 0, 2)])
    name = to_text(file.terms[0].xorb)
    plan = reconstruct(cover(file.terms, 5), file.tables)
    terms = [{"hash": name, "unpacked_length": 5, "range": {"start": 1, "end": 2}}]

    assert plan.to_v1(url_for) == {
        "offset_into_first_range": 0,
        "terms": terms,
        "fetch_info": {
            name: [
                {
                    "range": {"start": 1, "end": 2},
                    "url": f"{name}?13:26",
                    "url_range": {"start": 13, "end": 25},
                }
            ]
        },
    }
    assert plan.to_v2(url_for) == {
        "offset_into_first_range": 0,
        "terms": terms,
        "xorbs": {
            name: [
                {
                    "url": f"{name}?13:26",
                    "ranges": [{"chunks": {"start": 1, "end": 2}, "bytes": {"start": 13, "end": 25}}],
                }
            ]
        },
    }


@pytest.mark.parametrize("start", [10, 11])
def test_a_range_that_begins_at_or_past_the_end_cannot_be_satisfied(start: int) -> None:
    file = stored([[b"hello", b"world"]], [(0, 0, 2)])

    with pytest.raises(RangeNotSatisfiable) as refusal:
        cover(file.terms, start, 20)

    assert refusal.value.size == 10


def test_only_the_xorbs_that_a_range_touches_are_needed() -> None:
    file = stored([[b"hello"], [b"world"]], [(0, 0, 1), (1, 0, 1)])
    stretches = cover(file.terms, 5, 10)

    needed = {raw: file.tables[raw] for raw in {stretch.term.xorb for stretch in stretches}}

    assert len(needed) == 1
    assert reconstruct(stretches, needed).terms == (file.terms[1],)


def test_an_empty_file_is_rebuilt_from_nothing() -> None:
    plan = reconstruct(cover([]), {})

    assert plan.to_v2(url_for) == {"offset_into_first_range": 0, "terms": [], "xorbs": {}}
    assert plan_reads(cover([]), {}) == []
