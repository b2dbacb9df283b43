"""Discussions, access requests, likes and collections: the same on every database."""

import threading
from datetime import UTC, datetime

import pytest

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import Organization, User
from wingman.hub.collections.model import ItemKind
from wingman.hub.collections.store import CollectionFilter
from wingman.hub.discussions.model import EventKind, Status
from wingman.hub.discussions.store import DiscussionFilter
from wingman.hub.gating.model import AccessStatus
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.storage import SqlStore

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
ANYBODY = Visibility(everything=False, namespace_ids=frozenset())


@pytest.fixture
def ann(store: SqlStore) -> User:
    with store.write() as tx:
        return tx.accounts.add_user(name="Ann", full_name="Ann", email="", is_admin=False, created_at=MOMENT)


@pytest.fixture
def repo(store: SqlStore, ann: User) -> Repo:
    with store.write() as tx:
        return tx.repos.add(
            kind=RepoKind.MODEL, namespace_id=ann.id, name="m", private=False, created_at=MOMENT
        )


def test_numbers_stay_without_gaps_when_many_open_discussions_at_once(store: SqlStore, ann: User, repo: Repo):
    def start() -> None:
        for _ in range(5):
            with store.write() as tx:
                tx.repos.lock(repo.id)
                tx.discussions.add(
                    repo.id, title="t", status=Status.OPEN, author_id=ann.id, created_at=MOMENT
                )

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.read() as tx:
        found = tx.discussions.list(repo.id, DiscussionFilter(), skip=0, limit=100)
    assert [discussion.num for discussion in found] == list(range(20, 0, -1))


def test_a_discussion_keeps_its_events_in_order(store: SqlStore, ann: User, repo: Repo):
    with store.write() as tx:
        pull = tx.discussions.add(
            repo.id,
            title="t",
            status=Status.DRAFT,
            author_id=ann.id,
            created_at=MOMENT,
            base="refs/heads/main",
        )
        comment = tx.discussions.add_comment(pull.id, author_id=ann.id, at=MOMENT, text="first")
        tx.discussions.add_event(
            pull.id, EventKind.COMMIT, author_id=None, at=MOMENT, facts={"oid": "ab", "subject": "s"}
        )
        tx.discussions.edit_comment(comment, text="second", editor_id=ann.id, at=MOMENT)
        tx.discussions.set_merged(pull.id, merge_commit="c" * 40, merged_from="d" * 40)

    with store.read() as tx:
        kept = tx.discussions.find(repo.id, 1)
        events = tx.discussions.events(pull.id)
        drafts = tx.discussions.count(
            repo.id, DiscussionFilter(is_pull_request=True, statuses=(Status.MERGED,), author="ann")
        )
    assert kept is not None
    assert (kept.status, kept.merge_commit, kept.num_comments, drafts) == (Status.MERGED, "c" * 40, 1, 1)
    assert [event.kind for event in events] == [EventKind.COMMENT, EventKind.COMMIT]
    assert events[0].comment is not None
    assert [version.text for version in events[0].comment.history] == ["first"]
    assert (events[0].comment.text, events[1].author, events[1].facts["oid"]) == ("second", None, "ab")


def test_access_requests_are_found_by_user_and_by_id(store: SqlStore, ann: User, repo: Repo):
    with store.write() as tx:
        asked = tx.access_requests.add(
            repo.id, ann.id, status=AccessStatus.PENDING, at=MOMENT, asked=True, fields={"why": "ü"}
        )
        tx.access_requests.set_status(asked.id, AccessStatus.REJECTED, rejection_reason="no")

    with store.read() as tx:
        assert tx.access_requests.find(repo.id, ann.id) == tx.access_requests.by_id(repo.id, asked.id)
        (listed,) = tx.access_requests.list(repo.id, AccessStatus.REJECTED, after=None, limit=5)
        assert tx.access_requests.list(repo.id, AccessStatus.REJECTED, after=listed.id, limit=5) == []
    assert (listed.user.name, listed.at, listed.fields, listed.rejection_reason) == (
        "Ann",
        MOMENT,
        {"why": "ü"},
        "no",
    )


def test_likes_and_their_count_agree(store: SqlStore, ann: User, repo: Repo):
    with store.write() as tx:
        assert tx.social.like(repo.id, ann.id, MOMENT) is True
        assert tx.social.like(repo.id, ann.id, MOMENT) is False

    with store.write() as tx:
        liked = tx.repos.by_id(repo.id)
        assert liked is not None
        assert (liked.likes, tx.social.num_likes(ann.id, ANYBODY)) == (1, 1)
        assert [like.repo.name for like in tx.social.likes(ann.id, ANYBODY, after=None, limit=5)] == ["m"]
        assert tx.social.unlike(repo.id, ann.id) is True
        assert tx.social.unlike(repo.id, ann.id) is False


def test_followers_are_people(store: SqlStore, ann: User):
    with store.write() as tx:
        acme: Organization = tx.accounts.add_organization(
            name="acme", full_name="Acme", private_by_default=False, created_at=MOMENT
        )
        tx.social.follow(ann.id, acme.id, MOMENT)

    with store.read() as tx:
        assert [fan.user.name for fan in tx.social.followers(acme.id, after=None, limit=5)] == ["Ann"]
        assert tx.social.following(ann.id, after=None, limit=5) == []
        assert tx.social.num_following(ann.id) == 1


def test_collections_page_by_their_last_change(store: SqlStore, ann: User, repo: Repo):
    with store.write() as tx:
        made = [
            tx.collections.add(
                ann.id, title=f"c{number}", description="", private=False, theme="blue", at=MOMENT
            )
            for number in range(3)
        ]
        tx.collections.add_item(made[0].id, ItemKind.MODEL, repo.id, note="n")
        tx.collections.add_item(made[0].id, ItemKind.COLLECTION, made[1].id, note="")

    def titles(**wanted: object) -> list[str]:
        with store.read() as tx:
            found = tx.collections.list(CollectionFilter(visible_to=ANYBODY, limit=2, **wanted))
            return [collection.title for collection in found]

    edge = (int(MOMENT.timestamp() * 1000), made[1].id)
    assert (titles(), titles(after=edge)) == (["c2", "c1"], ["c0"])
    assert titles(items=((ItemKind.COLLECTION, made[1].id),)) == ["c0"]
    assert titles(search="C1", owners=("ANN",)) == ["c1"]
    with store.read() as tx:
        assert [item.kind for item in tx.collections.items(made[0].id, ANYBODY)] == [
            ItemKind.MODEL,
            ItemKind.COLLECTION,
        ]


def test_what_a_namespace_holds_is_summed(store: SqlStore, ann: User, repo: Repo):
    with store.read() as tx:
        assert [held.id for held in tx.repos.holdings(ann.id, after=None, limit=5)] == [repo.id]
        assert tx.repos.holdings(ann.id, after=repo.id, limit=5) == []
        assert tx.repos.stored_bytes(ann.id) == 0
