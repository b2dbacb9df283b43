"""Making collections and filling them. They belong to a user or an organisation."""

from collections.abc import Sequence
from dataclasses import dataclass

from wingman.hub.access.model import Caller, may_create_in, refuse, require_user, visibility
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.collections.model import (
    MAX_DESCRIPTION_LENGTH,
    MAX_ITEMS,
    MAX_NOTE_LENGTH,
    THEMES,
    Collection,
    CollectionMissing,
    FilledCollection,
    Item,
    ItemExists,
    ItemKind,
    ItemMissing,
    check_text,
    check_theme,
    check_title,
    moved,
)
from wingman.hub.collections.store import SORTS, CollectionFilter
from wingman.hub.database import now
from wingman.hub.errors import Forbidden, Invalid, NotFound
from wingman.hub.ids import number_of, wire_id
from wingman.hub.repos.service import find_visible
from wingman.hub.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class NewItem:
    """What is to go into a collection: `id` is `namespace/name`, or the slug of a collection."""

    kind: ItemKind
    id: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionQuery:
    """What a list asks for; `items` are written `models/namespace/name` or `collections/slug`."""

    owners: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    search: str = ""
    sort: str = "lastModified"
    limit: int
    after: tuple[int, int] | None = None


class CollectionService:
    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self, caller: Caller, query: CollectionQuery) -> Sequence[FilledCollection]:
        """Most lately changed first, whatever the sort: nothing is voted on here. Raises `Invalid`."""
        if query.sort not in SORTS:
            raise Invalid(f"Cannot sort by {query.sort!r}; use one of {', '.join(SORTS)}.")
        visible_to = visibility(caller)
        with self._store.read() as tx:
            wanted = CollectionFilter(
                visible_to=visible_to,
                owners=query.owners,
                items=_targets(tx, caller, query.items) if query.items else None,
                search=query.search,
                limit=query.limit,
                after=query.after,
            )
            found = tx.collections.list(wanted)
            return [FilledCollection(item, tx.collections.items(item.id, visible_to)) for item in found]

    def find(self, caller: Caller, slug: str) -> FilledCollection:
        """Raises `CollectionMissing`."""
        with self._store.read() as tx:
            return _filled(tx, caller, find_collection(tx, caller, slug))

    def create(
        self,
        caller: Caller,
        *,
        title: str,
        namespace: str | None = None,
        description: str = "",
        private: bool = False,
        item: NewItem | None = None,
    ) -> FilledCollection:
        """Raises `Unauthorized`, `Forbidden`, `Invalid`, and what `add_item` raises."""
        user = require_user(caller)
        with self._store.write() as tx:
            try:
                owner = tx.accounts.namespace(namespace or user.name)
            except AccountMissing:
                owner = None
            if owner is None or not may_create_in(caller, owner.id):
                raise Forbidden(f"You may not create a collection under {namespace or user.name!r}.")
            collection = tx.collections.add(
                owner.id,
                title=check_title(title),
                description=check_text(description, "description", MAX_DESCRIPTION_LENGTH),
                private=private,
                theme=THEMES[len(title) % len(THEMES)],
                at=now(),
            )
            if item is not None:
                _add(tx, caller, collection, item)
            return _filled(tx, caller, collection)

    def update(
        self,
        caller: Caller,
        slug: str,
        *,
        title: str | None = None,
        description: str | None = None,
        private: bool | None = None,
        theme: str | None = None,
        position: int | None = None,
    ) -> FilledCollection:
        """Change what is not None. Raises `CollectionMissing`, `Unauthorized`, `Forbidden`, `Invalid`."""
        with self._store.write() as tx:
            collection = _changeable(tx, caller, slug)
            tx.collections.update(
                collection.id,
                at=now(),
                title=None if title is None else check_title(title),
                description=None
                if description is None
                else check_text(description, "description", MAX_DESCRIPTION_LENGTH),
                private=private,
                theme=None if theme is None else check_theme(theme),
                position=position,
            )
            return _filled(tx, caller, find_collection(tx, caller, slug))

    def delete(self, caller: Caller, slug: str) -> None:
        """Raises `CollectionMissing`, `Unauthorized`, `Forbidden`."""
        with self._store.write() as tx:
            tx.collections.delete(_changeable(tx, caller, slug).id)

    def add_item(self, caller: Caller, slug: str, item: NewItem) -> FilledCollection:
        """At the end. Raises `ItemMissing`, `RepoMissing`, `ItemExists`, `Invalid` and as `update`."""
        with self._store.write() as tx:
            collection = _changeable(tx, caller, slug)
            _add(tx, caller, collection, item)
            tx.collections.update(collection.id, at=now())
            return _filled(tx, caller, find_collection(tx, caller, slug))

    def update_item(
        self, caller: Caller, slug: str, item_id: str, *, note: str | None, position: int | None
    ) -> None:
        """Change what is not None; position 0 is the first. Raises `ItemMissing` and as `update`."""
        with self._store.write() as tx:
            collection = _changeable(tx, caller, slug)
            items = tx.collections.items(collection.id, visibility(caller))
            item = _item(items, item_id)
            if note is not None:
                tx.collections.set_note(item.id, check_text(note, "note", MAX_NOTE_LENGTH))
            if position is not None:
                order = moved(items, item, max(0, position))
                tx.collections.order_items(collection.id, [entry.id for entry in order])
            tx.collections.update(collection.id, at=now())

    def remove_item(self, caller: Caller, slug: str, item_id: str) -> None:
        """Raises `ItemMissing` and as `update`."""
        with self._store.write() as tx:
            collection = _changeable(tx, caller, slug)
            if not tx.collections.remove_item(collection.id, number_of(item_id) or 0):
                raise ItemMissing(f"entry {item_id}")
            tx.collections.update(collection.id, at=now())


def find_collection(tx: Transaction, caller: Caller, slug: str) -> Collection:
    """By the id at the end of its slug, if this caller may know of it. Raises `CollectionMissing`."""
    number = number_of(slug.rpartition("-")[2])
    collection = None if number is None else tx.collections.find(number)
    if collection is None or collection.owner.lower() != slug.partition("/")[0].lower():
        raise CollectionMissing(slug)
    visible_to = visibility(caller)
    hidden = collection.private and collection.owner_id not in visible_to.namespace_ids
    if hidden and not visible_to.everything:
        raise CollectionMissing(slug)
    return collection


def _changeable(tx: Transaction, caller: Caller, slug: str) -> Collection:
    collection = find_collection(tx, caller, slug)
    if not may_create_in(caller, collection.owner_id):
        require_user(caller)
        raise refuse(caller, f"change the collection {collection.title!r}")
    tx.collections.lock(collection.id)
    return collection


def _filled(tx: Transaction, caller: Caller, collection: Collection) -> FilledCollection:
    return FilledCollection(collection, tx.collections.items(collection.id, visibility(caller)))


def _item(items: Sequence[Item], item_id: str) -> Item:
    number = number_of(item_id)
    item = next((item for item in items if item.id == number), None)
    if item is None:
        raise ItemMissing(f"entry {item_id}")
    return item


def _add(tx: Transaction, caller: Caller, collection: Collection, item: NewItem) -> None:
    note = check_text(item.note, "note", MAX_NOTE_LENGTH)
    target = _target(tx, caller, item.kind, item.id)
    if len(tx.collections.items(collection.id, visibility(caller))) >= MAX_ITEMS:
        raise Invalid(f"A collection holds at most {MAX_ITEMS} entries.")
    if not tx.collections.add_item(collection.id, item.kind, target, note=note):
        raise ItemExists(item.id)


def _target(tx: Transaction, caller: Caller, kind: ItemKind, item_id: str) -> int:
    """The row id of what an item means. Raises `RepoMissing`, `CollectionMissing`."""
    if kind.repo_kind is not None:
        return find_visible(tx, caller, kind.repo_kind, item_id).id
    # Collections may be named by their id alone, too.
    number = number_of(item_id)
    known = None if number is None else tx.collections.find(number)
    slug = item_id if known is None else f"{known.owner}/-{wire_id(known.id)}"
    return find_collection(tx, caller, slug).id


def _targets(tx: Transaction, caller: Caller, items: Sequence[str]) -> tuple[tuple[ItemKind, int], ...]:
    targets = []
    for text in items:
        plural, _, item_id = text.partition("/")
        try:
            kind = ItemKind(plural.removesuffix("s"))
            targets.append((kind, _target(tx, caller, kind, item_id)))
        except (ValueError, NotFound):
            # What does not exist, or may not be seen, is in no collection.
            continue
    return tuple(targets)
