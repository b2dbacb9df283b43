"""Repositories: what they are and what may be said of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.errors import Conflict, Invalid, NotFound

RepoId = NewType("RepoId", int)
PoolId = NewType("PoolId", int)
"""Where a repository's git objects are kept. Duplicates share the pool of their origin."""

MAX_NAME_LENGTH = 96
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\Z")


class RepoKind(StrEnum):
    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"

    @property
    def plural(self) -> str:
        return f"{self.value}s"

    @property
    def url_prefix(self) -> str:
        """What stands before `namespace/name` in web and git addresses: nothing for models."""
        return "" if self is RepoKind.MODEL else f"{self.plural}/"


class RepoMissing(NotFound):
    """There is no such repository, or this caller may not know of it; the two look alike on purpose."""

    def __init__(self, kind: RepoKind, full_name: str, *, anonymous: bool = False) -> None:
        super().__init__("Repository not found")
        self.kind, self.full_name, self.anonymous = kind, full_name, anonymous


class RepoExists(Conflict):
    """The name is taken by a repository of the same kind."""

    def __init__(self, kind: RepoKind, full_name: str) -> None:
        super().__init__("You already created this " + kind.value + " repo: " + full_name)
        self.kind, self.full_name = kind, full_name


class MoveTargetExists(Conflict):
    """A move would overwrite another repository. The wording is part of the wire contract."""

    def __init__(self, kind: RepoKind, full_name: str) -> None:
        super().__init__(f"A {kind.value} repository called {full_name} already exists")
        self.kind, self.full_name = kind, full_name


class RepoGated(NotFound):
    """The repository's content needs its owner's consent, which this caller does not have."""

    def __init__(self, kind: RepoKind, full_name: str, *, anonymous: bool) -> None:
        super().__init__(
            f"Access to {kind.value} {full_name} is restricted"
            + (
                ". You must have access to it and be authenticated to access it. Please log in."
                if anonymous
                else " and you are not in the authorized list. Ask for access on its page first."
            )
        )
        self.kind, self.full_name, self.anonymous = kind, full_name, anonymous


def check_repo_name(name: str) -> str:
    """Return `name` if a repository may be called so, else raise `Invalid`."""
    allowed = (
        1 <= len(name) <= MAX_NAME_LENGTH
        and _NAME.match(name)
        and "--" not in name
        and ".." not in name
        and not name.lower().endswith((".git", ".ipynb"))
    )
    if not allowed:
        raise Invalid(
            f"{name!r} cannot be used as a repository name: use up to {MAX_NAME_LENGTH} letters, digits, '-', '_' and "
            "'.', no '--' or '..', neither begin nor end with '-' or '.', and do not end with '.git'."
        )
    return name


_TASK_TAG = "task_categories:"
SIZE_CLASSES: Mapping[str, int | None] = {
    "under 10 MB": 10**7,
    "10 MB to 100 MB": 10**8,
    "100 MB to 1 GB": 10**9,
    "1 GB to 10 GB": 10**10,
    "over 10 GB": None,
}
"""What lists are narrowed to by size: each class with the first number of bytes that is too large for it."""


@dataclass(frozen=True, slots=True)
class RepoFacts:
    """What the head of `main` says about a repository, kept beside it so that lists need not read git."""

    card: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    """What a Space says that it uses, as tags: lists find it by them, but do not show them."""
    pipeline_tag: str | None = None
    library_name: str | None = None
    sdk: str | None = None
    used_bytes: int = 0
    about: str = ""
    """The beginning of the card as plain words, for searching; see `plain_words`."""

    @property
    def size_class(self) -> str:
        """In which of `SIZE_CLASSES` it is."""
        return next(name for name, limit in SIZE_CLASSES.items() if limit is None or self.used_bytes < limit)

    @property
    def task(self) -> str:
        """What it is for: a model's task, the first of a dataset's; empty where nothing says so."""
        given = (tag.removeprefix(_TASK_TAG) for tag in self.tags if tag.startswith(_TASK_TAG))
        return self.pipeline_tag or next(given, "")

    @property
    def summary(self) -> str:
        """What the card says in a line, for lists."""
        return self.about.partition("\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    id: RepoId
    kind: RepoKind
    namespace_id: NamespaceId
    namespace: str
    name: str
    pool_id: PoolId
    private: bool = False
    gated: str | None = None
    disabled: bool = False
    discussions_disabled: bool = False
    created_at: datetime
    updated_at: datetime
    head: str | None = None
    likes: int = 0
    downloads: int = 0
    downloads_all_time: int = 0
    trending: float = 0.0
    """See `repos/trending.py`: only good for ordering; `score_now` shows it."""
    facts: RepoFacts = field(default_factory=RepoFacts)

    @property
    def full_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def path(self) -> str:
        """Below the Hub's base URL: `ns/name`, `datasets/ns/name`, `spaces/ns/name`."""
        return f"{self.kind.url_prefix}{self.full_name}"

    @property
    def scope(self) -> str:
        """How tokens name the repository: `models/ns/name`."""
        return f"{self.kind.plural}/{self.full_name}"
