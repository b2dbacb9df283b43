"""The contract for discussions, pull requests and what happened in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.discussions.model import Discussion, DiscussionEvent, EventKind, Status
from wingman.hub.repos.model import RepoId


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionFilter:
    """What a list asks for; None means any."""

    is_pull_request: bool | None = None
    statuses: tuple[Status, ...] | None = None
    author: str | None = None


class Discussions(Protocol):
    def add(
        self,
        repo_id: RepoId,
        *,
        title: str,
        status: Status,
        author_id: NamespaceId,
        created_at: datetime,
        base: str | None = None,
    ) -> Discussion:
        """With the next number; a pull request where there is a `base`. The caller holds the repository's lock."""

    def find(self, repo_id: RepoId, num: int) -> Discussion | None: ...

    def list(
        self, repo_id: RepoId, wanted: DiscussionFilter, *, skip: int, limit: int
    ) -> Sequence[Discussion]:
        """Newest first."""

    def count(self, repo_id: RepoId, wanted: DiscussionFilter) -> int: ...

    def num_started_by(self, user_id: NamespaceId) -> int:
        """How many discussions and pull requests somebody started in public repositories."""

    def rename(self, discussion_id: int, title: str) -> None: ...

    def set_status(self, discussion_id: int, status: Status) -> None: ...

    def set_merged(self, discussion_id: int, *, merge_commit: str, merged_from: str) -> None: ...

    def add_event(
        self,
        discussion_id: int,
        kind: EventKind,
        *,
        author_id: NamespaceId | None,
        at: datetime,
        facts: Mapping[str, Any],
    ) -> DiscussionEvent: ...

    def add_comment(
        self, discussion_id: int, *, author_id: NamespaceId, at: datetime, text: str
    ) -> DiscussionEvent: ...

    def events(self, discussion_id: int) -> Sequence[DiscussionEvent]:
        """Oldest first."""

    def event(self, discussion_id: int, event_id: int) -> DiscussionEvent | None: ...

    def edit_comment(
        self, event: DiscussionEvent, *, text: str, editor_id: NamespaceId, at: datetime
    ) -> None:
        """Replace the text; what it was goes into the history."""

    def hide_comment(self, event: DiscussionEvent) -> None:
        """Forget the text and its history."""
