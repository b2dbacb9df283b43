"""hf-xet itself against the CAS: every way in which it can be told to speak."""

import hashlib
import random
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from tests.clients.environments import ClientFailed
from tests.clients.files import sha256, write_random
from tests.servers.counting_proxy import CountingProxy
from tests.servers.hub import LiveHub, accounts
from wingman.hub.app import open_hub
from wingman.settings import load_settings

pytestmark = pytest.mark.client
MB = 1_000_000


@pytest.fixture
def source(tmp_path):
    """12 MB that compress here and there: noise, words, floats."""
    rng = random.Random(11)
    floats = np.random.default_rng(11).normal(size=MB).astype("<f4").tobytes()
    data = rng.randbytes(5 * MB) + b"words and words " * (3 * MB // 16) + floats
    path = tmp_path / "source.bin"
    path.write_bytes(data)
    return path


def upload(client, repo_id, *paths, **options):
    return client.run_script("xet_upload.py", repo=repo_id, files=[str(path) for path in paths], **options)


def assert_readable(client, repo_id, uploaded, data: bytes) -> None:
    size = len(data)
    ranges = [
        (0, size),
        (0, 1),
        (size - 1, size),
        (1_000_000, 1_000_001),
        (4_999_000, size // 2),
        (123, 9_000_321),
    ]

    found = client.run_script(
        "xet_download.py", repo=repo_id, hash=uploaded["hash"], size=size, ranges=ranges
    )

    assert found == [hashlib.sha256(data[start:end]).hexdigest() for start, end in ranges]


@pytest.mark.parametrize("scheme", ["auto", "none", "lz4", "bg4-lz4"])
def test_what_hf_xet_stored_in_any_scheme_it_reads_back_in_any_range(make_client, repo_id, source, scheme):
    client = make_client(HF_XET_XORB_COMPRESSION_POLICY=scheme)
    client.call("create_repo", repo_id=repo_id)

    (uploaded,) = upload(client, repo_id, source)

    assert uploaded["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert_readable(make_client(), repo_id, uploaded, source.read_bytes())


@pytest.mark.parametrize(
    "settings",
    [
        {"HF_XET_CLIENT_RECONSTRUCTION_API_VERSION": "1", "HF_XET_CLIENT_SHARD_API_VERSION": "1"},
        {"HF_XET_CLIENT_RECONSTRUCTION_API_VERSION": "2", "HF_XET_CLIENT_SHARD_API_VERSION": "2"},
        {"HF_XET_CLIENT_LEGACY_DIRECT_XORB_UPLOAD": "true"},
        {"HF_XET_CLIENT_ENABLE_MULTIRANGE_FETCHING": "true"},
        {"HF_XET_RECONSTRUCTION_MIN_RECONSTRUCTION_FETCH_SIZE": "1000000"},
    ],
    ids=["version 1", "version 2", "no grants", "multirange", "small plans"],
)
def test_a_file_in_many_terms_comes_back_however_the_client_asks(
    make_client, repo_id, tmp_path, source, settings
):
    client = make_client(**settings)
    client.call("create_repo", repo_id=repo_id)
    data = source.read_bytes()
    shuffled = b"".join(data[start : start + MB] for start in range(11 * MB, -1, -2 * MB)) + data
    second = tmp_path / "second.bin"
    second.write_bytes(shuffled)

    upload(client, repo_id, source)
    (uploaded,) = upload(client, repo_id, second)

    assert uploaded["new_bytes"] < 0.5 * len(data)
    assert_readable(client, repo_id, uploaded, shuffled)


def test_a_false_sha256_reaches_nobody(make_client, repo_id, source):
    client = make_client()
    client.call("create_repo", repo_id=repo_id)

    with pytest.raises(ClientFailed, match="was sent as sha256 " + "a" * 64):
        upload(client, repo_id, source, sha256="a" * 64)

    assert client.call("list_lfs_files", repo_id=repo_id) == []


def test_a_namespace_learns_nothing_of_anothers_chunks_but_bytes_are_stored_once(
    make_client, live_hub, tmp_path, repo_id
):
    secret = tmp_path / "secret.bin"
    write_random(secret, 8 * MB)
    alice, bobs_repo = make_client(), repo_id.replace("alice/", "bob/")
    alice.call("create_repo", repo_id=repo_id, private=True)
    upload(alice, repo_id, secret)
    before = stored_bytes(live_hub)

    with CountingProxy(live_hub.url) as proxy:
        bob = make_client(user="bob", url=proxy.url)
        bob.call("create_repo", repo_id=bobs_repo)
        (uploaded,) = upload(bob, bobs_repo, secret)
        sent = proxy.sent_bytes

    assert uploaded["new_bytes"] == 8 * MB
    assert sent > 8 * MB
    assert stored_bytes(live_hub) == before
    assert_readable_whole(make_client(user="bob"), bobs_repo, uploaded, secret.read_bytes())


def test_the_same_namespace_sends_known_bytes_once(make_client, live_hub, tmp_path, repo_id):
    source = tmp_path / "shared.bin"
    write_random(source, 8 * MB)
    make_client().call("create_repo", repo_id=repo_id)
    make_client().call("create_repo", repo_id=f"{repo_id}-copy")
    upload(make_client(), repo_id, source)

    with CountingProxy(live_hub.url) as proxy:
        upload(make_client(url=proxy.url), f"{repo_id}-copy", source)
        sent = proxy.sent_bytes

    assert sent < 0.1 * MB


def test_after_a_xorb_was_lost_a_new_epoch_makes_clients_send_it_again(
    make_client, live_hub, repo_id, tmp_path
):
    """The client's own cache says that the Hub has the chunks; only another address makes it forget."""
    source = tmp_path / "lost.bin"
    write_random(source, 3 * MB)
    client = make_client()
    client.call("create_repo", repo_id=repo_id)
    (uploaded,) = upload(client, repo_id, source)
    hub = open_hub(load_settings({"home": live_hub.home}, environ={}))
    with sqlite3.connect(live_hub.home / "hub" / "hub.db") as database:
        database.execute("PRAGMA foreign_keys = ON")
        (file_hash,) = database.execute(
            "SELECT hash FROM xet_files ORDER BY created_at DESC LIMIT 1"
        ).fetchone()
        database.execute("DELETE FROM xet_files WHERE hash = ?", (file_hash,))
        database.execute("DELETE FROM xorbs WHERE created_at = (SELECT max(created_at) FROM xorbs)")
    with pytest.raises(ClientFailed, match="was not uploaded to this namespace"):
        upload(client, repo_id, source)

    hub.xet.start_epoch()
    hub.close()

    assert upload(client, repo_id, source)[0]["hash"] == uploaded["hash"]
    assert_readable_whole(client, repo_id, uploaded, source.read_bytes())


@pytest.fixture
def own_hub(tmp_path):
    """One that a test may stop, delete and put back."""
    hub = LiveHub(tmp_path / "home")
    yield hub
    hub.stop()


def test_a_hub_that_was_begun_anew_at_the_same_address_gets_everything_again(make_client, own_hub, source):
    """The client's cache tells Hubs apart by their address alone: the new one must have another."""
    hub, client = own_hub, make_client(url=own_hub.url)
    client.call("create_repo", repo_id="alice/again")
    upload(client, "alice/again", source)
    hub.stop()
    shutil.rmtree(hub.home)

    hub.home.mkdir()
    hub.seed(accounts())
    hub.restart()
    client.call("create_repo", repo_id="alice/again")
    (uploaded,) = upload(client, "alice/again", source)

    assert_readable_whole(client, "alice/again", uploaded, source.read_bytes())


def test_what_a_restored_hub_lost_is_sent_again(make_client, own_hub, source, tmp_path):
    hub, client = own_hub, make_client(url=own_hub.url)
    client.call("create_repo", repo_id="alice/lost")
    hub.stop()
    shutil.copytree(hub.home, tmp_path / "backup")
    hub.restart()
    upload(client, "alice/lost", source)

    hub.stop()
    shutil.rmtree(hub.home)
    shutil.copytree(tmp_path / "backup", hub.home)
    hub.run("admin", "restored")
    hub.restart()
    (uploaded,) = upload(client, "alice/lost", source)

    assert_readable_whole(client, "alice/lost", uploaded, source.read_bytes())


def assert_readable_whole(client, repo_id, uploaded, data: bytes) -> None:
    found = client.run_script(
        "xet_download.py", repo=repo_id, hash=uploaded["hash"], size=len(data), ranges=[(0, len(data))]
    )
    assert found == [hashlib.sha256(data).hexdigest()]


def stored_bytes(live_hub) -> int:
    return sum(
        path.stat().st_size for path in (live_hub.home / "hub" / "objects").rglob("*") if path.is_file()
    )


def test_a_stranger_offers_a_large_file_in_a_pull_request(make_client, repo_id, tmp_path):
    source = tmp_path / "offered.bin"
    expected = write_random(source, 3 * MB)
    make_client().call("create_repo", repo_id=repo_id)

    make_client(user="bob").call(
        "upload_file",
        repo_id=repo_id,
        path_or_fileobj=str(source),
        path_in_repo="offered.bin",
        create_pr=True,
    )

    copy = make_client().call(
        "hf_hub_download", repo_id=repo_id, filename="offered.bin", revision="refs/pr/1"
    )
    assert sha256(Path(copy)) == expected


def test_a_file_is_copied_to_a_repository_of_another_owner(make_client, repo_id, tmp_path):
    source = tmp_path / "copied.bin"
    expected = write_random(source, 3 * MB)
    alice, bob = make_client(), make_client(user="bob")
    bobs_repo = repo_id.replace("alice/", "bob/")
    alice.call("create_repo", repo_id=repo_id)
    alice.call("upload_file", repo_id=repo_id, path_or_fileobj=str(source), path_in_repo="a.bin")
    bob.call("create_repo", repo_id=bobs_repo)

    bob.run_script("copy_file.py", source=repo_id, path="a.bin", target=bobs_repo, to="b.bin")

    copy = bob.call("hf_hub_download", repo_id=bobs_repo, filename="b.bin")
    assert sha256(Path(copy)) == expected
