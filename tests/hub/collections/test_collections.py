"""Collections: ordered, renamed without losing their address, and silent about what may not be seen."""

import pytest

from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.collections.model import CollectionMissing, FilledCollection, ItemExists, ItemKind
from wingman.hub.collections.service import CollectionQuery, NewItem
from wingman.hub.errors import Forbidden
from wingman.hub.ids import wire_id
from wingman.hub.repos.model import Repo, RepoKind, RepoMissing


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.MODEL, name="m")


def item_of(repo: Repo, note: str = "") -> NewItem:
    return NewItem(ItemKind(repo.kind.value), repo.full_name, note)


def entries(filled: FilledCollection) -> list[str]:
    return [item.repo.full_name if item.repo else item.collection.title for item in filled.items]


def found(hub: Hub, caller: Caller, **query) -> list[str]:
    wanted = CollectionQuery(limit=10, **query)
    return [item.collection.title for item in hub.collections.list(caller, wanted)]


def test_items_keep_the_order_they_are_given(hub: Hub, alice: Caller, repo: Repo):
    data = hub.repos.create(alice, kind=RepoKind.DATASET, name="d")
    nested = hub.collections.create(alice, title="Nested").collection
    slug = hub.collections.create(alice, title="Mine").collection.slug
    for item in (item_of(repo, "a note"), item_of(data), NewItem(ItemKind.COLLECTION, nested.slug)):
        filled = hub.collections.add_item(alice, slug, item)
    assert entries(filled) == ["alice/m", "alice/d", "Nested"]

    hub.collections.update_item(alice, slug, wire_id(filled.items[0].id), note="changed", position=1)
    hub.collections.remove_item(alice, slug, wire_id(filled.items[2].id))

    changed = hub.collections.find(alice, slug)
    assert entries(changed) == ["alice/d", "alice/m"]
    assert changed.items[1].note == "changed"


def test_a_new_title_changes_the_slug_but_the_old_one_still_leads_there(hub: Hub, alice: Caller):
    before = hub.collections.create(alice, title="Old title").collection.slug

    after = hub.collections.update(alice, before, title="New title").collection.slug

    assert after.startswith("alice/new-title-")
    assert hub.collections.find(alice, before).collection.slug == after
    assert hub.collections.find(alice, after).collection.title == "New title"


def test_private_ones_look_missing_to_others(hub: Hub, alice: Caller, bob: Caller):
    slug = hub.collections.create(alice, title="Secret", private=True).collection.slug
    with pytest.raises(CollectionMissing):
        hub.collections.find(bob, slug)
    assert (found(hub, alice), found(hub, bob)) == (["Secret"], [])

    hub.collections.update(alice, slug, private=False)

    assert found(hub, bob) == ["Secret"]


def test_private_items_are_left_out_for_others(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    slug = hub.collections.create(alice, title="Mine", item=item_of(repo)).collection.slug
    hub.repos.configure(alice, repo.kind, repo.full_name, private=True)

    assert entries(hub.collections.find(alice, slug)) == ["alice/m"]
    assert entries(hub.collections.find(bob, slug)) == []
    assert found(hub, bob, items=("models/alice/m",)) == []


def test_others_change_nothing(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    slug = hub.collections.create(alice, title="Mine").collection.slug

    for refused in (
        lambda: hub.collections.update(bob, slug, title="Ours"),
        lambda: hub.collections.add_item(bob, slug, item_of(repo)),
        lambda: hub.collections.delete(bob, slug),
        lambda: hub.collections.create(bob, title="t", namespace="alice"),
    ):
        with pytest.raises(Forbidden):
            refused()


def test_what_is_there_already_or_not_at_all_is_refused(hub: Hub, alice: Caller, repo: Repo):
    slug = hub.collections.create(alice, title="Mine", item=item_of(repo)).collection.slug

    with pytest.raises(ItemExists):
        hub.collections.add_item(alice, slug, item_of(repo))
    with pytest.raises(RepoMissing):
        hub.collections.add_item(alice, slug, NewItem(ItemKind.DATASET, repo.full_name))
    with pytest.raises(CollectionMissing):
        hub.collections.add_item(alice, slug, NewItem(ItemKind.COLLECTION, "alice/none-ffff"))


def test_a_collection_may_lead_to_itself_as_the_public_hub_lets_it(hub: Hub, alice: Caller):
    slug = hub.collections.create(alice, title="Mine").collection.slug

    hub.collections.add_item(alice, slug, NewItem(ItemKind.COLLECTION, slug))

    assert [item.kind for item in hub.collections.find(alice, slug).items] == [ItemKind.COLLECTION]


def test_lists_are_filtered_by_owner_item_and_words(hub: Hub, alice: Caller, bob: Caller, repo: Repo):
    hub.collections.create(alice, title="With it", item=item_of(repo))
    hub.collections.create(alice, title="Without it")
    hub.collections.create(bob, title="Bob's")

    assert found(hub, bob, owners=("ALICE",)) == ["Without it", "With it"]
    assert found(hub, bob, items=("models/alice/m",)) == ["With it"]
    assert found(hub, bob, items=("models/alice/none",)) == []
    assert found(hub, bob, search="without") == ["Without it"]


def test_deleted_is_deleted(hub: Hub, alice: Caller, repo: Repo):
    slug = hub.collections.create(alice, title="Mine", item=item_of(repo)).collection.slug
    hub.repos.delete(alice, repo.kind, repo.full_name)
    assert entries(hub.collections.find(alice, slug)) == []

    hub.collections.delete(alice, slug)

    with pytest.raises(CollectionMissing):
        hub.collections.find(alice, slug)
