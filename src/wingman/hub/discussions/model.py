"""Discussions and pull requests: what they are, and the rules for their texts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.errors import Conflict, Forbidden, Invalid, NotFound
from wingman.hub.repos.model import Repo, RepoId

MAX_TITLE_LENGTH = 255
MAX_COMMENT_LENGTH = 65_536
_PULL_REQUEST_REF = re.compile(r"refs/pr/([1-9]\d{0,17})\Z")


class Status(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"
    DRAFT = "draft"
    """A pull request that nobody is asked to look at yet."""


class EventKind(StrEnum):
    """What happened in a discussion; the values are the wire's."""

    COMMENT = "comment"
    STATUS_CHANGE = "status-change"
    TITLE_CHANGE = "title-change"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discussion:
    """`num` counts discussions and pull requests of a repository together, from 1."""

    id: int
    repo_id: RepoId
    num: int
    title: str
    status: Status
    is_pull_request: bool
    author_id: NamespaceId
    author: str
    created_at: datetime
    num_comments: int = 0
    base: str | None = None
    """Pull requests: the branch that the changes are meant for, by its whole name."""
    merge_commit: str | None = None
    merged_from: str | None = None
    """Merged pull requests: the commit that their changes are counted from."""

    @property
    def ref(self) -> str:
        """Where a pull request's commits are."""
        return f"refs/pr/{self.num}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentVersion:
    """What a comment said before it was edited at `until`."""

    text: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """`text` is Markdown as it was written; hidden comments have none any more."""

    text: str
    hidden: bool = False
    edited_at: datetime | None = None
    edited_by: str | None = None
    history: Sequence[CommentVersion] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscussionEvent:
    """`facts` by kind: `status`; `from`, `to`; `subject`, `oid`. Comments have `comment` instead."""

    id: int
    kind: EventKind
    author_id: NamespaceId | None
    author: str | None
    at: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    comment: Comment | None = None


class DiscussionMissing(NotFound):
    def __init__(self, repo: Repo, num: int) -> None:
        super().__init__(f"There is no discussion or pull request {num} in {repo.full_name}.")
        self.repo, self.num = repo, num


class CommentMissing(NotFound):
    def __init__(self, comment_id: str) -> None:
        super().__init__(f"There is no comment {comment_id} in this discussion.")
        self.comment_id = comment_id


class DiscussionsDisabled(Forbidden):
    def __init__(self, repo: Repo) -> None:
        super().__init__(f"Discussions are disabled for {repo.full_name}.")
        self.repo = repo


class MergeConflict(Conflict):
    """Both sides changed these files in ways that do not go together."""

    def __init__(self, num: int, paths: Sequence[str]) -> None:
        shown = ", ".join(paths[:10]) + (f" and {len(paths) - 10} more" if len(paths) > 10 else "")
        super().__init__(
            f"Pull request {num} cannot be merged: it conflicts with its base branch in {shown}. "
            f"Merge the branch into refs/pr/{num}, resolve the conflicts and push."
        )
        self.num, self.paths = num, paths


def pull_request_number(ref: str) -> int | None:
    """
    >>> pull_request_number("refs/pr/12"), pull_request_number("refs/heads/12")
    (12, None)
    """
    match = _PULL_REQUEST_REF.match(ref)
    return int(match[1]) if match else None


def check_title(title: str) -> str:
    """The title without spaces around it. Raises `Invalid`."""
    title = " ".join(title.split())
    if not 1 <= len(title) <= MAX_TITLE_LENGTH:
        raise Invalid(f"A title has 1 to {MAX_TITLE_LENGTH} characters; this one has {len(title)}.")
    return title


def check_comment(text: str) -> str:
    """Raises `Invalid`."""
    if not text.strip():
        raise Invalid("A comment needs some text.")
    if len(text) > MAX_COMMENT_LENGTH:
        raise Invalid(f"A comment has at most {MAX_COMMENT_LENGTH} characters; this one has {len(text)}.")
    return text
