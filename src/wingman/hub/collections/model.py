"""Collections: named, ordered lists that somebody made of repositories and of other collections."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.errors import Conflict, Invalid, NotFound
from wingman.hub.ids import wire_id
from wingman.hub.repos.model import Repo, RepoKind

MAX_TITLE_LENGTH = 120
MAX_DESCRIPTION_LENGTH = 150
MAX_NOTE_LENGTH = 500
MAX_ITEMS = 1000
Entry = TypeVar("Entry")
THEMES = ("orange", "blue", "green", "purple", "pink", "indigo")


class ItemKind(StrEnum):
    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    COLLECTION = "collection"

    @property
    def repo_kind(self) -> RepoKind | None:
        return None if self is ItemKind.COLLECTION else RepoKind(self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    id: int
    owner_id: NamespaceId
    owner: str
    title: str
    description: str
    private: bool
    theme: str
    position: int
    updated_at: datetime

    @property
    def slug(self) -> str:
        """`owner/words-of-the-title-id`: only the id counts when a collection is looked up."""
        return f"{self.owner}/{slug_words(self.title)}-{wire_id(self.id)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry: a repository or a collection, whichever `kind` says."""

    id: int
    kind: ItemKind
    position: int
    note: str
    repo: Repo | None = None
    collection: Collection | None = None


@dataclass(frozen=True, slots=True)
class FilledCollection:
    """With those of its items that the caller may see, in order."""

    collection: Collection
    items: Sequence[Item]


class CollectionMissing(NotFound):
    """There is no such collection, or this caller may not know of it."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no collection {slug!r} here.")
        self.slug = slug


class ItemMissing(NotFound):
    def __init__(self, what: str) -> None:
        super().__init__(f"There is no {what} that could be in a collection.")
        self.what = what


class ItemExists(Conflict):
    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is in this collection already.")
        self.what = what


def slug_words(title: str) -> str:
    """
    >>> slug_words("My cool stuff: über 3!")
    'my-cool-stuff-uber-3'
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-") or "collection"


def check_title(title: str) -> str:
    """Raises `Invalid`."""
    title = " ".join(title.split())
    if not 1 <= len(title) <= MAX_TITLE_LENGTH:
        raise Invalid(f"The title of a collection has 1 to {MAX_TITLE_LENGTH} characters.")
    return title


def check_text(text: str, what: str, limit: int) -> str:
    """Raises `Invalid`."""
    if len(text) > limit:
        raise Invalid(f"The {what} has {len(text)} characters; at most {limit} are accepted.")
    return text


def check_theme(theme: str) -> str:
    """Raises `Invalid`."""
    if theme not in THEMES:
        raise Invalid(f"theme is {theme!r}; it must be one of {', '.join(THEMES)}.")
    return theme


def moved(entries: Sequence[Entry], entry: Entry, position: int) -> list[Entry]:
    """The same entries with one at another place (0 is the first).

    >>> moved(["a", "b", "c"], "a", 1)
    ['b', 'a', 'c']
    """
    rest = [other for other in entries if other is not entry]
    return [*rest[:position], entry, *rest[position:]]
