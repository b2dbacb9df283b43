"""What a commit is asked to do, and what came of it."""

from dataclasses import dataclass

from wingman.hub.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class AddFile:
    """A file whose bytes travel with the commit and live in git."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AddLargeFile:
    """A file uploaded before; `size` is None where the client leaves it to us (copies)."""

    path: str
    sha256: str
    size: int | None


@dataclass(frozen=True, slots=True)
class DeleteFile:
    path: str


@dataclass(frozen=True, slots=True)
class DeleteFolder:
    path: str


@dataclass(frozen=True, slots=True)
class CopyFile:
    """A file or folder of this repository, as it was at `src_revision` (None: the commit's parent)."""

    path: str
    src_path: str
    src_revision: str | None


Operation = AddFile | AddLargeFile | DeleteFile | DeleteFolder | CopyFile


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRequest:
    summary: str
    description: str = ""
    parent_commit: str | None = None
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class CommitResult:
    """`oid` is the branch's head afterwards; equal to the old head where nothing changed."""

    oid: str
    ref: str


class FileToDeleteMissing(NotFound):
    """A commit deletes what is not there. The client appends a hint where it meets this wording."""

    def __init__(self, path: str) -> None:
        super().__init__(f"A file with this name doesn't exist: {path}")
        self.path = path


class LargeFileMissing(Invalid):
    """A commit names a large file that was never uploaded to this repository."""

    def __init__(self, path: str, sha256: str) -> None:
        super().__init__(
            f"Your push was rejected because an LFS pointer pointed to a file that does not exist: {path} "
            f"(sha256 {sha256}). Upload the file to this repository first."
        )
        self.path, self.sha256 = path, sha256


class LargeFileDiffers(Invalid):
    """The size that a commit states is not the size of the bytes that were uploaded."""

    def __init__(self, path: str, *, stated: int, actual: int) -> None:
        super().__init__(f"{path} is said to have {stated} bytes, but {actual} were uploaded.")
        self.path, self.stated, self.actual = path, stated, actual
