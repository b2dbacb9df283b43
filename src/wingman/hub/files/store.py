"""The contract for large files.

A file is known to a repository only if that repository obtained its bytes itself (LFS upload, Xet upload
under its token, or a copy from a place its caller may read). Knowing a sha256 gives nobody its content.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.files.model import LargeFile
from wingman.hub.repos.model import RepoId


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A large file that a repository obtained, and when."""

    file: LargeFile
    added_at: datetime


class LargeFiles(Protocol):
    def find(self, sha256: str) -> LargeFile | None:
        """Whether anybody brought these bytes; never to be told to a client without `in_repo`."""

    def in_repo(self, repo_id: RepoId, sha256s: Iterable[str]) -> Mapping[str, LargeFile]:
        """Those of the files that this repository obtained, by sha256."""

    def by_xet_hash(self, repo_id: RepoId, xet_hash: str) -> LargeFile | None:
        """The file of this repository with that Xet hash."""

    def register(self, repo_id: RepoId, file: LargeFile) -> None:
        """The repository obtained these bytes. Ways of keeping that are known already are kept beside new ones."""

    def listing(self, repo_id: RepoId, *, after: str | None = None, limit: int = 1000) -> Sequence[RepoFile]:
        """What the repository obtained, by sha256, from behind `after`."""

    def forget(self, repo_id: RepoId, sha256s: Iterable[str]) -> None:
        """The repository no longer has these. Their bytes stay for the garbage collector."""

    def set_xet_hash(self, sha256: str, xet_hash: str) -> None:
        """The file is kept in chunks now, too; a hash that it has already stays."""

    def unchunked(self, *, after: str | None = None, limit: int = 100) -> Sequence[LargeFile]:
        """Files that are kept whole only, by sha256, from behind `after`."""

    def owner_of(self, sha256: str) -> NamespaceId | None:
        """The namespace of a repository that obtained the file; None if none has it any more."""
