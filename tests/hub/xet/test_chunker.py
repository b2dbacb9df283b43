import doctest
import hashlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wingman.hub.xet import chunker as chunker_module
from wingman.hub.xet.chunk_tables import MAX_CHUNK_BYTES
from wingman.hub.xet.chunker import MIN_CHUNK_BYTES, Chunker, cut
from wingman.hub.xet.gear_table import GEAR_TABLE


def cut_byte_by_byte(data: bytes) -> list[int]:
    """Chunk lengths by the definition of the gear hash."""
    table = GEAR_TABLE.tolist()
    lengths, gear, length = [], 0, 0
    for byte in data:
        gear = ((gear << 1) + table[byte]) % 2**64
        length += 1
        if (length >= MIN_CHUNK_BYTES and gear < 2**48) or length == MAX_CHUNK_BYTES:
            lengths.append(length)
            gear = length = 0
    return [*lengths, length] if length else lengths


def stream(data: bytes, piece_sizes: list[int]) -> list[bytes]:
    chunker, chunks, start = Chunker(), [], 0
    for size in piece_sizes:
        chunks += chunker.feed(data[start : start + size])
        start += size
    return [*chunks, *chunker.feed(data[start:]), *chunker.finish()]


def test_the_gear_table_is_the_one_of_the_format() -> None:
    assert (
        hashlib.sha256(GEAR_TABLE.astype("<u8").tobytes()).hexdigest()
        == "e1d3936666d7ae7a977c958e9afcc75f90aaca758ce5fbe4ece61dffefe1912c"
    )


def test_chunk_lengths_are_those_of_hf_xet(digests: bytes) -> None:
    lengths = [len(chunk) for chunk in cut(digests)]

    assert lengths == [
        *(15495, 82104, 50556, 55540, 34273, 28823, 97633, 30202, 26568, 86955, 75209, 81714, 14339, 131013),
        *(58655, 10126, 30276, 123844, 77440, 31382, 107083, 11080, 19690),
    ]


def test_where_the_hash_allows_no_cut_chunks_end_at_the_maximum() -> None:
    lengths = [len(chunk) for chunk in cut(bytes(1_000_000))]

    assert lengths == [MAX_CHUNK_BYTES] * 7 + [1_000_000 - 7 * MAX_CHUNK_BYTES]


def test_the_example_of_the_chunker_holds() -> None:
    assert doctest.testmod(chunker_module).failed == 0


def test_nothing_has_no_chunks() -> None:
    assert list(cut(b"")) == []
    assert stream(b"", []) == []


@pytest.mark.parametrize("size", [1, 63, 64, MIN_CHUNK_BYTES, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES + 1, 700_000])
@pytest.mark.parametrize("alphabet", [2, 256])
def test_cuts_are_those_of_the_definition(size: int, alphabet: int) -> None:
    data = bytes(Random(size).choices(range(alphabet), k=size))

    assert [len(chunk) for chunk in cut(data)] == cut_byte_by_byte(data)


@pytest.fixture(scope="module")
def ending(digests: bytes) -> bytes:
    """64 bytes after which the hash allows a cut; the first of them counts, if only for the highest bit."""
    position = 0
    for chunk in cut(digests):
        position += len(chunk)
        window = digests[position - 64 : position]
        if GEAR_TABLE[window[0]] % 2:
            return window
    raise AssertionError("no such window")


@pytest.mark.parametrize(
    ("position", "first"), [(MIN_CHUNK_BYTES, MIN_CHUNK_BYTES), (MIN_CHUNK_BYTES - 1, 20_000)]
)
def test_a_chunk_has_at_least_the_minimum(ending: bytes, position: int, first: int) -> None:
    data = (bytes(position - 64) + ending).ljust(20_000, b"\0")

    assert len(next(cut(data))) == first


@pytest.mark.parametrize("past", [0, 1, 2, 62, 63, 64])
def test_a_cut_is_found_where_blocks_meet(ending: bytes, past: int) -> None:
    position = 64 * 1024 + past
    data = bytes(position - 64) + ending + bytes(100)

    assert [len(chunk) for chunk in cut(data)] == [position, 100]
    assert [len(chunk) for chunk in stream(data, [])] == [position, 100]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 400_000), st.integers(1, 256), st.lists(st.integers(0, 150_000), max_size=8))
def test_a_stream_is_cut_like_the_whole(size: int, alphabet: int, piece_sizes: list[int]) -> None:
    narrow = bytes(byte % alphabet for byte in range(256))
    data = Random(size).randbytes(size).translate(narrow)

    chunks = stream(data, piece_sizes)

    assert chunks == list(cut(data))
    assert b"".join(chunks) == data


def test_a_chunker_can_be_used_again(digests: bytes) -> None:
    chunker = Chunker()
    first = [*chunker.feed(digests), *chunker.finish()]

    assert [*chunker.feed(digests), *chunker.finish()] == first
