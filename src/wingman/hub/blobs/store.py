"""The contract for the object store: whole byte strings under keys, written once, read in ranges.

A key is a relative path of `[0-9a-zA-Z._/-]`; what stands under it never changes, because every key
contains the hash of its content (or a random name). Writing a key again is therefore harmless.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from wingman.hub.errors import NotFound, OutOfSpace


class BlobMissing(NotFound):
    """No object under this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no object {key} in the store.")
        self.key = key


class StoreFull(OutOfSpace):
    """The store has no room for what was being written; nothing of it was kept."""


class BlobWriter(Protocol):
    """One object on its way in. Nothing is visible under the key until `commit` returns."""

    def write(self, data: bytes | memoryview) -> None:
        """Append. Raises `StoreFull`."""

    def commit(self) -> None:
        """Make the object durable and visible, replacing an equal one. Raises `StoreFull`."""

    def abort(self) -> None:
        """Drop what was written. May be called after `commit`, and then does nothing."""


class Blobs(Protocol):
    """Where large bytes live."""

    def open_writer(self, key: str) -> BlobWriter:
        """Start writing `key`. The caller ends with `commit` or `abort`."""

    def put(self, key: str, data: bytes) -> None:
        """Write a small object at once. Durable when this returns. Raises `StoreFull`."""

    def size_bytes(self, key: str) -> int:
        """Length of the object. Raises `BlobMissing`."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        """Bytes `start:end` (end exclusive; None: to the end). Raises `BlobMissing`."""

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The same bytes in pieces of about a megabyte, in order. Raises `BlobMissing` before the first."""

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there is no error, so this may be repeated."""

    def keys(self, prefix: str = "") -> Iterator[str]:
        """Every key that starts with `prefix`, in no particular order."""

    def local_path(self, key: str) -> Path | None:
        """The file that holds exactly this object, where the store is a folder; None elsewhere."""

    def free_bytes(self) -> int | None:
        """Room left, or None where the store has no such notion."""
