"""Objects and parts on their way in: hashed while they are written, kept only if they are what was announced."""

import hashlib
import secrets
from collections.abc import Callable

from wingman.hub.blobs.store import Blobs, BlobWriter
from wingman.hub.lfs.model import ObjectDiffers, ObjectSpec, Ticket


def blob_key(sha256: str) -> str:
    """Where an object is kept whole."""
    return f"lfs/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def parts_prefix(upload_id: str) -> str:
    return f"uploads/{upload_id}/"


def part_key(upload_id: str, number: int, tag: str) -> str:
    """Where a part waits. A part that is sent twice has two tags; the uploader says which one counts."""
    return f"{parts_prefix(upload_id)}{number:05d}-{tag}"


class ObjectUpload:
    """A `Sink` for one whole object. `writer` is None where the store has it, and the sender only proves it.

    kept: called once the object is durable, to make it known.
    """

    def __init__(self, spec: ObjectSpec, writer: BlobWriter | None, kept: Callable[[], None]) -> None:
        self._spec = spec
        self._writer = writer
        self._kept = kept
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Raises `StoreFull`."""
        self._digest.update(data)
        self._size += len(data)
        if self._writer is not None:
            self._writer.write(data)

    def finish(self) -> None:
        """Raises `ObjectDiffers`, `StoreFull`, and what `kept` raises."""
        if self._size != self._spec.size:
            raise ObjectDiffers(announced=f"{self._spec.size} bytes", found=f"{self._size} bytes")
        if self._digest.hexdigest() != self._spec.sha256:
            raise ObjectDiffers(
                announced=f"sha256 {self._spec.sha256}", found=f"sha256 {self._digest.hexdigest()}"
            )
        if self._writer is not None:
            self._writer.commit()
        self._kept()

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.abort()


class PartUpload:
    """A `Sink` for one part of an object; its result is the tag under which the part is found again."""

    def __init__(self, blobs: Blobs, ticket: Ticket, number: int) -> None:
        assert ticket.upload_id is not None
        self._tag = secrets.token_hex(16)
        self._writer = blobs.open_writer(part_key(ticket.upload_id, number, self._tag))

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def finish(self) -> str:
        self._writer.commit()
        return self._tag

    def abort(self) -> None:
        self._writer.abort()
