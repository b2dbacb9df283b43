"""Things that happened, for webhooks, indexing and metrics to listen to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`name` is one of the constants below; `facts` is JSON."""

    name: str
    repo_id: int | None
    user_id: int | None
    at: datetime
    facts: dict[str, Any] = field(default_factory=dict)


REPO_CREATED = "repo.created"
REPO_DELETED = "repo.deleted"
REPO_MOVED = "repo.moved"
REPO_CONFIGURED = "repo.configured"
REFS_UPDATED = "repo.refs-updated"
DISCUSSION_OPENED = "discussion.opened"
DISCUSSION_CHANGED = "discussion.changed"
COMMENT_ADDED = "discussion.comment-added"
PULL_REQUEST_MERGED = "discussion.merged"
ACCESS_REQUESTED = "access.requested"
ACCESS_DECIDED = "access.decided"
REPO_LIKED = "repo.liked"
