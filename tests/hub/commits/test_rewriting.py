"""Taking large files out of a history: they leave every branch, tag and commit, and nothing else changes."""

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.commits.model import AddFile, AddLargeFile, CommitRequest, DeleteFile
from wingman.hub.errors import Forbidden
from wingman.hub.files.model import LargeFile
from wingman.hub.repos.model import Repo, RepoKind

SECRET, KEPT = "ab" * 32, "cd" * 32


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    made = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")
    with hub.store.write() as tx:
        for sha256 in (SECRET, KEPT):
            tx.files.register(made.id, LargeFile(sha256=sha256, size=5, blob_key=f"lfs/{sha256}"))
    return made


def commit(hub: Hub, alice: Caller, repo: Repo, summary: str, *operations, revision: str = "main") -> str:
    request = CommitRequest(summary=summary, operations=operations)
    return hub.commits.commit(alice, repo, revision, request).oid


def paths(hub: Hub, repo: Repo, revision: str) -> list[str]:
    _, entries = hub.contents.tree(repo, revision, recursive=True)
    return [entry.path for entry in entries if not entry.is_directory]


def titles(hub: Hub, repo: Repo, revision: str) -> list[str]:
    return [entry.title for entry in hub.contents.history(repo, revision)[0]]


def test_the_files_leave_every_commit_of_every_reference(hub: Hub, alice: Caller, repo: Repo):
    before = commit(hub, alice, repo, "before", AddFile("a.txt", b"a"))
    large = (AddLargeFile("only/secret.bin", SECRET, 5), AddLargeFile("kept.bin", KEPT, 5))
    commit(hub, alice, repo, "with both", *large)
    hub.commits.create_tag(alice, repo, "v1", revision="main", message="annotated")
    hub.commits.create_branch(alice, repo, "side", starting_point="main")
    commit(hub, alice, repo, "on the side", AddFile("side.txt", b"s"), revision="side")
    commit(hub, alice, repo, "removed on main", DeleteFile("only/secret.bin"))

    hub.commits.remove_large_files(alice, repo, [SECRET])

    assert paths(hub, repo, "v1") == paths(hub, repo, "main") == [".gitattributes", "a.txt", "kept.bin"]
    assert paths(hub, repo, "side") == [".gitattributes", "a.txt", "kept.bin", "side.txt"]
    assert titles(hub, repo, "side") == ["on the side", "with both", "before", "initial commit"]
    history = [entry.oid for entry in hub.contents.history(repo, "main")[0]]
    assert history[2] == before
    assert all("only/secret.bin" not in paths(hub, repo, oid) for oid in history)


def test_what_is_stored_shrinks_and_the_bytes_are_no_longer_given_out(hub: Hub, alice: Caller, repo: Repo):
    commit(hub, alice, repo, "with it", AddLargeFile("secret.bin", SECRET, 5))
    old = hub.contents.resolve(repo, "main")
    used = hub.repos.find(alice, repo.kind, repo.full_name).facts.used_bytes

    hub.commits.remove_large_files(alice, repo, [SECRET])

    assert hub.repos.find(alice, repo.kind, repo.full_name).facts.used_bytes == used - 5
    assert hub.contents.find_large_file(repo, SECRET) is None
    assert hub.contents.open(repo, old, "secret.bin").large is None


def test_pull_requests_are_rewritten_without_a_word_on_their_timeline(hub: Hub, alice: Caller, repo: Repo):
    wanted = CommitRequest(
        summary="Offer", operations=(AddLargeFile("secret.bin", SECRET, 5), AddFile("b", b"b"))
    )
    discussion, _ = hub.pull_requests.open_with(alice, repo, "main", wanted)
    hub.pull_requests.merge(alice, repo, discussion.num)
    events = hub.discussions.find(repo, discussion.num)[1]

    hub.commits.remove_large_files(alice, repo, [SECRET])

    assert paths(hub, repo, discussion.ref) == paths(hub, repo, "main") == [".gitattributes", "b"]
    assert hub.discussions.find(repo, discussion.num)[1] == events


def test_nothing_moves_where_the_file_is_not(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    head = commit(hub, alice, repo, "other", AddLargeFile("kept.bin", KEPT, 5))

    hub.commits.remove_large_files(alice, repo, [SECRET])

    assert hub.contents.resolve(repo, "main") == head
    with pytest.raises(Forbidden):
        hub.commits.remove_large_files(bob, repo, [KEPT])


def test_large_files_are_found_where_they_stand(hub: Hub, alice: Caller, repo: Repo):
    hub.commits.create_branch(alice, repo, "a-branch", starting_point="main")
    commit(hub, alice, repo, "both", AddLargeFile("on/main.bin", KEPT, 5))
    commit(
        hub,
        alice,
        repo,
        "b",
        AddLargeFile("x.bin", KEPT, 5),
        AddLargeFile("y.bin", SECRET, 5),
        revision="a-branch",
    )

    assert hub.contents.places_of(repo, {KEPT, SECRET}) == {
        KEPT: ("refs/heads/main", "on/main.bin"),
        SECRET: ("refs/heads/a-branch", "y.bin"),
    }
