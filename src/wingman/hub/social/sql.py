"""Likes and followers in SQL. A repository's number of likes is kept in its row, so that lists can sort by it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wingman.hub.access.model import Visibility
from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces, to_user
from wingman.hub.database import BigId, UtcTime, metadata, now
from wingman.hub.repos.model import RepoId
from wingman.hub.repos.sql import SELECT_REPOS, is_visible, to_repo
from wingman.hub.repos.tables import repos
from wingman.hub.repos.trending import LIKE_WEIGHT, growth
from wingman.hub.social.model import Fan, Like

likes = sa.Table(
    "likes",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    sa.Column("user_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False, index=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.UniqueConstraint("repo_id", "user_id"),
)
follows = sa.Table(
    "follows",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("follower_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False),
    sa.Column("followed_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False, index=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.UniqueConstraint("follower_id", "followed_id"),
)


class SqlSocial:
    """See `Social`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def like(self, repo_id: RepoId, user_id: NamespaceId, at: datetime) -> bool:
        if not self._insert_new(likes, repo_id=repo_id, user_id=user_id, at=at):
            return False
        self._count_like(repo_id, 1)
        return True

    def unlike(self, repo_id: RepoId, user_id: NamespaceId) -> bool:
        query = sa.delete(likes).where(likes.c.repo_id == repo_id, likes.c.user_id == user_id)
        if self._connection.execute(query).rowcount == 0:
            return False
        self._count_like(repo_id, -1)
        return True

    def likers(self, repo_id: RepoId, *, after: int | None, limit: int) -> Sequence[Fan]:
        return self._fans(likes, likes.c.user_id, likes.c.repo_id == repo_id, after=after, limit=limit)

    def likes(
        self, user_id: NamespaceId, visible_to: Visibility, *, after: int | None, limit: int
    ) -> Sequence[Like]:
        query = (
            SELECT_REPOS.add_columns(likes.c.id.label("like_id"), likes.c.at.label("liked_at"))
            .join(likes, likes.c.repo_id == repos.c.id)
            .where(likes.c.user_id == user_id, is_visible(visible_to))
        )
        if after is not None:
            query = query.where(likes.c.id < after)
        rows = self._connection.execute(query.order_by(likes.c.id.desc()).limit(limit))
        return [Like(row.like_id, to_repo(row), row.liked_at) for row in rows]

    def num_likes(self, user_id: NamespaceId, visible_to: Visibility) -> int:
        query = (
            sa.select(sa.func.count())
            .select_from(likes)
            .join(repos, repos.c.id == likes.c.repo_id)
            .where(likes.c.user_id == user_id, is_visible(visible_to))
        )
        return self._connection.execute(query).scalar_one()

    def has_liked(self, repo_id: RepoId, user_id: NamespaceId) -> bool:
        return self._exists(likes, likes.c.repo_id == repo_id, likes.c.user_id == user_id)

    def follow(self, follower_id: NamespaceId, followed_id: NamespaceId, at: datetime) -> bool:
        return self._insert_new(follows, follower_id=follower_id, followed_id=followed_id, at=at)

    def unfollow(self, follower_id: NamespaceId, followed_id: NamespaceId) -> bool:
        query = sa.delete(follows).where(
            follows.c.follower_id == follower_id, follows.c.followed_id == followed_id
        )
        return self._connection.execute(query).rowcount > 0

    def followers(self, followed_id: NamespaceId, *, after: int | None, limit: int) -> Sequence[Fan]:
        here = follows.c.followed_id == followed_id
        return self._fans(follows, follows.c.follower_id, here, after=after, limit=limit)

    def following(self, follower_id: NamespaceId, *, after: int | None, limit: int) -> Sequence[Fan]:
        here = follows.c.follower_id == follower_id
        return self._fans(follows, follows.c.followed_id, here, after=after, limit=limit)

    def num_followers(self, followed_id: NamespaceId) -> int:
        return self._count(follows.c.followed_id == followed_id)

    def num_following(self, follower_id: NamespaceId) -> int:
        return self._count(follows.c.follower_id == follower_id)

    def is_following(self, follower_id: NamespaceId, followed_id: NamespaceId) -> bool:
        return self._exists(
            follows, follows.c.follower_id == follower_id, follows.c.followed_id == followed_id
        )

    def _fans(
        self,
        table: sa.Table,
        user_column: sa.Column,
        here: sa.ColumnElement[bool],
        *,
        after: int | None,
        limit: int,
    ) -> Sequence[Fan]:
        query = (
            sa.select(namespaces, table.c.id.label("fan_id"), table.c.at.label("since"))
            .join(table, user_column == namespaces.c.id)
            .where(here, ~namespaces.c.is_organization)
        )
        if after is not None:
            query = query.where(table.c.id < after)
        rows = self._connection.execute(query.order_by(table.c.id.desc()).limit(limit))
        return [Fan(row.fan_id, to_user(row), row.since) for row in rows]

    def _insert_new(self, table: sa.Table, **values: Any) -> bool:
        try:
            with self._connection.begin_nested():
                self._connection.execute(sa.insert(table).values(**values))
        except sa.exc.IntegrityError:
            return False
        return True

    def _count_like(self, repo_id: RepoId, change: int) -> None:
        floor = repos.c.trending + change * LIKE_WEIGHT * growth(now())
        self._connection.execute(
            sa.update(repos)
            .where(repos.c.id == repo_id)
            .values(
                likes=repos.c.likes + change,
                # Taking a like back only takes away what a like is worth today; never below nothing.
                trending=sa.case((floor > 0, floor), else_=0.0),
            )
        )

    def _count(self, condition: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(follows).where(condition)
        return self._connection.execute(query).scalar_one()

    def _exists(self, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> bool:
        return self._connection.execute(sa.select(table.c.id).where(*conditions)).first() is not None
