"""Collections in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces
from wingman.hub.collections.model import Collection, Item, ItemKind
from wingman.hub.collections.store import CollectionFilter
from wingman.hub.database import BigId, UtcTime, metadata
from wingman.hub.repos.sql import SELECT_REPOS, is_visible, to_repo
from wingman.hub.repos.tables import repos

collections = sa.Table(
    "collections",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("owner_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False, index=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("description", sa.String, nullable=False),
    sa.Column("private", sa.Boolean, nullable=False),
    sa.Column("theme", sa.String(16), nullable=False),
    sa.Column("position", sa.Integer, nullable=False, server_default="0"),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Index("ix_collections_updated", "updated_at", "id"),
    # An id is in addresses: one that was used must never come back for another collection.
    sqlite_autoincrement=True,
)
collection_items = sa.Table(
    "collection_items",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column(
        "collection_id",
        BigId,
        sa.ForeignKey("collections.id", ondelete="CASCADE"),
        nullable=False,
    ),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), index=True),
    sa.Column("target_id", BigId, sa.ForeignKey("collections.id", ondelete="CASCADE"), index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("note", sa.String, nullable=False, server_default=""),
    sa.UniqueConstraint("collection_id", "repo_id"),
    sa.UniqueConstraint("collection_id", "target_id"),
    sqlite_autoincrement=True,
)
_SELECT = sa.select(collections, namespaces.c.name.label("owner")).join(
    namespaces, namespaces.c.id == collections.c.owner_id
)


def _collection(row: Any) -> Collection:
    return Collection(
        id=row.id,
        owner_id=NamespaceId(row.owner_id),
        owner=row.owner,
        title=row.title,
        description=row.description,
        private=row.private,
        theme=row.theme,
        position=row.position,
        updated_at=row.updated_at,
    )


def _may_be_seen(visible_to: Visibility) -> sa.ColumnElement[bool]:
    if visible_to.everything:
        return sa.true()
    return sa.or_(~collections.c.private, collections.c.owner_id.in_(visible_to.namespace_ids))


def _target_column(kind: ItemKind) -> sa.Column:
    return collection_items.c.target_id if kind is ItemKind.COLLECTION else collection_items.c.repo_id


class SqlCollections:
    """See `Collections`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(
        self,
        owner_id: NamespaceId,
        *,
        title: str,
        description: str,
        private: bool,
        theme: str,
        at: datetime,
    ) -> Collection:
        result = self._connection.execute(
            sa.insert(collections).values(
                owner_id=owner_id,
                title=title,
                description=description,
                private=private,
                theme=theme,
                updated_at=at,
            )
        )
        (collection_id,) = result.inserted_primary_key or (0,)
        collection = self.find(collection_id)
        assert collection is not None
        return collection

    def find(self, collection_id: int) -> Collection | None:
        row = self._connection.execute(_SELECT.where(collections.c.id == collection_id)).first()
        return None if row is None else _collection(row)

    def lock(self, collection_id: int) -> None:
        self._connection.execute(
            sa.select(collections.c.id).where(collections.c.id == collection_id).with_for_update()
        )

    def list(self, wanted: CollectionFilter) -> Sequence[Collection]:
        query = _SELECT.where(_may_be_seen(wanted.visible_to))
        if wanted.owners:
            query = query.where(namespaces.c.key.in_([owner.lower() for owner in wanted.owners]))
        if wanted.items is not None:
            inside = [
                collections.c.id.in_(
                    sa.select(collection_items.c.collection_id).where(_target_column(kind) == target)
                )
                for kind, target in wanted.items
            ]
            query = query.where(sa.or_(sa.false(), *inside))
        if wanted.search:
            query = query.where(
                sa.func.lower(collections.c.title).contains(wanted.search.lower(), autoescape=True)
            )
        if wanted.after is not None:
            changed, collection_id = wanted.after
            edge = sa.tuple_(sa.type_coerce(collections.c.updated_at, sa.BigInteger), collections.c.id)
            query = query.where(edge < sa.tuple_(sa.literal(changed), sa.literal(collection_id)))
        query = query.order_by(collections.c.updated_at.desc(), collections.c.id.desc())
        return [_collection(row) for row in self._connection.execute(query.limit(wanted.limit))]

    def update(
        self,
        collection_id: int,
        *,
        at: datetime,
        title: str | None = None,
        description: str | None = None,
        private: bool | None = None,
        theme: str | None = None,
        position: int | None = None,
    ) -> None:
        given = {
            "title": title,
            "description": description,
            "private": private,
            "theme": theme,
            "position": position,
        }
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        self._connection.execute(
            sa.update(collections).where(collections.c.id == collection_id).values(updated_at=at, **values)
        )

    def delete(self, collection_id: int) -> None:
        self._connection.execute(sa.delete(collections).where(collections.c.id == collection_id))

    def items(self, collection_id: int, visible_to: Visibility) -> Sequence[Item]:
        inside = collection_items.c.collection_id == collection_id
        found = list(
            self._connection.execute(
                sa.select(collection_items)
                .where(inside)
                .order_by(collection_items.c.position, collection_items.c.id)
            )
        )
        of_repos = sa.select(collection_items.c.repo_id).where(inside)
        known_repos = {
            row.id: to_repo(row)
            for row in self._connection.execute(
                SELECT_REPOS.where(repos.c.id.in_(of_repos), is_visible(visible_to))
            )
        }
        of_collections = sa.select(collection_items.c.target_id).where(inside)
        known_collections = {
            row.id: _collection(row)
            for row in self._connection.execute(
                _SELECT.where(collections.c.id.in_(of_collections), _may_be_seen(visible_to))
            )
        }
        items = [
            Item(
                id=row.id,
                kind=ItemKind(row.kind),
                position=row.position,
                note=row.note,
                repo=known_repos.get(row.repo_id),
                collection=known_collections.get(row.target_id),
            )
            for row in found
        ]
        return [item for item in items if item.repo is not None or item.collection is not None]

    def add_item(self, collection_id: int, kind: ItemKind, target_id: int, *, note: str) -> bool:
        inside = collection_items.c.collection_id == collection_id
        known = sa.select(collection_items.c.id).where(inside, _target_column(kind) == target_id)
        if self._connection.execute(known).first() is not None:
            return False
        last = self._connection.execute(sa.select(sa.func.max(collection_items.c.position)).where(inside))
        number = last.scalar_one()
        self._connection.execute(
            sa.insert(collection_items).values(
                {
                    "collection_id": collection_id,
                    "kind": kind.value,
                    _target_column(kind).name: target_id,
                    "position": 0 if number is None else number + 1,
                    "note": note,
                }
            )
        )
        return True

    def order_items(self, collection_id: int, item_ids: Sequence[int]) -> None:
        for position, item_id in enumerate(item_ids):
            self._connection.execute(
                sa.update(collection_items)
                .where(collection_items.c.collection_id == collection_id, collection_items.c.id == item_id)
                .values(position=position)
            )

    def set_note(self, item_id: int, note: str) -> None:
        self._connection.execute(
            sa.update(collection_items).where(collection_items.c.id == item_id).values(note=note)
        )

    def remove_item(self, collection_id: int, item_id: int) -> bool:
        query = sa.delete(collection_items).where(
            collection_items.c.collection_id == collection_id, collection_items.c.id == item_id
        )
        return self._connection.execute(query).rowcount > 0
