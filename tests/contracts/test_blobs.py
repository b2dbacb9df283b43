"""What every object store must do. See `wingman.hub.blobs.store`."""

import os

import pytest

from wingman.hub.blobs.store import BlobMissing, Blobs


def test_what_was_put_can_be_read_whole_and_in_ranges(blobs: Blobs):
    blobs.put("a/b/object", b"0123456789")

    assert blobs.size_bytes("a/b/object") == 10
    assert blobs.read("a/b/object") == b"0123456789"
    assert blobs.read("a/b/object", 3) == b"3456789"
    assert blobs.read("a/b/object", 2, 5) == b"234"
    assert blobs.read("a/b/object", 5, 5) == b""


def test_an_empty_object_is_an_object(blobs: Blobs):
    blobs.put("empty", b"")

    assert blobs.size_bytes("empty") == 0
    assert blobs.read("empty") == b""
    assert list(blobs.stream("empty")) == []


def test_a_missing_object_is_reported_before_the_first_byte(blobs: Blobs):
    for attempt in (
        lambda: blobs.size_bytes("nothing"),
        lambda: blobs.read("nothing"),
        lambda: blobs.read("nothing", 1, 2),
        lambda: blobs.stream("nothing"),
    ):
        with pytest.raises(BlobMissing) as raised:
            attempt()
        assert raised.value.key == "nothing"


def test_a_stream_gives_the_same_bytes_as_a_read(blobs: Blobs):
    data = os.urandom(9_000_001)
    blobs.put("large", data)

    assert b"".join(blobs.stream("large")) == data
    assert b"".join(blobs.stream("large", 1_048_575, 5_000_000)) == data[1_048_575:5_000_000]


def test_nothing_is_visible_until_the_writer_commits(blobs: Blobs):
    writer = blobs.open_writer("pending")
    writer.write(b"first ")
    writer.write(memoryview(b"second"))
    with pytest.raises(BlobMissing):
        blobs.size_bytes("pending")

    writer.commit()

    assert blobs.read("pending") == b"first second"


def test_an_aborted_writer_leaves_nothing(blobs: Blobs):
    writer = blobs.open_writer("dropped")
    writer.write(os.urandom(20_000_000))
    writer.abort()

    with pytest.raises(BlobMissing):
        blobs.read("dropped")
    assert list(blobs.keys()) == []


def test_abort_after_commit_keeps_the_object(blobs: Blobs):
    writer = blobs.open_writer("kept")
    writer.write(b"x")
    writer.commit()
    writer.abort()

    assert blobs.read("kept") == b"x"


def test_a_large_object_survives_many_small_writes(blobs: Blobs):
    pieces = [os.urandom(300_000) for _ in range(80)]
    writer = blobs.open_writer("pieces")
    for piece in pieces:
        writer.write(piece)
    writer.commit()

    assert blobs.read("pieces") == b"".join(pieces)


def test_writing_a_key_again_replaces_it(blobs: Blobs):
    blobs.put("key", b"one")
    blobs.put("key", b"other")

    assert blobs.read("key") == b"other"


def test_deleting_twice_is_no_error(blobs: Blobs):
    blobs.put("key", b"x")
    blobs.delete("key")
    blobs.delete("key")

    with pytest.raises(BlobMissing):
        blobs.read("key")


def test_keys_are_listed_by_string_prefix(blobs: Blobs):
    for key in ("x/aa/1", "x/ab/2", "y/aa/3"):
        blobs.put(key, b"-")

    assert set(blobs.keys("x/a")) == {"x/aa/1", "x/ab/2"}
    assert set(blobs.keys("x/aa/")) == {"x/aa/1"}
    assert len(list(blobs.keys())) == 3


def test_a_folder_store_knows_its_file_and_its_room(tmp_path):
    from wingman.hub.blobs.opening import open_blobs

    blobs = open_blobs(tmp_path.as_uri())
    blobs.put("a/key", b"bytes")

    path = blobs.local_path("a/key")
    assert path is not None
    assert path.read_bytes() == b"bytes"
    assert (blobs.free_bytes() or 0) > 0
