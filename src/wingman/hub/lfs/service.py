"""The use cases of Git LFS: plan transfers, take objects in whole or in parts, hand them out, keep locks."""

import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence

from wingman.hub.access.model import Caller, refuse, require_user
from wingman.hub.blobs.room import require_room
from wingman.hub.blobs.store import BlobMissing, Blobs, StoreFull
from wingman.hub.database import now
from wingman.hub.errors import Invalid, NotFound, TooLarge
from wingman.hub.files.model import LargeFile
from wingman.hub.files.store import RepoFile
from wingman.hub.git.pointers import SHA256
from wingman.hub.lfs.model import (
    Lock,
    LockId,
    ObjectDiffers,
    ObjectMissing,
    ObjectSpec,
    PlannedUpload,
    Ticket,
)
from wingman.hub.lfs.uploads import ObjectUpload, PartUpload, blob_key, part_key, parts_prefix
from wingman.hub.repos.model import Repo, RepoId
from wingman.hub.signing.service import Signer
from wingman.hub.store import Store

MULTIPART_ABOVE_BYTES = 2 << 30
_MIN_PART_BYTES = 64 << 20
_MAX_PARTS = 1000
_ABANDONED_AFTER_SECONDS = 24 * 3600
_TAG = re.compile(r'"?([0-9a-f]{32})"?\Z')


class LfsService:
    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        signer: Signer,
        *,
        max_file_bytes: int,
        min_free_bytes: int,
        link_seconds: int,
        multipart_above_bytes: int = MULTIPART_ABOVE_BYTES,
        min_part_bytes: int = _MIN_PART_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._signer = signer
        self._max_file_bytes = max_file_bytes
        self._min_free_bytes = min_free_bytes
        self.link_seconds = link_seconds
        self._multipart_above_bytes = multipart_above_bytes
        self._min_part_bytes = min_part_bytes
        self._clock = clock

    # --- what to do ---

    def plan_uploads(self, repo: Repo, specs: Sequence[ObjectSpec]) -> list[PlannedUpload]:
        """What an uploader has to send; objects that cannot be taken carry their reason."""
        with self._store.read() as tx:
            known = tx.files.in_repo(repo.id, [spec.sha256 for spec in specs])
        return [self._plan(spec, known.get(spec.sha256)) for spec in specs]

    def _plan(self, spec: ObjectSpec, known: LargeFile | None) -> PlannedUpload:
        if known is not None:
            return PlannedUpload(spec, is_stored=True)
        try:
            self._require_acceptable(spec)
        except (TooLarge, StoreFull) as error:
            return PlannedUpload(spec, problem=error)
        return PlannedUpload(spec)

    def _require_acceptable(self, spec: ObjectSpec) -> None:
        if spec.size > self._max_file_bytes:
            raise TooLarge(
                f"The object has {spec.size} bytes; this Hub takes files of up to {self._max_file_bytes}."
            )
        require_room(self._blobs, spec.size, min_free_bytes=self._min_free_bytes)

    def wants_parts(self, specs: Iterable[ObjectSpec]) -> bool:
        """Whether one of these is better sent in parts, which can be repeated one by one."""
        return any(spec.size > self._multipart_above_bytes for spec in specs)

    def find(self, repo: Repo, specs: Sequence[ObjectSpec]) -> dict[str, LargeFile]:
        """Those of the objects that the repository has, by sha256."""
        with self._store.read() as tx:
            return dict(tx.files.in_repo(repo.id, [spec.sha256 for spec in specs]))

    # --- tickets ---

    def sign_upload(self, repo: Repo, spec: ObjectSpec, *, in_parts: bool = False) -> tuple[Ticket, str]:
        """Permission to bring one object, and its signed form."""
        ticket = Ticket(repo_id=repo.id, spec=spec)
        if in_parts:
            part_bytes = max(self._min_part_bytes, -(-spec.size // _MAX_PARTS))
            upload_id = f"{int(self._clock()):012d}-{secrets.token_hex(8)}"
            ticket = Ticket(repo_id=repo.id, spec=spec, upload_id=upload_id, part_bytes=part_bytes)
        return ticket, self._sign("lfs-upload", ticket)

    def open_upload_ticket(self, signed: str) -> Ticket:
        """Raises `BadSignature`."""
        return Ticket.from_claims(self._signer.verify("lfs-upload", signed))

    def sign_download(self, repo: Repo, spec: ObjectSpec) -> str:
        return self._sign("lfs-download", Ticket(repo_id=repo.id, spec=spec))

    def open_download_ticket(self, signed: str) -> Ticket:
        """Raises `BadSignature`."""
        return Ticket.from_claims(self._signer.verify("lfs-download", signed))

    def _sign(self, purpose: str, ticket: Ticket) -> str:
        expires_at = int(self._clock()) + self.link_seconds
        return self._signer.sign(purpose, ticket.to_claims(), expires_at=expires_at)

    # --- taking objects in ---

    def receive(self, ticket: Ticket) -> ObjectUpload:
        """Where to send the whole object. Raises `TooLarge`, `StoreFull`, `NotFound` (the repository is gone)."""
        spec = ticket.spec
        with self._store.read() as tx:
            is_known = tx.files.find(spec.sha256) is not None
        if is_known:
            # The bytes are here, but this sender has to show that it has them too.
            return ObjectUpload(spec, None, lambda: self._keep(ticket, None))
        self._require_acceptable(spec)
        key = blob_key(spec.sha256)
        return ObjectUpload(spec, self._blobs.open_writer(key), lambda: self._keep(ticket, key))

    def receive_part(self, ticket: Ticket, number: int) -> PartUpload:
        """Where to send one part. Raises `TooLarge`, `StoreFull`."""
        self._require_acceptable(ticket.spec)
        return PartUpload(self._blobs, ticket, number)

    def complete(self, ticket: Ticket, parts: Sequence[tuple[int, str]]) -> None:
        """Put the parts, each (number, tag), together, check the whole, and drop them.

        May be repeated until it has succeeded. Raises `Invalid`, `ObjectDiffers`, `StoreFull`.
        """
        assert ticket.upload_id is not None
        keys = self._part_keys(ticket, parts)
        upload = self.receive(ticket)
        try:
            for key in keys:
                for piece in self._blobs.stream(key):
                    upload.write(piece)
            upload.finish()
        finally:
            upload.abort()
        for key in list(self._blobs.keys(parts_prefix(ticket.upload_id))):
            self._blobs.delete(key)

    def _part_keys(self, ticket: Ticket, parts: Sequence[tuple[int, str]]) -> list[str]:
        assert ticket.upload_id is not None
        tags = dict(parts)
        if sorted(tags) != list(range(1, ticket.num_parts + 1)):
            raise Invalid(f"This upload has the parts 1 to {ticket.num_parts}; {sorted(tags)} were named.")
        keys = []
        for number in sorted(tags):
            tag = _TAG.match(tags[number])
            if tag is None:
                raise Invalid(f"{tags[number]!r} is not the ETag that part {number} was answered with.")
            key = part_key(ticket.upload_id, number, tag[1])
            try:
                size = self._blobs.size_bytes(key)
            except BlobMissing as error:
                raise Invalid(f"Part {number} with ETag {tag[1]} was not uploaded.") from error
            if size != ticket.bytes_of_part(number):
                raise ObjectDiffers(
                    announced=f"{ticket.bytes_of_part(number)} bytes in part {number}", found=f"{size} bytes"
                )
            keys.append(key)
        return keys

    def _keep(self, ticket: Ticket, key: str | None) -> None:
        spec = ticket.spec
        with self._store.write() as tx:
            if tx.repos.by_id(ticket.repo_id) is None:
                raise NotFound("The repository that this upload was for is gone.")
            tx.files.register(ticket.repo_id, LargeFile(sha256=spec.sha256, size=spec.size, blob_key=key))

    def verify(self, repo_id: RepoId, spec: ObjectSpec) -> None:
        """Raises `ObjectMissing`, `ObjectDiffers`."""
        file = self.object(repo_id, spec.sha256)
        if file.size != spec.size:
            raise ObjectDiffers(announced=f"{spec.size} bytes", found=f"{file.size} bytes")

    def object(self, repo_id: RepoId, sha256: str) -> LargeFile:
        """Raises `ObjectMissing`."""
        if not SHA256.match(sha256):
            raise ObjectMissing(sha256)
        with self._store.read() as tx:
            file = tx.files.in_repo(repo_id, [sha256]).get(sha256)
        if file is None:
            raise ObjectMissing(sha256)
        return file

    def drop_abandoned_parts(self) -> int:
        """Remove parts of uploads whose links have long expired; returns how many there were."""
        oldest = f"uploads/{int(self._clock()) - self.link_seconds - _ABANDONED_AFTER_SECONDS:012d}"
        abandoned = [key for key in self._blobs.keys("uploads/") if key < oldest]
        for key in abandoned:
            self._blobs.delete(key)
        return len(abandoned)

    # --- what a repository holds ---

    def list_files(self, repo: Repo, *, after: str | None, limit: int) -> Sequence[RepoFile]:
        """The repository's large files by sha256, from behind `after`."""
        with self._store.read() as tx:
            return tx.files.listing(repo.id, after=after, limit=limit)

    def copy(self, source: Repo, target: Repo, sha256s: Sequence[str]) -> list[str]:
        """Let `target` have files of `source`, both of which the caller may use; returns those that it has not."""
        with self._store.write() as tx:
            found = tx.files.in_repo(source.id, sha256s)
            for file in found.values():
                tx.files.register(target.id, file)
        return [sha256 for sha256 in sha256s if sha256 not in found]

    def forget(self, repo: Repo, sha256s: Iterable[str]) -> None:
        """Take large files from the repository; where history names them, only the pointer is left."""
        with self._store.write() as tx:
            tx.files.forget(repo.id, sha256s)

    # --- locks ---

    def lock(self, caller: Caller, repo: Repo, path: str) -> Lock:
        """Raises `LockExists`, `Invalid`."""
        if not path:
            raise Invalid("A lock needs a 'path'.")
        with self._store.write() as tx:
            return tx.locks.add(repo.id, path, owner_id=require_user(caller).id, at=now())

    def locks(self, repo: Repo, *, path: str | None, after: LockId | None, limit: int) -> Sequence[Lock]:
        with self._store.read() as tx:
            return tx.locks.list(repo.id, path=path, after=after, limit=limit)

    def find_lock(self, repo: Repo, lock_id: LockId) -> Lock:
        """Raises `NotFound`."""
        with self._store.read() as tx:
            lock = tx.locks.find(repo.id, lock_id)
        if lock is None:
            raise NotFound(f"There is no lock {lock_id}.")
        return lock

    def unlock(self, caller: Caller, repo: Repo, lock_id: LockId, *, force: bool) -> Lock:
        """Raises `NotFound`, `Forbidden` (somebody else's lock, without `force`)."""
        lock = self.find_lock(repo, lock_id)
        if lock.owner_id != require_user(caller).id and not force:
            raise refuse(caller, f"remove the lock of {lock.owner}; use force")
        with self._store.write() as tx:
            tx.locks.remove(repo.id, lock_id)
        return lock
