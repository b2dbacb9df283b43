"""What becomes of the objects in a push's quarantine, with packs that no ordinary client would send."""

import shutil
import threading
import zlib
from collections.abc import Sequence

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.events.model import REFS_UPDATED
from wingman.hub.files.model import LargeFile
from wingman.hub.git.objects import (
    MODE_DIRECTORY,
    MODE_FILE,
    Commit,
    GitObject,
    ObjectKind,
    Person,
    TreeEntry,
    make_commit,
    make_tag,
    make_tree,
)
from wingman.hub.git.pointers import Pointer
from wingman.hub.git.store import PackedObject
from wingman.hub.git.wire.checks import MAX_OTHER_BYTES
from wingman.hub.git.wire.commands import Command, PushOutcome, PushRequest
from wingman.hub.git.wire.packs import write_pack
from wingman.hub.repos.model import Repo, RepoKind

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git: apt-get install git")
SOMEBODY = Person("Somebody", "somebody@example.org")
MAIN = "refs/heads/main"


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="model")


def blob(data: bytes) -> GitObject:
    return GitObject(ObjectKind.BLOB, data)


def tree(**files: GitObject) -> GitObject:
    """A tree; a name with a tree behind it is a folder."""
    return make_tree(
        TreeEntry(name, MODE_DIRECTORY if item.kind is ObjectKind.TREE else MODE_FILE, item.oid)
        for name, item in files.items()
    )


def commit_of(repo: Repo, root: GitObject, *parents: str) -> GitObject:
    at = repo.created_at
    return make_commit(Commit(root.oid, parents, SOMEBODY, at, SOMEBODY, at, "Pushed"))


def push(
    hub: Hub, alice: Caller, repo: Repo, objects: Sequence[GitObject], *commands: Command
) -> PushOutcome:
    """As a route does it: objects into a quarantine, then settle."""
    with hub.git_wire.cache.quarantine(repo) as quarantined:
        for item in objects:
            quarantined.run(
                "hash-object", "-w", "-t", item.kind.name.lower(), "--stdin", "--literally", feed=item.data
            )
        return hub.git_wire.pushes.settle(PushRequest(commands), repo, quarantined, user_id=alice.user.id)


def packed(item: GitObject) -> PackedObject:
    return PackedObject(item.oid, item.kind, len(item.data), zlib.compress(item.data))


def refs(hub: Hub, repo: Repo) -> dict[str, str]:
    with hub.store.read() as tx:
        return {ref.name: ref.oid for ref in tx.git.refs(repo.id)}


def test_a_push_moves_the_branch_and_everything_that_hangs_on_it(hub, alice, repo):
    readme = blob(b"---\nlicense: mit\ntags: [pushed]\n---\n# Hello\n")
    root = tree(**{"README.md": readme})
    commit = commit_of(repo, root, repo.head)

    outcome = push(hub, alice, repo, [readme, root, commit], Command(repo.head, commit.oid, MAIN))

    assert outcome == PushOutcome("ok", ((MAIN, None),))
    after = hub.repos.find(alice, RepoKind.MODEL, "alice/model")
    assert after.head == commit.oid
    assert {"license:mit", "pushed"} <= set(after.facts.tags)
    with hub.store.read() as tx:
        assert tx.git.has_commit(repo.id, commit.oid)
        *_, (_, event) = tx.events.after(0, limit=100)
    assert (event.name, event.user_id, event.facts["new"]) == (REFS_UPDATED, alice.user.id, commit.oid)


def test_a_push_that_lacks_an_object_moves_nothing(hub, alice, repo):
    missing = blob(b"never sent")
    root = tree(file=missing)
    commit = commit_of(repo, root, repo.head)

    outcome = push(hub, alice, repo, [root, commit], Command(repo.head, commit.oid, MAIN))

    assert outcome.problems == ((MAIN, "objects are missing from the push"),)
    assert missing.oid in outcome.messages[0]
    assert refs(hub, repo) == {MAIN: repo.head}


def test_nobody_obtains_another_repositorys_objects_by_naming_them(hub, alice, bob, repo):
    secret = hub.repos.create(bob, kind=RepoKind.MODEL, name="secret", private=True)

    outcome = push(hub, alice, repo, [], Command(None, secret.head, "refs/heads/mine"))

    assert outcome.problems[0][1] == "objects are missing from the push"
    assert refs(hub, repo) == {MAIN: repo.head}


def test_of_two_references_the_good_one_moves(hub, alice, repo):
    outcome = push(
        hub,
        alice,
        repo,
        [],
        Command(None, repo.head, "refs/heads/good"),
        Command(None, repo.head, "refs/heads/b..ad"),
    )

    assert [problem is None for _, problem in outcome.problems] == [True, False]
    assert refs(hub, repo) == {MAIN: repo.head, "refs/heads/good": repo.head}


def test_a_branch_is_at_a_commit_and_a_tag_leads_to_one(hub, alice, repo):
    file = blob(b"just a file")
    root = tree(file=file)
    commit = commit_of(repo, root)
    tags = [
        make_tag(
            target=target.oid,
            target_kind=target.kind,
            name=name,
            tagger=SOMEBODY,
            at=repo.created_at,
            message="m",
        )
        for name, target in (("good", commit), ("odd", file))
    ]

    outcome = push(
        hub,
        alice,
        repo,
        [file, root, commit, *tags],
        Command(None, tags[0].oid, "refs/tags/good"),
        Command(None, tags[1].oid, "refs/tags/odd"),
        Command(None, tags[0].oid, "refs/heads/tag"),
        Command(None, root.oid, "refs/heads/tree"),
    )

    assert [problem for _, problem in outcome.problems] == [
        None,
        "it does not lead to a commit",
        "a branch must be at a commit, not at a tag",
        "it does not lead to a commit",
    ]


def test_a_pointer_counts_only_if_this_repository_holds_the_file(hub, alice, bob, repo):
    other = hub.repos.create(bob, kind=RepoKind.MODEL, name="other")
    pointer = Pointer("c" * 64, 123)
    file = LargeFile(sha256=pointer.sha256, size=123, blob_key="somewhere")
    text = blob(pointer.text)
    root = tree(**{"model.bin": text})
    commit = commit_of(repo, root, repo.head)
    attempt = ([text, root, commit], Command(repo.head, commit.oid, MAIN))

    with hub.store.write() as tx:
        tx.files.register(other.id, file)
    refused = push(hub, alice, repo, *attempt)
    with hub.store.write() as tx:
        tx.files.register(repo.id, file)
    accepted = push(hub, alice, repo, *attempt)

    assert refused.problems == ((MAIN, "an LFS pointer leads to a file that was not uploaded"),)
    assert "model.bin" in refused.messages[0]
    assert accepted.problems == ((MAIN, None),)


@pytest.mark.parametrize("name", ["..", ".git", ".GIT", "tab\there", "new\nline", "x" * 300])
def test_impossible_names_are_refused(hub, alice, repo, name):
    file = blob(b"x")
    root = tree(folder=tree(**{name: file}))
    commit = commit_of(repo, root, repo.head)

    outcome = push(
        hub, alice, repo, [file, tree(**{name: file}), root, commit], Command(repo.head, commit.oid, MAIN)
    )

    assert "invalid path" in outcome.problems[0][1]
    assert refs(hub, repo) == {MAIN: repo.head}


def test_a_commit_that_would_fill_the_memory_is_refused(hub, alice, repo):
    root = tree(file=blob(b"x"))
    commit = commit_of(repo, root, repo.head)
    giant = GitObject(ObjectKind.COMMIT, commit.data + b"x" * MAX_OTHER_BYTES)

    outcome = push(hub, alice, repo, [blob(b"x"), root, giant], Command(repo.head, giant.oid, MAIN))

    assert outcome.problems == ((MAIN, "a commit is too large"),)


def test_objects_that_nothing_leads_to_are_not_kept(hub, alice, repo):
    file, stray = blob(b"wanted"), blob(b"stray")
    root = tree(file=file)
    commit = commit_of(repo, root, repo.head)

    push(hub, alice, repo, [file, stray, root, commit], Command(repo.head, commit.oid, MAIN))

    with hub.store.read() as tx:
        assert set(tx.git.kinds(repo.pool_id, [file.oid, stray.oid])) == {file.oid}


def test_a_large_push_comes_in_steps_but_shows_at_once(hub, alice, repo):
    files = {f"{number}.txt": blob(b"%d" % number * 10) for number in range(2500)}
    root = tree(**files)
    commit = commit_of(repo, root, repo.head)
    request = PushRequest((Command(repo.head, commit.oid, MAIN),))
    oids = [item.oid for item in files.values()]
    seen: list[tuple[int, str]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            with hub.store.read() as tx:
                seen.append((len(tx.git.kinds(repo.pool_id, oids)), tx.git.ref(repo.id, MAIN).oid))

    with hub.git_wire.cache.quarantine(repo) as quarantined:
        quarantined.add_pack(write_pack(2502, map(packed, [*files.values(), root, commit])))
        watcher = threading.Thread(target=watch)
        watcher.start()
        outcome = hub.git_wire.pushes.settle(request, repo, quarantined, user_id=alice.user.id)
        ended.set()
        watcher.join()

    assert outcome.problems == ((MAIN, None),)
    assert refs(hub, repo) == {MAIN: commit.oid}
    # In steps: somebody else could have written in between.
    assert any(0 < num_there < 2500 for num_there, _ in seen)
    assert all(num_there == 2500 for num_there, head in seen if head == commit.oid)


def test_nothing_is_kept_of_a_large_push_that_comes_too_late(hub, alice, repo):
    files = {f"{number}.txt": blob(b"%d" % number * 10) for number in range(1100)}
    root = tree(**files)
    commit = commit_of(repo, root, repo.head)
    request = PushRequest((Command(commit.oid, commit.oid, MAIN),))

    with hub.git_wire.cache.quarantine(repo) as quarantined:
        quarantined.add_pack(write_pack(1102, map(packed, [*files.values(), root, commit])))
        outcome = hub.git_wire.pushes.settle(request, repo, quarantined, user_id=alice.user.id)

    assert "fetch first" in outcome.problems[0][1]
    with hub.store.read() as tx:
        assert tx.git.kinds(repo.pool_id, [item.oid for item in files.values()]) == {}


def test_commits_of_a_refused_reference_stay_unknown(hub, alice, repo):
    file = blob(b"x")
    root = tree(file=file)
    good, bad = commit_of(repo, root, repo.head), commit_of(repo, root)

    outcome = push(
        hub,
        alice,
        repo,
        [file, root, good, bad],
        Command(repo.head, good.oid, MAIN),
        Command(None, bad.oid, "refs/notes/x"),
    )

    assert [problem is None for _, problem in outcome.problems] == [True, False]
    with hub.store.read() as tx:
        assert tx.git.has_commit(repo.id, good.oid)
        assert not tx.git.has_commit(repo.id, bad.oid)


def test_deleting_a_branch_needs_no_objects(hub, alice, repo):
    hub.commits.create_branch(alice, repo, "old", starting_point=None)

    outcome = push(hub, alice, repo, [], Command(repo.head, None, "refs/heads/old"))

    assert outcome.problems == (("refs/heads/old", None),)
    assert refs(hub, repo) == {MAIN: repo.head}
