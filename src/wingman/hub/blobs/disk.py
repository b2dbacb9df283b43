"""The object store as a folder: write beside the target, flush, rename."""

import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wingman.hub.blobs.store import BlobMissing, StoreFull

PIECE_BYTES = 1 << 20
_ABANDONED_AFTER_S = 24 * 3600
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFull("The disk below the object store is full.") from error
        raise


class DiskWriter:
    """See `BlobWriter`. The temporary file lies in the same file system, so that the rename is atomic."""

    def __init__(self, target: Path, incoming: Path) -> None:
        self._target = target
        self._partial = incoming / uuid.uuid4().hex
        self._file = self._partial.open("wb", buffering=0)

    def write(self, data: bytes | memoryview) -> None:
        with _translated():
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]

    def commit(self) -> None:
        with _translated():
            os.fsync(self._file.fileno())
            self._file.close()
            self._target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self._partial, self._target)
            _flush_folder(self._target.parent)

    def abort(self) -> None:
        self._file.close()
        self._partial.unlink(missing_ok=True)


class DiskBlobs:
    """`Blobs` in a folder of the local file system."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._sweep_incoming()

    def _sweep_incoming(self) -> None:
        """Remove what writers that died left behind; another process may still write the younger ones."""
        for partial in self._incoming.iterdir():
            if time.time() - partial.stat().st_mtime > _ABANDONED_AFTER_S:
                partial.unlink(missing_ok=True)

    def open_writer(self, key: str) -> DiskWriter:
        with _translated():
            return DiskWriter(self._folder / key, self._incoming)

    def put(self, key: str, data: bytes) -> None:
        writer = self.open_writer(key)
        try:
            writer.write(data)
            writer.commit()
        finally:
            writer.abort()

    def size_bytes(self, key: str) -> int:
        try:
            return (self._folder / key).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(key) from error

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        with self._open(key) as file:
            file.seek(start)
            return file.read(-1 if end is None else max(0, end - start))

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._pieces(self._open(key), start, end)

    def delete(self, key: str) -> None:
        (self._folder / key).unlink(missing_ok=True)

    def keys(self, prefix: str = "") -> Iterator[str]:
        # Start at the deepest folder that the prefix names in full, instead of walking everything.
        top = self._folder / prefix.rpartition("/")[0]
        for folder, _, names in os.walk(top):
            if Path(folder) == self._incoming:
                continue
            for name in names:
                key = (Path(folder) / name).relative_to(self._folder).as_posix()
                if key.startswith(prefix):
                    yield key

    def local_path(self, key: str) -> Path | None:
        return self._folder / key

    def free_bytes(self) -> int | None:
        return shutil.disk_usage(self._folder).free

    def _open(self, key: str):
        try:
            return (self._folder / key).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise BlobMissing(key) from error

    @staticmethod
    def _pieces(file, start: int, end: int | None) -> Iterator[bytes]:
        with file:
            file.seek(start)
            left = None if end is None else end - start
            while left is None or left > 0:
                piece = file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
                if not piece:
                    return
                if left is not None:
                    left -= len(piece)
                yield piece


def _flush_folder(folder: Path) -> None:
    """Make a rename durable: the folder's own entry must reach the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
