"""The contract for access requests: at most one for each repository and user."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.gating.model import AccessRequest, AccessStatus
from wingman.hub.repos.model import RepoId


class AccessRequests(Protocol):
    def add(
        self,
        repo_id: RepoId,
        user_id: NamespaceId,
        *,
        status: AccessStatus,
        at: datetime,
        asked: bool,
        fields: Mapping[str, Any],
    ) -> AccessRequest: ...

    def find(self, repo_id: RepoId, user_id: NamespaceId) -> AccessRequest | None: ...

    def by_id(self, repo_id: RepoId, request_id: int) -> AccessRequest | None: ...

    def list(
        self, repo_id: RepoId, status: AccessStatus, *, after: int | None, limit: int
    ) -> Sequence[AccessRequest]:
        """Newest first; `after` is the id of the last one of the page before."""

    def set_status(self, request_id: int, status: AccessStatus, *, rejection_reason: str) -> None: ...
