"""Commits: all of it or nothing, on the right parent, with bytes that are really there."""

import threading

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.app import Hub
from wingman.hub.commits.model import (
    AddFile,
    AddLargeFile,
    CommitRequest,
    CopyFile,
    DeleteFile,
    DeleteFolder,
    FileToDeleteMissing,
    LargeFileDiffers,
    LargeFileMissing,
)
from wingman.hub.commits.service import BranchExists
from wingman.hub.errors import Forbidden, Invalid, TooLarge, Unauthorized
from wingman.hub.files.model import LargeFile
from wingman.hub.git.revisions import EntryMissing, RevisionMissing
from wingman.hub.git.store import RefMoved
from wingman.hub.git.trees import InvalidPath
from wingman.hub.repos.model import Repo, RepoKind

SHA256 = "ab" * 32


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="m")


def change(*operations, parent: str | None = None) -> CommitRequest:
    return CommitRequest(summary="Change", operations=operations, parent_commit=parent)


def paths(hub: Hub, repo: Repo, revision: str = "main") -> dict[str, int]:
    _, entries = hub.contents.tree(repo, revision, recursive=True)
    return {entry.path: entry.size for entry in entries if not entry.is_directory}


def test_a_new_repository_has_one_commit_with_git_attributes(hub: Hub, repo: Repo):
    assert list(paths(hub, repo)) == [".gitattributes"]
    assert [entry.title for entry in hub.contents.history(repo, "main")[0]] == ["initial commit"]


def test_one_commit_adds_copies_and_deletes(hub: Hub, alice: Caller, repo: Repo):
    hub.commits.commit(
        alice, repo, "main", change(AddFile("a/b", b"12"), AddFile("a/c", b"3"), AddFile("x", b""))
    )

    result = hub.commits.commit(
        alice,
        repo,
        "main",
        change(CopyFile("copied", "a", None), DeleteFolder("a/"), DeleteFile("x"), AddFile("new", b"four")),
    )

    assert paths(hub, repo) == {".gitattributes": 1519, "copied/b": 2, "copied/c": 1, "new": 4}
    assert hub.contents.resolve(repo, "main") == result.oid
    assert hub.contents.open(repo, "main", "copied/b").data == b"12"


def test_a_file_can_be_copied_from_an_older_revision(hub: Hub, alice: Caller, repo: Repo):
    first = hub.commits.commit(alice, repo, "main", change(AddFile("f", b"old")))
    hub.commits.commit(alice, repo, "main", change(AddFile("f", b"new")))

    hub.commits.commit(alice, repo, "main", change(CopyFile("g", "f", first.oid)))

    assert hub.contents.open(repo, "main", "g").data == b"old"
    with pytest.raises(EntryMissing):
        hub.commits.commit(alice, repo, "main", change(CopyFile("h", "nothing", None)))


def test_a_stale_parent_is_refused_and_nothing_changes(hub: Hub, alice: Caller, repo: Repo):
    before = hub.contents.resolve(repo, "main")
    head = hub.commits.commit(alice, repo, "main", change(AddFile("f", b"1"))).oid

    with pytest.raises(RefMoved) as raised:
        hub.commits.commit(alice, repo, "main", change(AddFile("g", b"2"), parent=before))

    assert raised.value.actual == head
    assert hub.contents.resolve(repo, "main") == head
    hub.commits.commit(alice, repo, "main", change(AddFile("g", b"2"), parent=head))


def test_a_commit_that_changes_nothing_makes_no_commit(hub: Hub, alice: Caller, repo: Repo):
    first = hub.commits.commit(alice, repo, "main", change(AddFile("f", b"1")))

    assert hub.commits.commit(alice, repo, "main", change(AddFile("f", b"1"))).oid == first.oid


def test_racing_commits_without_a_parent_all_land(hub: Hub, alice: Caller, repo: Repo):
    def add(number: int) -> None:
        hub.commits.commit(alice, repo, "main", change(AddFile(f"f{number}", b"x")))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(paths(hub, repo)) == 1 + 8
    assert hub.contents.num_commits(repo, "main") == 1 + 8


def test_a_large_file_must_have_been_uploaded_to_this_repository(hub: Hub, alice: Caller, repo: Repo):
    other = hub.repos.create(alice, kind=RepoKind.MODEL, name="other")
    with hub.store.write() as tx:
        tx.files.register(other.id, LargeFile(sha256=SHA256, size=100, blob_key="somewhere"))

    with pytest.raises(LargeFileMissing):
        hub.commits.commit(alice, repo, "main", change(AddLargeFile("big.bin", SHA256, 100)))

    hub.commits.commit(alice, other, "main", change(AddLargeFile("big.bin", SHA256, 100)))
    assert paths(hub, other)["big.bin"] == 100
    with pytest.raises(LargeFileDiffers):
        hub.commits.commit(alice, other, "main", change(AddLargeFile("again.bin", SHA256, 99)))


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (DeleteFile("nothing"), FileToDeleteMissing),
        (AddFile("../../etc/passwd", b""), InvalidPath),
        (AddFile(".git/hooks/post-update", b""), InvalidPath),
        (AddFile("a\nb", b""), InvalidPath),
        (AddFile("large.txt", b"x" * 10_000_001), TooLarge),
        (AddLargeFile("f", "not hexadecimal", 1), LargeFileMissing),
    ],
)
def test_one_bad_operation_spoils_the_whole_commit(hub: Hub, alice: Caller, repo: Repo, operation, error):
    head = hub.contents.resolve(repo, "main")

    with pytest.raises(error):
        hub.commits.commit(alice, repo, "main", change(AddFile("good", b"1"), operation))

    assert hub.contents.resolve(repo, "main") == head


def test_strangers_and_read_tokens_may_not_commit(hub: Hub, bob: Caller, repo: Repo):
    with pytest.raises(Forbidden):
        hub.commits.commit(bob, repo, "main", change(AddFile("f", b"")))
    with pytest.raises(Unauthorized):
        hub.commits.commit(ANONYMOUS, repo, "main", change(AddFile("f", b"")))


def test_an_empty_branch_holds_no_files(hub: Hub, alice: Caller, repo: Repo):
    hub.commits.create_branch(alice, repo, "empty", starting_point=None, empty=True)

    assert paths(hub, repo, "empty") == {}
    assert paths(hub, repo) != {}


def test_a_branch_is_overwritten_only_where_something_says_with_what(hub: Hub, alice: Caller, repo: Repo):
    before = hub.commits.commit(alice, repo, "main", change(AddFile("a.txt", b"a"))).oid
    hub.commits.create_branch(alice, repo, "b", starting_point=before)
    hub.commits.commit(alice, repo, "b", change(AddFile("b.txt", b"b")))

    hub.commits.create_branch(alice, repo, "b", starting_point=None, overwrite=True)
    assert "b.txt" in paths(hub, repo, "b")

    hub.commits.create_branch(alice, repo, "b", starting_point=before, overwrite=True)
    assert "b.txt" not in paths(hub, repo, "b")

    hub.commits.create_branch(alice, repo, "b", starting_point=None, overwrite=True, empty=True)
    assert paths(hub, repo, "b") == {}


def test_branches_and_tags_are_made_moved_and_deleted(hub: Hub, alice: Caller, repo: Repo):
    hub.commits.create_branch(alice, repo, "dev", starting_point=None)
    hub.commits.commit(alice, repo, "dev", change(AddFile("f", b"1")))
    hub.commits.create_tag(alice, repo, "v1", revision="dev", message="First")

    assert "f" in paths(hub, repo, "v1")
    assert "f" not in paths(hub, repo)
    with pytest.raises(BranchExists):
        hub.commits.create_branch(alice, repo, "dev", starting_point=None)
    with pytest.raises(BranchExists):
        hub.commits.create_tag(alice, repo, "v1", revision="main", message=None)
    tagged = hub.contents.resolve(repo, "v1")
    hub.commits.delete_tag(alice, repo, "v1")
    hub.commits.delete_branch(alice, repo, "dev")
    for gone in ("v1", "dev"):
        with pytest.raises(RevisionMissing):
            hub.contents.resolve(repo, gone)
    assert hub.contents.resolve(repo, tagged) == tagged


def test_main_cannot_be_deleted(hub: Hub, alice: Caller, repo: Repo):
    with pytest.raises(Invalid):
        hub.commits.delete_branch(alice, repo, "main")


def test_a_squash_keeps_the_files_and_drops_the_history(hub: Hub, alice: Caller, repo: Repo):
    for number in range(3):
        hub.commits.commit(alice, repo, "main", change(AddFile(f"f{number}", b"x")))
    before = paths(hub, repo)

    hub.commits.squash(alice, repo, "main", message="One")

    assert paths(hub, repo) == before
    assert [entry.title for entry in hub.contents.history(repo, "main")[0]] == ["One"]


def test_a_listing_tells_the_commit_that_last_touched_each_entry(hub: Hub, alice: Caller, repo: Repo):
    for path in ("a/x", "b", "a/y", "b"):
        request = CommitRequest(summary=f"Touch {path}", operations=(AddFile(path, path.encode() * 2),))
        hub.commits.commit(alice, repo, "main", request)
    hub.commits.commit(
        alice, repo, "main", CommitRequest(summary="Again b", operations=(AddFile("b", b"!"),))
    )

    _, entries = hub.contents.tree(repo, "main", last_commits=True)

    titles = {entry.path: entry.last_commit.title for entry in entries if entry.last_commit}
    assert titles == {".gitattributes": "initial commit", "a": "Touch a/y", "b": "Again b"}


def test_facts_of_the_head_follow_commits_to_main_only(hub: Hub, alice: Caller, repo: Repo):
    card = AddFile("README.md", b"---\nlicense: mit\npipeline_tag: text-classification\n---\n# Hi\n")
    hub.commits.create_branch(alice, repo, "dev", starting_point=None)
    hub.commits.commit(alice, repo, "dev", change(card))
    assert "license:mit" not in hub.repos.find(alice, RepoKind.MODEL, "alice/m").facts.tags

    hub.commits.commit(alice, repo, "main", change(card))

    found = hub.repos.find(alice, RepoKind.MODEL, "alice/m")
    assert "license:mit" in found.facts.tags
    assert found.facts.used_bytes == 1519 + len(card.data)
