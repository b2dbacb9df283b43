"""Git LFS values: objects, what is to be done with each, permissions to upload, locks.

Source: git-lfs, docs/api/batch.md and docs/api/locking.md; the multipart transfer is the public Hub's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any, NewType

from wingman.hub.accounts.model import NamespaceId
from wingman.hub.errors import Conflict, HubError, Invalid, NotFound
from wingman.hub.git.pointers import SHA256
from wingman.hub.repos.model import RepoId

LockId = NewType("LockId", int)


class ObjectMissing(NotFound):
    """The repository does not have this object."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"This repository has no LFS object {sha256}.")
        self.sha256 = sha256


class ObjectDiffers(Invalid):
    """What came is not what was announced; nothing of it was kept."""

    def __init__(self, *, announced: str, found: str) -> None:
        super().__init__(f"The object was announced as {announced}, but what came has {found}.")
        self.announced, self.found = announced, found


class LockExists(Conflict):
    """Somebody holds a lock on this path."""

    def __init__(self, lock: "Lock") -> None:
        super().__init__(f"{lock.path} is locked by {lock.owner}.")
        self.lock = lock


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """A large file as LFS names it."""

    sha256: str
    size: int

    @classmethod
    def from_json(cls, value: Any) -> "ObjectSpec":
        """Raises `Invalid`."""
        oid, size = (value.get("oid"), value.get("size")) if isinstance(value, Mapping) else (None, None)
        if not isinstance(oid, str) or not SHA256.match(oid):
            raise Invalid(f"{oid!r} is not an LFS object id: 64 digits of lower-case hex are expected.")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise Invalid(f"The size of object {oid} is {size!r}; it must be a number of bytes.")
        return cls(oid, size)


@dataclass(frozen=True, slots=True)
class PlannedUpload:
    """What an uploader has to do for an object: nothing (`is_stored`), send it, or give up (`problem`)."""

    spec: ObjectSpec
    is_stored: bool = False
    problem: HubError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Permission to bring one object into one repository, as a signed link carries it.

    `upload_id` and `part_bytes` are set where it comes in parts of that size (the last may be shorter).
    """

    repo_id: RepoId
    spec: ObjectSpec
    upload_id: str | None = None
    part_bytes: int | None = None

    @property
    def num_parts(self) -> int:
        return ceil(self.spec.size / self.part_bytes) if self.part_bytes else 0

    def bytes_of_part(self, number: int) -> int:
        """Length of part `number`, counted from 1. Raises `Invalid` for a part that there is not."""
        if self.part_bytes is None or not 1 <= number <= self.num_parts:
            raise Invalid(f"This upload has {self.num_parts} parts; {number} is none of them.")
        return min(self.part_bytes, self.spec.size - (number - 1) * self.part_bytes)

    def to_claims(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "r": self.repo_id,
            "o": spec.sha256,
            "s": spec.size,
            "u": self.upload_id,
            "p": self.part_bytes,
        }

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> "Ticket":
        return cls(
            repo_id=RepoId(claims["r"]),
            spec=ObjectSpec(claims["o"], claims["s"]),
            upload_id=claims["u"],
            part_bytes=claims["p"],
        )


@dataclass(frozen=True, slots=True)
class Lock:
    """A path that one person asked others not to change."""

    id: LockId
    path: str
    owner_id: NamespaceId
    owner: str
    locked_at: datetime
