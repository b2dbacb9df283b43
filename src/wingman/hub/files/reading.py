"""Reading large files, however they are kept."""

from collections.abc import Iterator

from wingman.hub.blobs.store import Blobs
from wingman.hub.files.model import LargeFile


class LargeFileReader:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def stream(self, file: LargeFile, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start:end` (end exclusive) in pieces, in order."""
        assert file.blob_key is not None
        return self._blobs.stream(file.blob_key, start, file.size if end is None else end)
