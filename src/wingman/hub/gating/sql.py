"""Access requests in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.accounts.sql import namespaces, to_user
from wingman.hub.database import BigId, UtcTime, metadata
from wingman.hub.gating.model import AccessRequest, AccessStatus
from wingman.hub.repos.model import RepoId

access_requests = sa.Table(
    "access_requests",
    metadata,
    sa.Column("id", BigId, primary_key=True),
    sa.Column("repo_id", BigId, sa.ForeignKey("repos.id", ondelete="CASCADE"), nullable=False),
    sa.Column("user_id", BigId, sa.ForeignKey("namespaces.id"), nullable=False, index=True),
    sa.Column("status", sa.String(8), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("asked", sa.Boolean, nullable=False),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("rejection_reason", sa.String, nullable=False, server_default=""),
    sa.UniqueConstraint("repo_id", "user_id"),
)
_columns = access_requests.c
_SELECT = sa.select(
    namespaces,
    _columns.id.label("request_id"),
    _columns.repo_id,
    _columns.status,
    _columns.at,
    _columns.asked,
    _columns.fields,
    _columns.rejection_reason,
).join(access_requests, _columns.user_id == namespaces.c.id)


def _request(row: Any) -> AccessRequest:
    return AccessRequest(
        id=row.request_id,
        repo_id=RepoId(row.repo_id),
        user=to_user(row),
        status=AccessStatus(row.status),
        at=row.at,
        asked=row.asked,
        fields=row.fields,
        rejection_reason=row.rejection_reason,
    )


class SqlAccessRequests:
    """See `AccessRequests`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(
        self,
        repo_id: RepoId,
        user_id: NamespaceId,
        *,
        status: AccessStatus,
        at: datetime,
        asked: bool,
        fields: Mapping[str, Any],
    ) -> AccessRequest:
        self._connection.execute(
            sa.insert(access_requests).values(
                repo_id=repo_id,
                user_id=user_id,
                status=status.value,
                at=at,
                asked=asked,
                fields=dict(fields),
            )
        )
        request = self.find(repo_id, user_id)
        assert request is not None
        return request

    def find(self, repo_id: RepoId, user_id: NamespaceId) -> AccessRequest | None:
        return self._one(_columns.user_id == user_id, repo_id)

    def by_id(self, repo_id: RepoId, request_id: int) -> AccessRequest | None:
        return self._one(_columns.id == request_id, repo_id)

    def list(
        self, repo_id: RepoId, status: AccessStatus, *, after: int | None, limit: int
    ) -> Sequence[AccessRequest]:
        query = _SELECT.where(_columns.repo_id == repo_id, _columns.status == status.value)
        if after is not None:
            query = query.where(_columns.id < after)
        rows = self._connection.execute(query.order_by(_columns.id.desc()).limit(limit))
        return [_request(row) for row in rows]

    def set_status(self, request_id: int, status: AccessStatus, *, rejection_reason: str) -> None:
        self._connection.execute(
            sa.update(access_requests)
            .where(_columns.id == request_id)
            .values(status=status.value, rejection_reason=rejection_reason)
        )

    def _one(self, condition: sa.ColumnElement[bool], repo_id: RepoId) -> AccessRequest | None:
        row = self._connection.execute(_SELECT.where(_columns.repo_id == repo_id, condition)).first()
        return None if row is None else _request(row)
