"""Threads beside a repository: who may say, change and hide what."""

from dataclasses import replace

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.app import Hub
from wingman.hub.discussions.model import CommentMissing, DiscussionMissing, DiscussionsDisabled, Status
from wingman.hub.discussions.store import DiscussionFilter
from wingman.hub.errors import Forbidden, Invalid, Unauthorized
from wingman.hub.ids import wire_id
from wingman.hub.repos.model import Repo, RepoKind

EVERYTHING = DiscussionFilter()


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="m")


def titles(hub: Hub, repo: Repo, wanted: DiscussionFilter = EVERYTHING) -> list[str]:
    return [item.title for item in hub.discussions.list(repo, wanted, skip=0, limit=10)[0]]


def test_numbers_count_up_within_a_repository(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    other = hub.repos.create(bob, kind=RepoKind.MODEL, name="m")
    numbers = [
        hub.discussions.open(bob, where, title=title, description="").num
        for where, title in ((repo, "one"), (other, "elsewhere"), (repo, "two"))
    ]

    assert numbers == [1, 1, 2]
    assert titles(hub, repo) == ["two", "one"]


def test_the_description_is_the_first_comment(hub: Hub, bob: Caller, repo: Repo):
    hub.discussions.open(bob, repo, title="  Why   so slow? ", description="It *is*.")

    discussion, events = hub.discussions.find(repo, 1)

    assert (discussion.title, discussion.author, discussion.num_comments) == ("Why so slow?", "bob", 1)
    assert [event.comment.text for event in events if event.comment] == ["It *is*."]


def test_lists_are_filtered_by_kind_status_and_author(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.discussions.open(bob, repo, title="question", description="")
    hub.discussions.open(alice, repo, title="closed", description="")
    hub.discussions.set_status(alice, repo, 2, Status.CLOSED)
    hub.pull_requests.open_draft(bob, repo, title="draft", description="")

    assert titles(hub, repo, DiscussionFilter(is_pull_request=True)) == ["draft"]
    assert titles(hub, repo, DiscussionFilter(statuses=(Status.OPEN,))) == ["question"]
    assert titles(hub, repo, DiscussionFilter(author="BOB")) == ["draft", "question"]
    assert titles(hub, repo, DiscussionFilter(author="nobody")) == []


def test_edits_keep_what_was_said_before(hub: Hub, bob: Caller, repo: Repo):
    hub.discussions.open(bob, repo, title="t", description="frist")
    comment_id = wire_id(hub.discussions.find(repo, 1)[1][0].id)

    edited = hub.discussions.edit_comment(bob, repo, 1, comment_id, "first")

    assert edited.comment is not None
    assert (edited.comment.text, edited.comment.edited_by) == ("first", "bob")
    assert [version.text for version in edited.comment.history] == ["frist"]


def test_a_hidden_comment_has_no_text_left(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.discussions.open(bob, repo, title="t", description="secret")
    comment_id = wire_id(hub.discussions.find(repo, 1)[1][0].id)
    hub.discussions.edit_comment(bob, repo, 1, comment_id, "still secret")

    hidden = hub.discussions.hide_comment(alice, repo, 1, comment_id)

    assert hidden.comment is not None
    assert (hidden.comment.hidden, hidden.comment.text, hidden.comment.history) == (True, "", ())
    with pytest.raises(Invalid, match="hidden"):
        hub.discussions.edit_comment(bob, repo, 1, comment_id, "again")


def test_strangers_change_nothing_of_others(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    event = hub.discussions.comment(
        alice, repo, hub.discussions.open(alice, repo, title="t", description="").num, "mine"
    )

    for change in (
        lambda: hub.discussions.edit_comment(bob, repo, 1, wire_id(event.id), "yours"),
        lambda: hub.discussions.hide_comment(bob, repo, 1, wire_id(event.id)),
        lambda: hub.discussions.rename(bob, repo, 1, "renamed"),
        lambda: hub.discussions.set_status(bob, repo, 1, Status.CLOSED),
    ):
        with pytest.raises(Forbidden):
            change()
    assert [event.comment for event in hub.discussions.find(repo, 1)[1]] == [event.comment]


def test_writers_may_not_put_words_into_mouths(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.discussions.open(bob, repo, title="t", description="bob's words")
    comment_id = wire_id(hub.discussions.find(repo, 1)[1][0].id)

    with pytest.raises(Forbidden, match="somebody else"):
        hub.discussions.edit_comment(alice, repo, 1, comment_id, "alice's words")


def test_only_callers_with_a_name_take_part(hub: Hub, alice: Caller, repo: Repo):
    with pytest.raises(Unauthorized):
        hub.discussions.open(ANONYMOUS, repo, title="t", description="")


def test_discussions_can_be_switched_off(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    quiet = hub.repos.configure(alice, repo.kind, repo.full_name, discussions_disabled=True)

    with pytest.raises(DiscussionsDisabled):
        hub.discussions.open(bob, quiet, title="t", description="")
    with pytest.raises(DiscussionsDisabled):
        hub.pull_requests.open_draft(alice, quiet, title="t", description="")


def test_a_comment_of_another_discussion_is_not_found(hub: Hub, bob: Caller, repo: Repo):
    hub.discussions.open(bob, repo, title="one", description="text")
    hub.discussions.open(bob, repo, title="two", description="")
    elsewhere = wire_id(hub.discussions.find(repo, 1)[1][0].id)

    for comment_id in (elsewhere, "not-hexadecimal"):
        with pytest.raises(CommentMissing):
            hub.discussions.edit_comment(bob, repo, 2, comment_id, "x")
    with pytest.raises(DiscussionMissing):
        hub.discussions.find(repo, 3)


@pytest.mark.parametrize("title", ["", "   ", "x" * 256])
def test_titles_have_a_length(hub: Hub, bob: Caller, repo: Repo, title: str):
    with pytest.raises(Invalid, match="title"):
        hub.discussions.open(bob, repo, title=title, description="")


def test_deleting_a_repository_takes_its_discussions_along(hub: Hub, alice: Caller, repo: Repo):
    hub.discussions.open(alice, repo, title="t", description="text")
    hub.repos.delete(alice, repo.kind, repo.full_name)

    again = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")

    assert titles(hub, again) == []
    assert replace(again, id=repo.id) != again
