import hashlib
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.xet.samples import chunk_lists, file_of, pack
from wingman.hub.xet.errors import MalformedShard, XetFormatError
from wingman.hub.xet.hashes import chunk_hash, dedup_hash
from wingman.hub.xet.shards import (
    MAX_SHARD_BYTES,
    ShardFile,
    Term,
    parse_shard,
    serialize_dedup_answer,
    serialize_upload,
)

SHA256 = hashlib.sha256(b"").hexdigest()
HEADER_BYTES, ROW_BYTES = 48, 48

hashes = st.binary(min_size=32, max_size=32).filter(lambda raw: raw != b"\xff" * 32)
u32 = st.integers(0, 2**32 - 1)
terms = st.builds(
    lambda raw, length, first, count: Term(raw, length, first, first + count),
    *(hashes, u32),
    *(st.integers(0, 4096), st.integers(1, 4096)),
)


@st.composite
def files(draw: st.DrawFn) -> ShardFile:
    its_terms = tuple(draw(st.lists(terms, min_size=1, max_size=5)))
    range_hashes = draw(st.sampled_from([(), tuple(bytes([index]) * 32 for index in range(len(its_terms)))]))
    return ShardFile(draw(hashes), its_terms, range_hashes, draw(st.sampled_from([None, SHA256])))


@given(st.lists(files(), max_size=4), st.lists(chunk_lists, max_size=3), st.binary(max_size=100))
def test_a_shard_is_read_as_written_whatever_follows_it(
    its_files: list[ShardFile], xorbs: list[list[bytes]], rest: bytes
) -> None:
    packed = [pack(chunks) for chunks in xorbs]

    shard = parse_shard(serialize_upload(its_files, [(xorb.hash, xorb.table) for xorb in packed]) + rest)

    assert list(shard.files) == its_files
    assert [xorb.hash for xorb in shard.xorbs] == [xorb.hash for xorb in packed]
    assert all(claim.agrees_with(xorb.table) for claim, xorb in zip(shard.xorbs, packed, strict=True))


def test_the_sha256_is_stored_by_reversed_words() -> None:
    xorb = pack([b"hello"])
    data = serialize_upload([file_of([(xorb, 0, 1)], SHA256)], [])

    stored = data[HEADER_BYTES + 3 * ROW_BYTES :][:32]

    assert stored[:8] == bytes.fromhex(SHA256)[:8][::-1]


def test_a_claim_about_other_chunks_does_not_agree() -> None:
    xorb, longer, other = pack([b"one", b"two"]), pack([b"one", b"two", b"three"]), pack([b"one", b"TWO"])
    (claim,) = parse_shard(serialize_upload([], [(xorb.hash, xorb.table)])).xorbs

    assert claim.agrees_with(xorb.table)
    assert not claim.agrees_with(longer.table)
    assert not claim.agrees_with(other.table)
    assert not replace(claim, lengths=claim.lengths[::-1] + 1).agrees_with(xorb.table)


def test_a_files_size_is_known_before_its_chunks() -> None:
    xorb = pack([b"hello", b" ", b"world"])

    assert file_of([(xorb, 0, 3), (xorb, 1, 2)]).size == 12


@given(chunk_lists, st.data())
def test_a_damaged_shard_is_never_more_than_malformed(chunks: list[bytes], data: st.DataObject) -> None:
    xorb = pack(chunks)
    shard = bytearray(
        serialize_upload([file_of([(xorb, 0, len(chunks))], SHA256)], [(xorb.hash, xorb.table)])
    )
    del shard[data.draw(st.integers(0, len(shard))) :]
    for position in data.draw(st.lists(st.integers(0, max(0, len(shard) - 1)), max_size=3)):
        if shard:
            shard[position] ^= 1 << data.draw(st.integers(0, 7))

    try:
        parse_shard(shard)
    except XetFormatError:
        return


@given(st.binary(max_size=400))
def test_rows_of_noise_are_never_more_than_malformed(noise: bytes) -> None:
    try:
        parse_shard(serialize_upload([], [])[:HEADER_BYTES] + noise)
    except XetFormatError:
        return


def patched(data: bytes, offset: int, layout: str, value: int) -> bytes:
    return data[:offset] + struct.pack(layout, value) + data[offset + struct.calcsize(layout) :]


_xorb = pack([b"one", b"two"])
_shard = serialize_upload([file_of([(_xorb, 0, 2)])], [(_xorb.hash, _xorb.table)])
_first_file, _first_term = HEADER_BYTES, HEADER_BYTES + ROW_BYTES
_first_xorb = HEADER_BYTES + 4 * ROW_BYTES


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "header"),
        (bytes(48), "tag"),
        (patched(_shard, 32, "<Q", 3), "version at byte 32: expected 2, found 3"),
        (_shard[:-1], "cut short"),
        (
            patched(_shard, _first_file + 36, "<I", 2**32 - 1),
            "cut short at byte 96: expected 4294967295 rows",
        ),
        (patched(_shard, _first_term + 40, "<I", 2), "no such chunks at byte 96"),
        (patched(_shard, _first_term + 44, "<I", 8193), "no such chunks at byte 96"),
        (patched(_shard, _first_xorb + 36, "<I", 8193), "number of chunks"),
        (patched(_shard, _first_xorb + 36, "<I", 0), "number of chunks"),
        (patched(_shard, _first_xorb + 36, "<I", 8192), "cut short"),
        (bytes(MAX_SHARD_BYTES + 1), "too large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_shard_is_refused_with_the_reason(data: bytes, problem: str) -> None:
    with pytest.raises(MalformedShard, match=problem):
        parse_shard(data)


def test_a_dedup_answer_hides_chunk_hashes_under_its_key() -> None:
    xorb, key = pack([b"one", b"two", b"three"]), bytes(range(32))

    answer = serialize_dedup_answer(
        [(xorb.hash, xorb.table)], key=key, created_at=1_700_000_000, expires_at=1_700_003_600
    )

    shard = parse_shard(answer)
    assert shard.files == ()
    assert shard.xorbs[0].hash == xorb.hash
    assert shard.xorbs[0].hashes == b"".join(
        dedup_hash(key, chunk_hash(word)) for word in (b"one", b"two", b"three")
    )
    assert shard.xorbs[0].lengths.tolist() == [3, 3, 5]


def test_a_dedup_answer_ends_in_the_footer_of_the_format() -> None:
    xorb = pack([b"one", b"two"])

    answer = serialize_dedup_answer([(xorb.hash, xorb.table)], created_at=7, expires_at=None)

    footer_at = len(answer) - 200
    assert struct.unpack_from("<Q", answer, 40) == (200,)
    assert struct.unpack_from("<9Q", answer, footer_at) == (
        1,
        48,
        96,
        footer_at,
        0,
        footer_at,
        0,
        footer_at,
        0,
    )
    assert answer[footer_at + 72 :][:32] == bytes(32)
    assert struct.unpack_from("<2Q", answer, footer_at + 104) == (7, 2**64 - 1)
    assert answer[-8:] == struct.pack("<Q", footer_at)
    assert answer[96:footer_at] == serialize_upload([], [(xorb.hash, xorb.table)])[96:]
