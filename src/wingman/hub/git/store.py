"""The contract for git objects and refs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from wingman.hub.errors import Conflict, NotFound
from wingman.hub.git.objects import GitObject, ObjectKind
from wingman.hub.git.pointers import Pointer
from wingman.hub.repos.model import PoolId, RepoId


class ObjectMissing(NotFound):
    """A git object that should be there is not: the store is damaged, or the id came from a stranger."""

    def __init__(self, oid: str) -> None:
        super().__init__(f"There is no git object {oid} in this repository.")
        self.oid = oid


class RefMoved(Conflict):
    """A ref no longer stands where the caller believed. `actual` is None where it does not exist."""

    def __init__(self, name: str, expected: str | None, actual: str | None) -> None:
        super().__init__(
            f"{name} is at {actual or 'no commit'}, not at {expected or 'no commit'}: "
            "somebody changed it in the meantime. Fetch it and try again."
        )
        self.name, self.expected, self.actual = name, expected, actual


@dataclass(frozen=True, slots=True)
class Ref:
    name: str
    """The whole name: `refs/heads/main`."""
    oid: str
    """What it points at: a commit, or an annotated tag."""
    commit: str
    """The commit behind it."""


@dataclass(frozen=True, slots=True)
class BlobFacts:
    """What a listing says of a blob without reading it."""

    size: int
    pointer: Pointer | None
    """Set where the blob is a pointer to a large file."""


@dataclass(frozen=True, slots=True)
class PackedObject:
    """An object as pack files hold it: `deflated` is a zlib stream of `size` bytes."""

    oid: str
    kind: ObjectKind
    size: int
    deflated: bytes


class Git(Protocol):
    """Objects by pool, refs by repository. Object ids are 40 hexadecimal digits."""

    def add_objects(self, pool: PoolId, objects: Iterable[GitObject]) -> None:
        """Keep objects; those that are there already are passed over."""

    def objects(self, pool: PoolId, oids: Iterable[str]) -> Mapping[str, GitObject]:
        """Many at once; ids that are not there are left out."""

    def object(self, pool: PoolId, oid: str) -> GitObject:
        """Raises `ObjectMissing`."""

    def packed_objects(self, pool: PoolId, oids: Iterable[str]) -> Iterator[PackedObject]:
        """Each object once, a batch in memory at a time. Raises `ObjectMissing`."""

    def blob_facts(self, pool: PoolId, oids: Iterable[str]) -> Mapping[str, BlobFacts]:
        """Ids that are not there, or are no blobs, are left out."""

    def kinds(self, pool: PoolId, oids: Iterable[str]) -> Mapping[str, ObjectKind]:
        """Which of these ids are there, and as what."""

    def refs(self, repo_id: RepoId, prefix: str = "refs/") -> Sequence[Ref]:
        """By name."""

    def ref(self, repo_id: RepoId, name: str) -> Ref | None: ...

    def move_ref(
        self, repo_id: RepoId, name: str, *, old: str | None, new: str | None, commit: str | None
    ) -> None:
        """Compare and swap: from `old` (None: must not exist) to `new` (None: delete). Raises `RefMoved`."""

    def add_commits(self, repo_id: RepoId, oids: Iterable[str]) -> None:
        """Remember that these commits belong to the repository, so that they can be asked for by id."""

    def commits(self, repo_id: RepoId) -> Sequence[str]:
        """Every commit that belongs to the repository, in no particular order."""

    def has_commit(self, repo_id: RepoId, oid: str) -> bool: ...

    def find_commit(self, repo_id: RepoId, prefix: str) -> str | None:
        """The one commit of the repository whose id starts so; None for none or several."""
