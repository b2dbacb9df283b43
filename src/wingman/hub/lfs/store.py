"""The contract for LFS locks. Objects are `LargeFiles`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.lfs.model import Lock, LockId
from wingman.hub.repos.model import RepoId


class Locks(Protocol):
    def add(self, repo_id: RepoId, path: str, *, owner_id: NamespaceId, at: datetime) -> Lock:
        """Raises `LockExists`, which carries the lock that is there."""

    def list(
        self, repo_id: RepoId, *, path: str | None = None, after: LockId | None = None, limit: int = 100
    ) -> Sequence[Lock]:
        """By id; `after` begins behind that one."""

    def find(self, repo_id: RepoId, lock_id: LockId) -> Lock | None: ...

    def remove(self, repo_id: RepoId, lock_id: LockId) -> None: ...
