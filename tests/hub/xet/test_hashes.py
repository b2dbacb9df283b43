"""Vectors on which hf-xet 1.8.0 and an independent implementation agree."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wingman.hub.xet import hashes
from wingman.hub.xet.chunker import cut
from wingman.hub.xet.hashes import chunk_hash, file_hash, from_text, merkle_root, range_hash, to_text


def leaves(data: bytes) -> list[tuple[bytes, int]]:
    return [(chunk_hash(chunk), len(chunk)) for chunk in cut(data)]


@pytest.mark.parametrize(
    ("data", "root", "name"),
    [
        (
            b"hello world",
            "4e39378b9d359f118190557a1f44130219a54e5fcfa07bd96cf50b466fe651b1",
            "f15edd43b7e85cfd25e2758ffe13b99fdd09dfa817e8d9f6548722a7a126db7f",
        ),
        (
            b"a",
            "a4d4ed80fcb2fe5177fc59321d3e6f90faf23e35a48d58303114bf073f34178a",
            "49a7fffaf5f34109d4a191757f3e541e26437dcd1e0e83153454a503757856be",
        ),
        (
            bytes(8191),
            "461b3d677f5a6e106501096980089da139bbf22ab66ca36345727adcb5e8ad84",
            "80c25c0cf8afd7a10eabd09184c813addb4328bd727089be2b62a77028848772",
        ),
        (
            bytes(range(256)) * 800,
            "9222c4f19aaff34f1e5b858db870d64e9e715ed1be638f0c5f4e55e2467d3ee4",
            "5455aae9372868a7118db6efa7ae66eb1aa996c0a3229fed82dd5e3fa34bafc0",
        ),
    ],
    ids=["hello world", "a", "8191 zeros", "two chunks"],
)
def test_root_and_file_hash_are_those_of_hf_xet(data: bytes, root: str, name: str) -> None:
    assert to_text(merkle_root(leaves(data))) == root
    assert to_text(file_hash(leaves(data))) == name


def test_a_single_chunk_is_its_own_root() -> None:
    assert merkle_root(leaves(b"hello world")) == chunk_hash(b"hello world")


def test_an_empty_file_has_the_zero_hash() -> None:
    assert to_text(file_hash([])) == "0" * 64


def test_hashes_of_many_chunks_are_those_of_hf_xet(digests: bytes) -> None:
    chunks = leaves(digests)

    assert to_text(chunks[0][0]) == "e28257ab3dd46c25b9d93e81f6826fd1a5d90b3dfdc511c3ca3686cb539d6d40"
    assert to_text(chunks[-1][0]) == "d0622c13ed6baad4813767e79df91d3ad8e60e65eb4c17a5989525634baafaab"
    assert (
        to_text(hashes.xorb_hash(chunks))
        == "f26ea5e37ebfa2e9d02e6c4462380d308274d1bff2e012aa78b3e7c577f178b5"
    )
    assert to_text(file_hash(chunks)) == "012a1c45a21084d59c202c40b03329f568ec50afa03a2336afa74c9d66d62d19"
    assert (
        to_text(range_hash(b"".join(raw for raw, _ in chunks)))
        == "b463f16c45b3a91a1dba76d1081817a550d9502c1c9fc1fa295a2869ad816f3f"
    )


def merge_row(row: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
    """The grouping rule as the specification words it, row by row."""
    merged = []
    while row:
        size = len(row) if len(row) <= 2 else min(9, len(row))
        for index in range(2, size):
            if int.from_bytes(row[index][0][24:], "little") % 4 == 0:
                size = index + 1
                break
        merged.append(hashes._parent(row[:size]))
        row = row[size:]
    return merged


@given(st.integers(1, 700), st.integers(0, 2**32))
def test_growing_all_rows_at_once_gives_the_tree_that_the_specification_builds_row_by_row(
    count: int, seed: int
) -> None:
    chunks = [(chunk_hash(b"%d %d" % (seed, number)), number + 1) for number in range(count)]

    row = chunks
    while len(row) > 1:
        row = merge_row(row)

    assert merkle_root(iter(chunks)) == row[0][0]


@given(st.binary(min_size=32, max_size=32))
def test_the_text_form_leads_back_to_the_hash(raw: bytes) -> None:
    assert from_text(to_text(raw)) == raw


@pytest.mark.parametrize(
    "text", ["", "0" * 63, "0" * 65, "A" * 64, "g" * 64, "0" * 64 + "\n", "0 " * 32, "é" * 64]
)
def test_text_that_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(hashes.MalformedHash, match="64 digits"):
        from_text(text)


def test_the_example_of_the_text_form_holds() -> None:
    assert doctest.testmod(hashes).failed == 0


def test_clients_ask_about_hashes_divisible_by_1024() -> None:
    last_number = 5 * 1024

    assert hashes.is_dedup_candidate(bytes(24) + last_number.to_bytes(8, "little"))
    assert not hashes.is_dedup_candidate(bytes(24) + (last_number + 512).to_bytes(8, "little"))
