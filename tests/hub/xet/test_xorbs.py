import struct

import lz4.frame
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.hub.xet.samples import chunk_lists, pack
from wingman.hub.xet.chunk_tables import MAX_CHUNK_BYTES, ChunkTable, parse_table, serialize_table
from wingman.hub.xet.chunker import cut
from wingman.hub.xet.errors import HashMismatch, MalformedXorb, XetFormatError
from wingman.hub.xet.hashes import chunk_hash, is_dedup_candidate, to_text
from wingman.hub.xet.xorbs import (
    Scheme,
    XorbBuilder,
    decode_chunks,
    encode_record,
    read_chunk_table,
    verify_xorb,
)

schemes = st.sampled_from([None, *Scheme])


def record(data: bytes, *, length: int, scheme: int = 0, version: int = 0) -> bytes:
    return struct.pack("<II", len(data) << 8 | version, length << 8 | scheme) + data


@given(chunk_lists, schemes)
def test_a_packed_xorb_verifies_and_decodes_to_its_chunks(chunks: list[bytes], scheme: Scheme | None) -> None:
    xorb = pack(chunks, scheme)

    table = verify_xorb(xorb.body, xorb.hash)

    assert table == xorb.table
    assert list(table.leaves()) == [(chunk_hash(chunk), len(chunk)) for chunk in chunks]
    assert list(decode_chunks(xorb.body)) == chunks


@given(chunk_lists, st.data())
def test_a_record_range_of_a_xorb_decodes_to_its_chunks(chunks: list[bytes], data: st.DataObject) -> None:
    xorb = pack(chunks)
    first = data.draw(st.integers(0, len(chunks) - 1))
    end = data.draw(st.integers(first + 1, len(chunks)))

    part = xorb.body[xorb.table.record_offset(first) : xorb.table.record_offset(end)]

    assert list(decode_chunks(part)) == chunks[first:end]
    assert xorb.table.raw_length(first, end) == sum(map(len, chunks[first:end]))


@pytest.mark.parametrize(
    "size", [1, 2, 3, 4, 5, 65_535, 65_536, 65_537, MAX_CHUNK_BYTES - 1, MAX_CHUNK_BYTES]
)
@pytest.mark.parametrize("scheme", [Scheme.LZ4, Scheme.BG4_LZ4])
def test_every_length_survives_compression(size: int, scheme: Scheme) -> None:
    chunk = (b"0123456789" * MAX_CHUNK_BYTES)[:size]

    assert list(decode_chunks(encode_record(chunk, scheme))) == [chunk]


def test_bytes_are_grouped_by_position_modulo_four() -> None:
    stored = encode_record(b"abcd" * 40 + b"ef", Scheme.BG4_LZ4)

    assert lz4.frame.decompress(stored[8:]) == b"a" * 40 + b"e" + b"b" * 40 + b"f" + b"c" * 40 + b"d" * 40


def test_frames_begin_as_those_of_hf_xet() -> None:
    assert encode_record(bytes(1000), Scheme.LZ4)[8:15] == bytes.fromhex("04224d18604082")


def test_the_scheme_is_chosen_by_what_saves_most(digests: bytes) -> None:
    floats = struct.pack("<20000f", *[1 + number / 1e6 for number in range(20_000)])

    assert pack([digests[:50_000]]).body[4] == Scheme.PLAIN
    assert pack([b"to be or not to be " * 900]).body[4] == Scheme.LZ4
    assert pack([floats]).body[4] == Scheme.BG4_LZ4


def test_a_xorb_of_incompressible_chunks_is_laid_out_as_by_hf_xet(digests: bytes) -> None:
    xorb = pack([bytes(chunk) for chunk in cut(digests)], Scheme.LZ4)

    assert to_text(xorb.hash) == "f26ea5e37ebfa2e9d02e6c4462380d308274d1bff2e012aa78b3e7c577f178b5"
    assert xorb.table.record_offsets[1:4].tolist() == [15503, 97615, 148179]
    footer = serialize_table(xorb.hash, xorb.table)
    assert len(footer) == 1012
    assert struct.unpack_from("<III", footer, len(footer) - 28) == (23, 972, 224)


def test_a_footer_ends_the_body() -> None:
    xorb = pack([b"one", b"two"])

    table = verify_xorb(xorb.body + serialize_table(xorb.hash, xorb.table), xorb.hash)

    assert table.record_offset(len(table)) == len(xorb.body)


def test_a_xorb_under_another_name_is_refused() -> None:
    xorb, other = pack([b"one"]), pack([b"two"])

    with pytest.raises(HashMismatch) as refusal:
        verify_xorb(xorb.body, other.hash)

    assert (refusal.value.expected, refusal.value.found) == (to_text(other.hash), to_text(xorb.hash))


_frame = lz4.frame.compress(b"x" * 500)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "no chunk"),
        (b"XETBLOB\x01", "no chunk"),
        (record(b"abc", length=3)[:5], "header"),
        (record(b"abc", length=3)[:-1], "cut short in a chunk"),
        (record(b"abc", length=3) + b"\0", "header"),
        (record(b"abc", length=3, version=1), "version"),
        (record(b"abc", length=3, scheme=3), "scheme"),
        (record(b"abc", length=3, scheme=99), "scheme"),
        (record(b"abc", length=4), "lengths differ"),
        (record(b"", length=0), "out of bounds"),
        (record(bytes(MAX_CHUNK_BYTES + 1), length=MAX_CHUNK_BYTES + 1), "out of bounds"),
        (record(bytes(2 * MAX_CHUNK_BYTES + 1), length=9, scheme=1), "too long"),
        (record(b"abc", length=500, scheme=1), "LZ4"),
        (record(_frame, length=499, scheme=1), "declared length"),
        (record(_frame, length=501, scheme=1), "declared length"),
        (record(_frame + b"more", length=500, scheme=1), "declared length"),
        (record(_frame[:-4], length=500, scheme=1), "declared length"),
        (record(_frame + _frame, length=1000, scheme=2), "declared length"),
        (record(lz4.frame.compress(bytes(10_000_000)), length=MAX_CHUNK_BYTES, scheme=1), "declared length"),
        (record(b"x", length=1) * 8193, "8192 chunks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_xorb_is_refused_with_the_reason(body: bytes, problem: str) -> None:
    with pytest.raises(MalformedXorb, match=problem):
        read_chunk_table(body)


def test_an_error_says_where_the_body_is_broken() -> None:
    with pytest.raises(MalformedXorb, match="at byte 11: expected 0, found 7") as refusal:
        read_chunk_table(record(b"abc", length=3) + record(b"", length=1, version=7))

    assert (refusal.value.offset, refusal.value.expected, refusal.value.found) == (11, 0, 7)


@given(chunk_lists, schemes, st.data())
def test_a_damaged_xorb_is_refused_or_was_not_damaged(
    chunks: list[bytes], scheme: Scheme | None, data: st.DataObject
) -> None:
    xorb = pack(chunks, scheme)
    body = xorb.body[: data.draw(st.integers(0, len(xorb.body)))]
    for position in data.draw(st.lists(st.integers(0, max(0, len(body) - 1)), max_size=3)):
        if body:
            body[position] ^= 1 << data.draw(st.integers(0, 7))

    try:
        table = verify_xorb(body, xorb.hash)
    except XetFormatError:
        return

    # Some bits of a frame carry nothing: the chunks are what counts.
    assert list(table.leaves()) == list(xorb.table.leaves())


@given(st.binary(max_size=300))
@example(b"XETBLOB" + bytes(200))
def test_noise_is_never_more_than_malformed(noise: bytes) -> None:
    for read in (read_chunk_table, parse_table, lambda data: list(decode_chunks(data))):
        try:
            read(noise)
        except XetFormatError:
            continue


@given(chunk_lists)
def test_a_table_comes_back_from_its_footer(chunks: list[bytes]) -> None:
    xorb = pack(chunks)

    assert parse_table(serialize_table(xorb.hash, xorb.table)) == (xorb.hash, xorb.table)


@given(chunk_lists, st.data())
def test_a_damaged_footer_is_refused_or_read_as_some_table(chunks: list[bytes], data: st.DataObject) -> None:
    xorb = pack(chunks)
    footer = bytearray(serialize_table(xorb.hash, xorb.table))
    footer[data.draw(st.integers(0, len(footer) - 1))] ^= 1 << data.draw(st.integers(0, 7))

    try:
        _, table = parse_table(footer[: data.draw(st.integers(len(footer) - 2, len(footer)))])
    except XetFormatError:
        return

    assert len(table) == len(chunks)


def test_a_table_finds_the_chunks_that_clients_ask_about() -> None:
    hashes = [chunk_hash(b"%d" % number) for number in range(8000)]
    table = ChunkTable.from_lengths(b"".join(hashes), [1] * 8000, [9] * 8000)

    candidates = list(table.dedup_candidates())

    assert candidates == [index for index, raw in enumerate(hashes) if is_dedup_candidate(raw)]
    assert candidates


def test_a_builder_is_full_at_64_mib_or_8192_chunks() -> None:
    by_bytes, by_count = XorbBuilder(Scheme.PLAIN), XorbBuilder(Scheme.PLAIN)
    large, small = bytes(MAX_CHUNK_BYTES), b"x"

    while by_bytes.has_room_for(large):
        by_bytes.add(large, bytes(32))
    while by_count.has_room_for(small):
        by_count.add(small, bytes(32))

    assert len(by_bytes) == 512
    assert len(by_count) == 8192
