"""The contract for collections and their items."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.collections.model import Collection, Item, ItemKind

SORTS = ("lastModified", "trending", "upvotes")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFilter:
    """What a list asks for; every condition must hold, of several owners or items one."""

    visible_to: Visibility
    owners: tuple[str, ...] = ()
    items: tuple[tuple[ItemKind, int], ...] | None = None
    """Kind and row id of what must be inside; None asks nothing, an empty tuple finds nothing."""
    search: str = ""
    limit: int
    after: tuple[int, int] | None = None
    """Milliseconds of the last change and id of the last row of the page before."""


class Collections(Protocol):
    def add(
        self,
        owner_id: NamespaceId,
        *,
        title: str,
        description: str,
        private: bool,
        theme: str,
        at: datetime,
    ) -> Collection: ...

    def find(self, collection_id: int) -> Collection | None: ...

    def lock(self, collection_id: int) -> None:
        """Hold the collection until the transaction ends, so that two changes to it follow one another."""

    def list(self, wanted: CollectionFilter) -> Sequence[Collection]:
        """Most lately changed first."""

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
        """Change what is not None."""

    def delete(self, collection_id: int) -> None: ...

    def items(self, collection_id: int, visible_to: Visibility) -> Sequence[Item]:
        """In order; those that may be seen."""

    def add_item(self, collection_id: int, kind: ItemKind, target_id: int, *, note: str) -> bool:
        """At the end; whether it was not there before."""

    def order_items(self, collection_id: int, item_ids: Sequence[int]) -> None:
        """Put these items into this order; others keep theirs behind them."""

    def set_note(self, item_id: int, note: str) -> None: ...

    def remove_item(self, collection_id: int, item_id: int) -> bool:
        """Whether it was there."""
