"""Pull requests: offering changes, seeing them, merging them."""

import threading

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.app import Hub
from wingman.hub.commits.model import AddFile, CommitRequest, DeleteFile
from wingman.hub.discussions.model import EventKind, MergeConflict, Status
from wingman.hub.errors import Forbidden, Invalid, Unauthorized
from wingman.hub.git.revisions import RevisionMissing
from wingman.hub.repos.model import Repo, RepoKind


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    made = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")
    hub.commits.commit(alice, made, "main", change(AddFile("poem.txt", b"one\ntwo\nthree\n")))
    return made


def change(*operations, summary: str = "Change") -> CommitRequest:
    return CommitRequest(summary=summary, operations=operations)


def offer(hub: Hub, caller: Caller, repo: Repo, *operations, base: str = "main") -> int:
    return hub.pull_requests.open_with(caller, repo, base, change(*operations, summary="Offer"))[0].num


def text(hub: Hub, repo: Repo, path: str, revision: str = "main") -> bytes | None:
    return hub.contents.open(repo, revision, path).data


def test_a_stranger_offers_a_change_without_touching_main(hub: Hub, bob: Caller, repo: Repo):
    before = hub.contents.resolve(repo, "main")

    num = offer(hub, bob, repo, AddFile("new.txt", b"hello\n"))

    discussion, events = hub.discussions.find(repo, num)
    assert (discussion.status, discussion.base) == (Status.OPEN, "refs/heads/main")
    assert [event.facts["subject"] for event in events if event.kind is EventKind.COMMIT] == ["Offer"]
    assert hub.contents.resolve(repo, "main") == before
    assert text(hub, repo, "new.txt", "refs/pr/1") == b"hello\n"
    assert "+hello" in hub.pull_requests.proposal(repo, discussion).diff


def test_whoever_opened_it_may_add_to_it_and_no_stranger_else(hub: Hub, bob: Caller, repo: Repo):
    offer(hub, bob, repo, AddFile("new.txt", b"1"))
    carol = Caller(user=hub.accounts.create_user("carol"))

    hub.commits.commit(bob, repo, "refs/pr/1", change(AddFile("new.txt", b"2"), summary="Again"))

    assert text(hub, repo, "new.txt", "refs/pr/1") == b"2"
    for caller, refusal in ((carol, Forbidden), (ANONYMOUS, Unauthorized)):
        with pytest.raises(refusal):
            hub.commits.commit(caller, repo, "refs/pr/1", change(AddFile("new.txt", b"3")))
    with pytest.raises(Forbidden):
        hub.commits.commit(bob, repo, "main", change(AddFile("new.txt", b"3")))


def test_merging_into_an_unchanged_branch_is_a_fast_forward(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    num = offer(hub, bob, repo, AddFile("new.txt", b"hello\n"))
    head = hub.contents.resolve(repo, f"refs/pr/{num}")

    merged = hub.pull_requests.merge(alice, repo, num, comment="Thank you")

    discussion, events = hub.discussions.find(repo, num)
    assert merged == head == hub.contents.resolve(repo, "main")
    assert (discussion.status, discussion.merge_commit) == (Status.MERGED, head)
    assert [event.kind for event in events[-2:]] == [EventKind.COMMENT, EventKind.STATUS_CHANGE]
    assert "+hello" in hub.pull_requests.proposal(repo, discussion).diff


def test_merging_into_a_branch_that_moved_on_makes_a_merge_commit(
    hub: Hub, alice: Caller, bob: Caller, repo: Repo
):
    num = offer(hub, bob, repo, AddFile("poem.txt", b"ONE\ntwo\nthree\n"), AddFile("new.txt", b"x"))
    ours = hub.commits.commit(alice, repo, "main", change(AddFile("poem.txt", b"one\ntwo\nTHREE\n"))).oid
    theirs = hub.contents.resolve(repo, f"refs/pr/{num}")

    merged = hub.pull_requests.merge(alice, repo, num)

    assert text(hub, repo, "poem.txt") == b"ONE\ntwo\nTHREE\n"
    assert text(hub, repo, "new.txt") == b"x"
    history = [entry.oid for entry in hub.contents.history(repo, "main")[0]]
    assert history[0] == merged
    assert {ours, theirs} <= set(history)


def test_conflicts_are_named_and_nothing_is_merged(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    num = offer(hub, bob, repo, AddFile("poem.txt", b"theirs\n"), AddFile("new.txt", b"x"))
    head = hub.commits.commit(alice, repo, "main", change(AddFile("poem.txt", b"ours\n"))).oid
    discussion, _ = hub.discussions.find(repo, num)

    with pytest.raises(MergeConflict, match=r"poem\.txt") as refusal:
        hub.pull_requests.merge(alice, repo, num)

    assert list(refusal.value.paths) == ["poem.txt"]
    assert list(hub.pull_requests.proposal(repo, discussion).conflicts) == ["poem.txt"]
    assert hub.contents.resolve(repo, "main") == head
    assert hub.discussions.find(repo, num)[0].status is Status.OPEN


def test_a_draft_must_be_opened_before_it_is_merged(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    draft = hub.pull_requests.open_draft(bob, repo, title="Soon", description="")
    with pytest.raises(Invalid, match="draft"):
        hub.pull_requests.merge(alice, repo, draft.num)
    hub.discussions.set_status(bob, repo, draft.num, Status.OPEN)
    with pytest.raises(Invalid, match="nothing"):
        hub.pull_requests.merge(alice, repo, draft.num)

    hub.commits.commit(bob, repo, draft.ref, change(DeleteFile("poem.txt")))
    hub.pull_requests.merge(alice, repo, draft.num)

    assert [entry.path for entry in hub.contents.tree(repo, "main")[1]] == [".gitattributes"]


def test_only_writers_merge_and_only_once(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    num = offer(hub, bob, repo, AddFile("new.txt", b"x"))
    with pytest.raises(Forbidden):
        hub.pull_requests.merge(bob, repo, num)

    hub.pull_requests.merge(alice, repo, num)

    for again in (
        lambda: hub.pull_requests.merge(alice, repo, num),
        lambda: hub.discussions.set_status(alice, repo, num, Status.CLOSED),
        lambda: hub.commits.commit(bob, repo, f"refs/pr/{num}", change(AddFile("y", b"y"))),
    ):
        with pytest.raises(Invalid, match="merged"):
            again()


def test_racing_merges_merge_once(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    num = offer(hub, bob, repo, AddFile("new.txt", b"x"))
    outcomes: list[str] = []

    def merge() -> None:
        try:
            outcomes.append(hub.pull_requests.merge(alice, repo, num))
        except Invalid:
            outcomes.append("refused")

    threads = [threading.Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("refused") == 3
    assert hub.contents.num_commits(repo, "main") == 3


def test_a_pull_request_may_be_against_another_branch_but_no_commit(hub: Hub, alice: Caller, repo: Repo):
    hub.commits.create_branch(alice, repo, "next", starting_point=None)
    num = offer(hub, alice, repo, AddFile("new.txt", b"x"), base="next")

    hub.pull_requests.merge(alice, repo, num)

    assert text(hub, repo, "new.txt", "next") == b"x"
    for revision in (hub.contents.resolve(repo, "main"), "missing", f"refs/pr/{num}"):
        with pytest.raises(RevisionMissing):
            offer(hub, alice, repo, AddFile("z", b"z"), base=revision)


def test_a_refused_commit_leaves_no_pull_request(hub: Hub, bob: Caller, repo: Repo):
    with pytest.raises(LookupError):
        offer(hub, bob, repo, DeleteFile("not-there"))

    assert offer(hub, bob, repo, AddFile("new.txt", b"x")) == 1


def test_refs_of_no_pull_request_cannot_be_committed_to(hub: Hub, alice: Caller, repo: Repo):
    with pytest.raises(RevisionMissing):
        hub.commits.commit(alice, repo, "refs/pr/7", change(AddFile("f", b"x")))


def test_a_squashed_pull_request_still_shows_what_it_changes(
    hub: Hub, bob: Caller, alice: Caller, repo: Repo
):
    num = offer(hub, bob, repo, AddFile("new.txt", b"x\n"))
    hub.commits.squash(alice, repo, f"refs/pr/{num}", message=None)
    discussion, _ = hub.discussions.find(repo, num)

    assert "new.txt" in hub.pull_requests.proposal(repo, discussion).diff
    hub.pull_requests.merge(alice, repo, num)
    assert text(hub, repo, "new.txt") == b"x\n"


def test_who_may_push_at_all(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.pull_requests.require_push(alice, repo)
    with pytest.raises(Forbidden):
        hub.pull_requests.require_push(bob, repo)
    with pytest.raises(Unauthorized):
        hub.pull_requests.require_push(ANONYMOUS, repo)

    num = offer(hub, bob, repo, AddFile("new.txt", b"x"))

    hub.pull_requests.require_push(bob, repo)
    hub.commits.require_pusher(bob, repo, f"refs/pr/{num}")
    for ref in ("refs/heads/main", "refs/tags/v1", f"refs/pr/{num + 1}"):
        with pytest.raises(Forbidden):
            hub.commits.require_pusher(bob, repo, ref)
