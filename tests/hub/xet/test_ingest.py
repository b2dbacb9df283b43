"""Files that came whole are chunked as a Xet client would have chunked them."""

import hashlib
import random
import time

import hf_xet
import pytest

from tests.hub.xet.sending import make_repo, stored_keys
from wingman.hub.lfs.model import ObjectSpec
from wingman.hub.xet.contents import ChunkedContents

NOISE = random.Random(5).randbytes(3_000_000)


def store_by_lfs(hub, repo, data: bytes) -> str:
    spec = ObjectSpec(hashlib.sha256(data).hexdigest(), len(data))
    ticket, _ = hub.lfs.sign_upload(repo, spec)
    upload = hub.lfs.receive(ticket)
    upload.write(data)
    upload.finish()
    return spec.sha256


def stored_bytes(hub) -> int:
    return sum(hub.blobs.size_bytes(key) for key in stored_keys(hub) if key.startswith("xorbs/"))


@pytest.fixture
def repo(hub, alice):
    return make_repo(hub, alice)


@pytest.mark.parametrize(
    "data",
    [NOISE, b"some words " * 200_000, bytes(1_000_000), b"x"],
    ids=["noise", "text", "zeros", "one byte"],
)
def test_the_chunks_are_those_that_hf_xet_makes(hub, repo, tmp_path, data):
    sha256 = store_by_lfs(hub, repo, data)
    (tmp_path / "file").write_bytes(data)
    assert hub.lfs.object(repo.id, sha256).xet_hash is None

    assert hub.ingestor.run_pending() == 1

    file = hub.lfs.object(repo.id, sha256)
    assert file.xet_hash == hf_xet.hash_files([str(tmp_path / "file")])[0].hash
    assert b"".join(ChunkedContents(hub.store, hub.blobs).stream(file.xet_hash)) == data


def test_a_file_is_chunked_once(hub, repo):
    store_by_lfs(hub, repo, NOISE)

    assert [hub.ingestor.run_pending() for _ in range(2)] == [1, 0]


def test_the_next_version_of_a_file_shares_its_chunks(hub, repo):
    for data in (NOISE, NOISE[:1_500_000] + b"inserted" + NOISE[1_500_000:]):
        store_by_lfs(hub, repo, data)
        hub.ingestor.run_pending()

    assert stored_bytes(hub) < 1.2 * len(NOISE)


def test_chunks_that_repeat_within_a_file_are_stored_once(hub, repo):
    store_by_lfs(hub, repo, NOISE[:131_072] * 20)

    hub.ingestor.run_pending()

    assert stored_bytes(hub) < 4 * 131_072


def test_an_object_that_was_damaged_on_the_disk_is_not_passed_on(hub, repo, caplog):
    sha256 = store_by_lfs(hub, repo, NOISE)
    key = hub.lfs.object(repo.id, sha256).blob_key
    hub.blobs.put(key, NOISE[:-1] + b"?")

    assert hub.ingestor.run_pending() == 0

    assert hub.lfs.object(repo.id, sha256).xet_hash is None
    assert "no longer has the sha256" in caplog.text


def test_the_background_thread_takes_up_what_comes(hub, repo):
    hub.ingestor.start()
    sha256 = store_by_lfs(hub, repo, NOISE)

    hub.ingestor.nudge()

    deadline = time.monotonic() + 20
    while hub.lfs.object(repo.id, sha256).xet_hash is None:
        assert time.monotonic() < deadline, "not chunked within 20 seconds"
        time.sleep(0.05)
