"""Discussions in SQL."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces
from wingman.hub.database import BigId, UtcTime, metadata
from wingman.hub.discussions.model import (
    Comment,
    CommentVersion,
    Discussion,
    DiscussionEvent,
    EventKind,
    Status,
)
from wingman.hub.discussions.store import DiscussionFilter
from wingman.hub.repos.model import RepoId
from wingman.hub.repos.tables import repos

discussions = sa.Table(
    "discussions",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    sa.Column("num", sa.Integer, nullable=False),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("author_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False, index=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("num_comments", sa.Integer, nullable=False, server_default="0"),
    sa.Column("base", sa.String),
    sa.Column("merge_commit", sa.String(40)),
    sa.Column("merged_from", sa.String(40)),
    sa.UniqueConstraint("repo_id", "num"),
)
discussion_events = sa.Table(
    "discussion_events",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column(
        "discussion_id",
        BigId,
        sa.ForeignKey("discussions.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("author_id", BigId, sa.ForeignKey("namespaces.id")),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("edited_at", UtcTime),
    sa.Column("edited_by", BigId, sa.ForeignKey("namespaces.id")),
)
comment_versions = sa.Table(
    "comment_versions",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column(
        "event_id",
        BigId,
        sa.ForeignKey("discussion_events.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
)

_authors = namespaces.alias("authors")
_editors = namespaces.alias("editors")
_DISCUSSIONS = sa.select(discussions, _authors.c.name.label("author")).join(
    _authors, _authors.c.id == discussions.c.author_id
)
_EVENTS = (
    sa.select(discussion_events, _authors.c.name.label("author"), _editors.c.name.label("editor"))
    .outerjoin(_authors, _authors.c.id == discussion_events.c.author_id)
    .outerjoin(_editors, _editors.c.id == discussion_events.c.edited_by)
)


def _discussion(row: Any) -> Discussion:
    return Discussion(
        id=row.id,
        repo_id=RepoId(row.repo_id),
        num=row.num,
        title=row.title,
        status=Status(row.status),
        is_pull_request=row.base is not None,
        author_id=NamespaceId(row.author_id),
        author=row.author,
        created_at=row.created_at,
        num_comments=row.num_comments,
        base=row.base,
        merge_commit=row.merge_commit,
        merged_from=row.merged_from,
    )


def _event(row: Any, history: Sequence[CommentVersion]) -> DiscussionEvent:
    comment = None
    if row.kind == EventKind.COMMENT:
        comment = Comment(
            text=row.text or "",
            hidden=row.hidden,
            edited_at=row.edited_at,
            edited_by=row.editor,
            history=history,
        )
    return DiscussionEvent(
        id=row.id,
        kind=EventKind(row.kind),
        author_id=row.author_id,
        author=row.author,
        at=row.at,
        facts=row.facts,
        comment=comment,
    )


def _conditions(repo_id: RepoId, wanted: DiscussionFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [discussions.c.repo_id == repo_id]
    if wanted.is_pull_request is not None:
        conditions.append(discussions.c.base.is_not(None) == wanted.is_pull_request)
    if wanted.statuses is not None:
        conditions.append(discussions.c.status.in_(wanted.statuses))
    if wanted.author is not None:
        author = sa.select(namespaces.c.id).where(namespaces.c.key == wanted.author.lower())
        conditions.append(discussions.c.author_id.in_(author))
    return conditions


class SqlDiscussions:
    """See `Discussions`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

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
        last = sa.select(sa.func.max(discussions.c.num)).where(discussions.c.repo_id == repo_id)
        num = (self._connection.execute(last).scalar_one() or 0) + 1
        self._connection.execute(
            sa.insert(discussions).values(
                repo_id=repo_id,
                num=num,
                title=title,
                status=status.value,
                author_id=author_id,
                created_at=created_at,
                base=base,
            )
        )
        discussion = self.find(repo_id, num)
        assert discussion is not None
        return discussion

    def find(self, repo_id: RepoId, num: int) -> Discussion | None:
        query = _DISCUSSIONS.where(discussions.c.repo_id == repo_id, discussions.c.num == num)
        row = self._connection.execute(query).first()
        return None if row is None else _discussion(row)

    def list(
        self, repo_id: RepoId, wanted: DiscussionFilter, *, skip: int, limit: int
    ) -> Sequence[Discussion]:
        query = _DISCUSSIONS.where(*_conditions(repo_id, wanted)).order_by(discussions.c.num.desc())
        return [_discussion(row) for row in self._connection.execute(query.offset(skip).limit(limit))]

    def count(self, repo_id: RepoId, wanted: DiscussionFilter) -> int:
        query = sa.select(sa.func.count()).select_from(discussions).where(*_conditions(repo_id, wanted))
        return self._connection.execute(query).scalar_one()

    def num_started_by(self, user_id: NamespaceId) -> int:
        query = (
            sa.select(sa.func.count())
            .select_from(discussions)
            .join(repos, repos.c.id == discussions.c.repo_id)
            .where(discussions.c.author_id == user_id, ~repos.c.private)
        )
        return self._connection.execute(query).scalar_one()

    def rename(self, discussion_id: int, title: str) -> None:
        self._update(discussion_id, title=title)

    def set_status(self, discussion_id: int, status: Status) -> None:
        self._update(discussion_id, status=status.value)

    def set_merged(self, discussion_id: int, *, merge_commit: str, merged_from: str) -> None:
        self._update(
            discussion_id, status=Status.MERGED.value, merge_commit=merge_commit, merged_from=merged_from
        )

    def add_event(
        self,
        discussion_id: int,
        kind: EventKind,
        *,
        author_id: NamespaceId | None,
        at: datetime,
        facts: Mapping[str, Any],
    ) -> DiscussionEvent:
        return self._add_event(discussion_id, kind=kind.value, author_id=author_id, at=at, facts=dict(facts))

    def add_comment(
        self, discussion_id: int, *, author_id: NamespaceId, at: datetime, text: str
    ) -> DiscussionEvent:
        self._update(discussion_id, num_comments=discussions.c.num_comments + 1)
        return self._add_event(
            discussion_id, kind=EventKind.COMMENT.value, author_id=author_id, at=at, facts={}, text=text
        )

    def events(self, discussion_id: int) -> Sequence[DiscussionEvent]:
        of_discussion = discussion_events.c.discussion_id == discussion_id
        query = (
            sa.select(comment_versions)
            .join(discussion_events, discussion_events.c.id == comment_versions.c.event_id)
            .where(of_discussion)
            .order_by(comment_versions.c.id)
        )
        versions: dict[int, list[CommentVersion]] = defaultdict(list)
        for row in self._connection.execute(query):
            versions[row.event_id].append(CommentVersion(text=row.text, until=row.until))
        rows = self._connection.execute(_EVENTS.where(of_discussion).order_by(discussion_events.c.id))
        return [_event(row, tuple(versions[row.id])) for row in rows]

    def event(self, discussion_id: int, event_id: int) -> DiscussionEvent | None:
        return next((event for event in self.events(discussion_id) if event.id == event_id), None)

    def edit_comment(
        self, event: DiscussionEvent, *, text: str, editor_id: NamespaceId, at: datetime
    ) -> None:
        assert event.comment is not None
        self._connection.execute(
            sa.insert(comment_versions).values(event_id=event.id, text=event.comment.text, until=at)
        )
        self._connection.execute(
            sa.update(discussion_events)
            .where(discussion_events.c.id == event.id)
            .values(text=text, edited_at=at, edited_by=editor_id)
        )

    def hide_comment(self, event: DiscussionEvent) -> None:
        self._connection.execute(sa.delete(comment_versions).where(comment_versions.c.event_id == event.id))
        self._connection.execute(
            sa.update(discussion_events)
            .where(discussion_events.c.id == event.id)
            .values(text=None, hidden=True)
        )

    def _add_event(self, discussion_id: int, **values: Any) -> DiscussionEvent:
        result = self._connection.execute(
            sa.insert(discussion_events).values(discussion_id=discussion_id, **values)
        )
        (event_id,) = result.inserted_primary_key or (0,)
        row = self._connection.execute(_EVENTS.where(discussion_events.c.id == event_id)).one()
        return _event(row, ())

    def _update(self, discussion_id: int, **values: Any) -> None:
        self._connection.execute(
            sa.update(discussions).where(discussions.c.id == discussion_id).values(**values)
        )
