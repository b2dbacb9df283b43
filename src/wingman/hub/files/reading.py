"""Reading large files, however they are kept."""

from collections.abc import Iterator

from wingman.hub.blobs.store import Blobs
from wingman.hub.files.model import LargeFile
from wingman.hub.xet.contents import ChunkedContents


class LargeFileReader:
    def __init__(self, blobs: Blobs, chunked: ChunkedContents) -> None:
        self._blobs = blobs
        self._chunked = chunked

    def stream(self, file: LargeFile, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Bytes `start:end` (end exclusive) in pieces, in order. Raises `BlobMissing`, `ChunksMissing`."""
        end = file.size if end is None else end
        if file.blob_key is not None:
            return self._blobs.stream(file.blob_key, start, end)
        assert file.xet_hash is not None, "a large file is kept in at least one way"
        return self._chunked.stream(file.xet_hash, start, end)
