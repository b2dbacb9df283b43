"""Likes and followers: counted once, listed newest first, and silent about what may not be seen."""

import pytest

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.app import Hub
from wingman.hub.errors import Invalid, Unauthorized
from wingman.hub.repos.model import Repo, RepoKind


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.DATASET, name="d")


def num_likes(hub: Hub, caller: Caller, repo: Repo) -> int:
    return hub.repos.find(caller, repo.kind, repo.full_name).likes


def test_liking_counts_once_and_can_be_taken_back(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    for liker in (bob, bob, alice):
        hub.social.like(liker, repo)
    assert num_likes(hub, bob, repo) == 2
    assert [fan.user.name for fan in hub.social.likers(repo, after=None, limit=9)] == ["alice", "bob"]

    for _ in range(2):
        hub.social.unlike(bob, repo)

    assert num_likes(hub, bob, repo) == 1
    assert (hub.social.has_liked(alice, repo), hub.social.has_liked(bob, repo)) == (True, False)


def test_likes_of_what_went_private_are_hidden_from_others(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    other = hub.repos.create(alice, kind=RepoKind.MODEL, name="m")
    for liked in (repo, other):
        hub.social.like(alice, liked)
    hub.repos.configure(alice, repo.kind, repo.full_name, private=True)

    def liked(caller: Caller) -> list[str]:
        return [item.repo.scope for item in hub.social.likes(caller, "alice", after=None, limit=9)]

    assert liked(alice) == ["models/alice/m", "datasets/alice/d"]
    assert liked(bob) == liked(ANONYMOUS) == ["models/alice/m"]
    assert hub.social.counts(bob, alice.user.id).num_likes == 1


def test_pages_follow_one_another(hub: Hub, alice: Caller):
    for number in range(5):
        hub.social.like(alice, hub.repos.create(alice, kind=RepoKind.MODEL, name=f"m{number}"))

    first = hub.social.likes(alice, "alice", after=None, limit=3)
    second = hub.social.likes(alice, "alice", after=first[-1].id, limit=3)

    assert [item.repo.name for item in (*first, *second)] == ["m4", "m3", "m2", "m1", "m0"]


def test_following_is_seen_from_both_sides(hub: Hub, alice: Caller, bob: Caller):
    for _ in range(2):
        hub.social.follow(bob, alice.user)

    assert [fan.user.name for fan in hub.social.followers(alice.user, after=None, limit=9)] == ["bob"]
    assert [fan.user.name for fan in hub.social.following(bob.user, after=None, limit=9)] == ["alice"]
    seen_by_bob = hub.social.counts(bob, alice.user.id)
    assert (seen_by_bob.num_followers, seen_by_bob.is_followed) == (1, True)

    hub.social.unfollow(bob, alice.user)
    assert hub.social.counts(bob, alice.user.id).num_followers == 0


def test_nobody_follows_themselves_or_without_a_name(hub: Hub, alice: Caller, repo: Repo):
    with pytest.raises(Invalid):
        hub.social.follow(alice, alice.user)
    with pytest.raises(Unauthorized):
        hub.social.follow(ANONYMOUS, alice.user)
    with pytest.raises(Unauthorized):
        hub.social.like(ANONYMOUS, repo)


def test_a_deleted_repository_takes_its_likes_along(hub: Hub, alice: Caller, repo: Repo):
    hub.social.like(alice, repo)
    hub.repos.delete(alice, repo.kind, repo.full_name)

    assert hub.social.counts(alice, alice.user.id).num_likes == 0
