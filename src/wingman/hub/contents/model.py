"""What listings and file requests answer with."""

from dataclasses import dataclass
from datetime import datetime

from wingman.hub.files.model import LargeFile
from wingman.hub.git.pointers import Pointer


@dataclass(frozen=True, slots=True)
class LastCommit:
    oid: str
    title: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or directory of a revision. `size` is that of the content, not of the pointer."""

    path: str
    is_directory: bool
    oid: str
    size: int = 0
    pointer: Pointer | None = None
    xet_hash: str | None = None
    last_commit: LastCommit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFile:
    """A file ready to be sent: exactly one of `data` (small, in git) and `large` is set."""

    path: str
    commit: str
    oid: str
    size: int
    data: bytes | None = None
    large: LargeFile | None = None

    @property
    def etag(self) -> str:
        """What clients name the cached file by: the sha256 of a large file, else git's own id."""
        return self.large.sha256 if self.large else self.oid


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    oid: str
    title: str
    message: str
    author: str
    at: datetime
