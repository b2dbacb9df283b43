"""The contract for repositories and their lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.repos.model import PoolId, Repo, RepoFacts, RepoId, RepoKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RepoFilter:
    """What a list asks for; every condition must hold. `sort` is one of `SORTS`, ties go by id, newest first."""

    kind: RepoKind
    visible_to: Visibility
    search: tuple[str, ...] = ()
    """Each a substring of `namespace/name`, upper and lower case alike."""
    text: tuple[str, ...] = ()
    """Each a substring of `namespace/name` or of the card's beginning."""
    namespace: str | None = None
    tags: tuple[str, ...] = ()
    gated: bool | None = None
    parameters: tuple[int | None, int | None] | None = None
    """At least and at most so many; only models that have been counted."""
    is_linked: bool = False
    """Only Spaces that name a model or a dataset."""
    sort: str = "trendingScore"
    ascending: bool = False
    limit: int = 1000
    after: tuple[float, int] | None = None
    """Keyset cursor: sort value and id of the last row of the page before."""


SORTS = ("trendingScore", "lastModified", "createdAt", "downloads", "likes")


def sort_value(repo: Repo, sort: str) -> float:
    """Where `repo` stands in this sort: the first half of a keyset cursor."""
    return {
        "trendingScore": repo.trending,
        "lastModified": int(repo.updated_at.timestamp() * 1000),
        "createdAt": int(repo.created_at.timestamp() * 1000),
        "downloads": repo.downloads,
        "likes": repo.likes,
    }[sort]


class Repos(Protocol):
    """Repositories. Names compare without regard to case."""

    def add(
        self,
        *,
        kind: RepoKind,
        namespace_id: NamespaceId,
        name: str,
        private: bool,
        created_at: datetime,
        pool_id: PoolId | None = None,
    ) -> Repo:
        """With a pool of its own, or that of the repository it is a duplicate of. Raises `RepoExists`."""

    def find(self, kind: RepoKind, full_name: str) -> Repo | None:
        """By its name, or by one it had before a move (unless another repository has taken that name)."""

    def by_id(self, repo_id: RepoId) -> Repo | None: ...

    def lock(self, repo_id: RepoId) -> None:
        """Hold the repository until the transaction ends, so that two commits to it follow one another."""

    def page(self, wanted: RepoFilter) -> Sequence[Repo]: ...

    def facets(
        self, wanted: RepoFilter, prefixes: Sequence[str], *, limit: int
    ) -> Mapping[str, Mapping[str, int]]:
        """How many of the wanted repositories carry each tag, most frequent first, grouped by what the tag
        begins with (`license:`); "" gathers the tags without a colon. At most `limit` values a group."""

    def owners(self, wanted: RepoFilter, *, limit: int) -> Mapping[str, int]:
        """How many of the wanted repositories each namespace has, most first. At most `limit`."""

    def holdings(self, namespace_id: NamespaceId, *, after: RepoId | None, limit: int) -> Sequence[Repo]:
        """Everything a namespace owns, of every kind, newest first, from behind `after`."""

    def stored_bytes(self, namespace_id: NamespaceId) -> int:
        """What the repositories of a namespace hold together."""

    def num_matching(self, wanted: RepoFilter) -> int:
        """How many repositories the filter finds, without its page."""

    def count(self, namespace_id: NamespaceId, kind: RepoKind, visible_to: Visibility) -> int: ...

    def set_head(self, repo_id: RepoId, *, head: str | None, facts: RepoFacts, updated_at: datetime) -> None:
        """`main` moved: keep what its new head says, and index its tags and links."""

    def uncounted(self, *, limit: int) -> Sequence[Repo]:
        """Models whose head has not been counted yet."""

    def set_parameters(self, repo_id: RepoId, *, head: str, parameters: int | None) -> None:
        """The model at `head` has so many. If `main` has moved on meanwhile, it keeps waiting."""

    def set_updated(self, repo_id: RepoId, updated_at: datetime) -> None: ...

    def update_settings(
        self,
        repo_id: RepoId,
        *,
        private: bool | None = None,
        gated: str | None = None,
        discussions_disabled: bool | None = None,
    ) -> None:
        """Change what is not None; `gated` takes "", "auto" or "manual"."""

    def rename(self, repo: Repo, *, namespace_id: NamespaceId, name: str) -> Repo:
        """Raises `MoveTargetExists`. The old name keeps leading here."""

    def delete(self, repo_id: RepoId) -> None:
        """The repository, its refs and its index rows. Objects stay for the garbage collector."""

    def count_downloads(self, repo_id: RepoId, number: int) -> None: ...
