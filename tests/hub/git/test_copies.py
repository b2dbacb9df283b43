"""Copies of repositories on disk: made from SQL, brought up to date, replaced when they are damaged."""

import os
import random
import shutil
import time

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.commits.model import AddFile, CommitRequest, DeleteFile
from wingman.hub.git.sql import INLINE_BYTES
from wingman.hub.git.store import ObjectMissing, Ref
from wingman.hub.git.wire.cache import GitCache, render_refs
from wingman.hub.git.wire.program import DiskRepo, GitMissing
from wingman.hub.repos.model import Repo, RepoKind

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt-get install git")


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="model")


@pytest.fixture
def cache(hub: Hub, tmp_path) -> GitCache:
    return GitCache(tmp_path / "copies", hub.store)


def commit(hub: Hub, alice: Caller, repo: Repo, branch: str = "main", **files: bytes | None) -> str:
    operations = tuple(
        DeleteFile(path) if data is None else AddFile(path, data) for path, data in files.items()
    )
    return hub.commits.commit(alice, repo, branch, CommitRequest(summary="Change", operations=operations)).oid


def num_packs(copy: DiskRepo) -> int:
    return len(list((copy.folder / "objects" / "pack").glob("*.pack")))


def test_a_copy_holds_the_whole_history_and_passes_gits_own_check(hub, alice, repo, cache):
    large = random.Random(1).randbytes(INLINE_BYTES + 1)
    commit(hub, alice, repo, **{"a/b/c.txt": b"deep", "empty": b"", "large.dat": large})
    commit(hub, alice, repo, **{"a/b/c.txt": None})
    hub.commits.create_tag(alice, repo, "v1", revision="main", message="One")

    copy = cache.bring_up_to_date(repo)

    copy.run("fsck", "--strict", "--full")
    assert copy.run("rev-list", "--count", "main") == b"3\n"
    assert copy.run("cat-file", "blob", "main:large.dat") == large
    assert copy.run("cat-file", "-t", "v1") == b"tag\n"
    assert copy.run("rev-parse", "v1^{}") == copy.run("rev-parse", "main")


def test_catching_up_brings_only_what_is_new(hub, alice, repo, cache):
    commit(hub, alice, repo, **{f"part/{number}": b"%d" % number for number in range(50)})
    copy = cache.bring_up_to_date(repo)
    before = set((copy.folder / "objects" / "pack").glob("*.idx"))

    head = commit(hub, alice, repo, **{"part/7": b"seven"})
    cache.bring_up_to_date(repo)

    (added,) = set((copy.folder / "objects" / "pack").glob("*.idx")) - before
    objects = copy.run("show-index", feed=added.read_bytes()).splitlines()
    assert len(objects) == 4  # the commit, two trees, the file
    assert copy.run("rev-parse", "main").decode().strip() == head


def test_a_copy_that_is_up_to_date_is_left_alone(hub, alice, repo, cache):
    copy = cache.bring_up_to_date(repo)
    refs = (copy.folder / "packed-refs").stat()

    cache.bring_up_to_date(repo)

    assert (copy.folder / "packed-refs").stat() == refs


def test_branches_that_are_gone_are_gone_from_the_copy(hub, alice, repo, cache):
    hub.commits.create_branch(alice, repo, "short-lived", starting_point=None)
    copy = cache.bring_up_to_date(repo)
    assert b"short-lived" in copy.run("for-each-ref")

    hub.commits.delete_branch(alice, repo, "short-lived")
    cache.bring_up_to_date(repo)

    assert b"short-lived" not in copy.run("for-each-ref")


def test_many_small_packs_are_merged(hub, alice, repo, cache):
    for number in range(30):
        commit(hub, alice, repo, **{"counter": b"%d" % number})
        copy = cache.bring_up_to_date(repo)

    assert num_packs(copy) < 24
    copy.run("fsck", "--strict")
    assert copy.run("rev-list", "--count", "main") == b"31\n"


def test_a_copy_that_lost_a_pack_is_made_anew(hub, alice, repo, cache):
    copy = cache.bring_up_to_date(repo)
    for file in (copy.folder / "objects" / "pack").iterdir():
        file.unlink()

    cache.bring_up_to_date(repo)

    copy.run("fsck", "--strict")


def test_a_damaged_store_is_told_and_not_handed_on(hub, alice, repo, cache):
    commit(hub, alice, repo, **{"file": b"content"})
    with hub.store.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM git_objects WHERE kind = 3 AND size = 7")

    with pytest.raises(ObjectMissing):
        cache.bring_up_to_date(repo)


def test_repositories_do_not_share_a_copy(hub, alice, repo, cache):
    other = hub.repos.create(alice, kind=RepoKind.DATASET, name="model")
    secret = commit(hub, alice, other, **{"secret": b"for us alone"})
    cache.bring_up_to_date(other)

    copy = cache.bring_up_to_date(repo)

    with copy.presence() as presence:
        assert presence.among([secret]) == set()


def test_sweeping_removes_what_is_gone_unused_or_abandoned(hub, alice, repo, cache, tmp_path):
    gone = hub.repos.create(alice, kind=RepoKind.MODEL, name="gone")
    unused = hub.repos.create(alice, kind=RepoKind.MODEL, name="unused")
    folders = [cache.bring_up_to_date(item).folder for item in (repo, gone, unused)]
    hub.repos.delete(alice, RepoKind.MODEL, "alice/gone")
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(folders[2] / "packed-refs", (long_ago, long_ago))
    abandoned = tmp_path / "copies" / "incoming" / "dead-push"
    abandoned.mkdir()
    os.utime(abandoned, (long_ago, long_ago))

    cache.sweep()

    assert [folder.exists() for folder in (*folders, abandoned)] == [True, False, False, False]


def test_references_are_written_as_git_writes_them(hub, repo, cache):
    refs = [Ref("refs/tags/v1", "b" * 40, "a" * 40), Ref("refs/heads/main", "a" * 40, "a" * 40)]

    assert render_refs(refs).decode().splitlines()[1:] == [
        f"{'a' * 40} refs/heads/main",
        f"{'b' * 40} refs/tags/v1",
        f"^{'a' * 40}",
    ]


def test_a_server_without_git_says_what_to_install(hub, repo, cache, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(GitMissing, match="apt-get install git"):
        cache.bring_up_to_date(repo)
