"""A duplicate has the history and the files of its origin, and a life of its own."""

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.commits.model import AddFile, AddLargeFile, CommitRequest, DeleteFile
from wingman.hub.files.model import LargeFile
from wingman.hub.git.revisions import RevisionMissing
from wingman.hub.repos.model import Repo, RepoExists, RepoGated, RepoKind, RepoMissing

REACHED, UNREACHED = "ab" * 32, "cd" * 32


@pytest.fixture
def origin(hub: Hub, alice: Caller) -> Repo:
    repo = hub.repos.create(alice, kind=RepoKind.MODEL, name="origin")
    with hub.store.write() as tx:
        for sha256 in (REACHED, UNREACHED):
            tx.files.register(repo.id, LargeFile(sha256=sha256, size=5, blob_key=f"lfs/{sha256}"))
    commit(
        hub, alice, repo, AddFile("README.md", b"---\nlicense: mit\n---\n"), AddLargeFile("w.bin", REACHED, 5)
    )
    commit(hub, alice, repo, DeleteFile("w.bin"))
    hub.commits.create_tag(alice, repo, "v1", revision="main", message=None)
    return repo


def commit(hub: Hub, caller: Caller, repo: Repo, *operations) -> str:
    request = CommitRequest(summary="Change", operations=operations)
    return hub.commits.commit(caller, repo, "main", request).oid


def test_a_duplicate_has_the_history_tags_and_large_files(hub: Hub, alice: Caller, bob: Caller, origin: Repo):
    copy = hub.repos.duplicate(bob, origin, "bob/copy")

    head = hub.contents.resolve(origin, "main")
    assert [hub.contents.resolve(copy, revision) for revision in ("main", "v1", head)] == [head] * 3
    assert copy.facts.tags == hub.repos.find(bob, origin.kind, origin.full_name).facts.tags
    assert hub.contents.num_commits(copy, "main") == 3
    parent = hub.contents.history(copy, "main")[0][1].oid
    assert hub.contents.open(copy, parent, "w.bin").large is not None


def test_what_no_branch_reaches_stays_with_the_origin(hub: Hub, bob: Caller, alice: Caller, origin: Repo):
    offered = CommitRequest(summary="Offer", operations=(AddFile("secret", b"s"),))
    oid = hub.pull_requests.open_with(alice, origin, "main", offered)[1].oid

    copy = hub.repos.duplicate(bob, origin, "bob/copy")

    for revision in (oid, "refs/pr/1"):
        with pytest.raises(RevisionMissing):
            hub.contents.resolve(copy, revision)
    assert hub.contents.find_large_file(copy, REACHED) is not None
    assert hub.contents.find_large_file(copy, UNREACHED) is None


def test_both_go_their_own_ways(hub: Hub, alice: Caller, bob: Caller, origin: Repo):
    copy = hub.repos.duplicate(bob, origin, "bob/copy")

    commit(hub, bob, copy, AddFile("only-here", b"x"))
    hub.repos.delete(alice, origin.kind, origin.full_name)

    assert hub.contents.open(copy, "main", "only-here").data == b"x"
    assert hub.contents.open(copy, "main", "README.md").data == b"---\nlicense: mit\n---\n"


def test_one_may_only_duplicate_what_one_may_read(hub: Hub, alice: Caller, bob: Caller, origin: Repo):
    gated = hub.repos.configure(alice, origin.kind, origin.full_name, gated="manual")
    with pytest.raises(RepoGated):
        hub.repos.duplicate(bob, gated, "bob/copy")
    private = hub.repos.configure(alice, origin.kind, origin.full_name, gated="", private=True)
    with pytest.raises(RepoMissing):
        hub.repos.duplicate(bob, private, "bob/copy")

    assert hub.repos.duplicate(alice, private, "alice/copy").private
    with pytest.raises(RepoExists):
        hub.repos.duplicate(alice, private, "alice/copy")


def test_comparing_revisions_and_measuring_folders(hub: Hub, alice: Caller, origin: Repo):
    hub.commits.create_branch(alice, origin, "old", starting_point=None)
    commit(hub, alice, origin, AddFile("folder/a", b"12"), AddFile("folder/b/c", b"345"))

    assert hub.contents.tree_size(origin, "main", "folder") == 5
    diff = hub.contents.compare(origin, "old", "main")
    assert [line for line in diff.splitlines() if line.startswith("+++")] == [
        "+++ b/folder/a",
        "+++ b/folder/b/c",
    ]
    assert hub.contents.compare(origin, "main", "old", since_fork=True) == ""


def test_members_see_what_their_namespace_holds(hub: Hub, alice: Caller, bob: Caller, origin: Repo):
    hub.repos.create(alice, kind=RepoKind.DATASET, name="d", private=True)

    found, total = hub.repos.holdings(alice, "alice", after=None, limit=10)

    assert [repo.scope for repo in found] == ["datasets/alice/d", "models/alice/origin"]
    assert total == sum(repo.facts.used_bytes for repo in found) > 0
    with pytest.raises(PermissionError):
        hub.repos.holdings(bob, "alice", after=None, limit=10)
