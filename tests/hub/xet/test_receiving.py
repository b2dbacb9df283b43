"""Xorbs are verified while they come in, and kept only if they are what they are named for."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hub.xet.samples import chunk_lists, pack
from tests.hub.xet.sending import make_repo, send_xorb, stored_keys, writer
from wingman.hub.blobs.opening import open_blobs
from wingman.hub.xet.chunk_tables import serialize_table
from wingman.hub.xet.errors import HashMismatch, MalformedXorb
from wingman.hub.xet.receiving import XorbReceiver
from wingman.hub.xet.xorbs import Scheme, decode_chunks, verify_xorb


def receive(body: bytes, expected: bytes, *, step: int):
    blobs = open_blobs("memory:///")
    receiver = XorbReceiver(expected, "key", blobs.open_writer("key"))
    for start in range(0, len(body), step):
        receiver.write(body[start : start + step])
    return receiver.finish(), blobs.read("key")


@settings(max_examples=40, deadline=None)
@given(chunk_lists, st.integers(1, 3000), st.sampled_from([None, *Scheme]))
def test_a_xorb_is_understood_whatever_the_pieces_it_comes_in(chunks, step, scheme):
    xorb = pack(chunks, scheme)

    received, stored = receive(bytes(xorb.body), xorb.hash, step=step)

    assert received.table == xorb.table == verify_xorb(xorb.body, xorb.hash)
    assert stored == xorb.body
    assert [bytes(chunk) for chunk in decode_chunks(stored)] == chunks


@pytest.mark.parametrize("step", [7, 1000, 1 << 20])
def test_a_footer_is_neither_read_nor_stored(step):
    xorb = pack([b"one" * 500, b"two" * 600])
    footer = serialize_table(xorb.hash, xorb.table)

    received, stored = receive(bytes(xorb.body) + footer, xorb.hash, step=step)

    assert stored == xorb.body
    assert received.table == xorb.table


@pytest.mark.parametrize("step", [10, 70_000, 1 << 20])
def test_one_flipped_byte_is_noticed(step):
    xorb = pack([os.urandom(60_000), os.urandom(60_000)])
    body = bytearray(xorb.body)
    body[90_000] ^= 1

    with pytest.raises(HashMismatch):
        receive(bytes(body), xorb.hash, step=step)


@pytest.mark.parametrize("cut", [1, 8, 9, 59_999, 119_000])
def test_a_body_that_ends_early_is_refused(cut):
    xorb = pack([os.urandom(60_000), os.urandom(60_000)])

    with pytest.raises((MalformedXorb, HashMismatch)):
        receive(bytes(xorb.body[:-cut]), xorb.hash, step=4096)


def test_a_length_that_no_chunk_has_is_refused_before_it_is_waited_for():
    header = b"\0" + (10_000_000).to_bytes(3, "little") + b"\0" + (10_000_000).to_bytes(3, "little")

    with pytest.raises(MalformedXorb, match="out of bounds"):
        receive(header, bytes(32), step=8)


def test_nothing_is_kept_of_a_xorb_that_is_refused(hub, alice):
    grant = writer(hub, alice, make_repo(hub, alice))
    xorb = pack([os.urandom(60_000)])

    with pytest.raises(HashMismatch):
        send_xorb(hub, grant, xorb, body=bytes(pack([os.urandom(60_000)]).body))

    assert stored_keys(hub) == []
    assert not hub.xet.has_xorb(grant, xorb.hash)


def test_the_first_serialisation_of_a_xorb_stays(hub, alice, bob):
    chunks = [b"compressible " * 3000, b"chunks " * 4000]
    first, second = pack(chunks, Scheme.LZ4), pack(chunks, Scheme.PLAIN)
    assert first.hash == second.hash
    assert first.body != second.body

    assert send_xorb(hub, writer(hub, alice, make_repo(hub, alice)), first) is True
    assert send_xorb(hub, writer(hub, bob, make_repo(hub, bob)), second) is True

    (key,) = stored_keys(hub)
    assert hub.blobs.read(key) == first.body


def test_two_senders_at_once_leave_one_object_and_its_own_offsets(hub, alice, bob):
    chunks = [b"compressible " * 3000, b"chunks " * 4000]
    first, second = pack(chunks, Scheme.LZ4), pack(chunks, Scheme.PLAIN)
    uploads = [
        hub.xet.receive_xorb(writer(hub, caller, make_repo(hub, caller)), first.hash)
        for caller in (alice, bob)
    ]

    for upload, xorb in zip(uploads, (first, second), strict=True):
        upload.write(bytes(xorb.body))
    results = [upload.finish() for upload in uploads]

    assert results == [True, True]
    (key,) = stored_keys(hub)
    assert hub.blobs.read(key) == first.body
    with hub.store.read() as tx:
        assert tx.chunks.tables([first.hash])[first.hash] == first.table


def test_sending_a_xorb_again_is_no_error(hub, alice):
    grant = writer(hub, alice, make_repo(hub, alice))
    xorb = pack([os.urandom(1000)])

    assert [send_xorb(hub, grant, xorb) for _ in range(2)] == [True, False]
    assert hub.xet.has_xorb(grant, xorb.hash)
