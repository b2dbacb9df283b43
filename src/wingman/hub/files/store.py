"""The contract for large files.

A file is known to a repository only if that repository obtained its bytes itself (LFS upload, Xet upload
under its token, or a copy from a place its caller may read). Knowing a sha256 gives nobody its content.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from wingman.hub.files.model import LargeFile
from wingman.hub.repos.model import RepoId


class LargeFiles(Protocol):
    def find(self, sha256: str) -> LargeFile | None:
        """Whether anybody brought these bytes; never to be told to a client without `in_repo`."""

    def in_repo(self, repo_id: RepoId, sha256s: Iterable[str]) -> Mapping[str, LargeFile]:
        """Those of the files that this repository obtained, by sha256."""

    def by_xet_hash(self, repo_id: RepoId, xet_hash: str) -> LargeFile | None:
        """The file of this repository with that Xet hash."""

    def register(self, repo_id: RepoId, file: LargeFile) -> None:
        """The repository obtained these bytes. Ways of keeping that are known already are kept beside new ones."""
