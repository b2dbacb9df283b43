"""The object store in S3, Google Cloud, Azure or memory, through obstore.

Credentials and endpoints come from the variables each vendor documents (`AWS_ACCESS_KEY_ID`,
`AWS_ENDPOINT_URL`, …), which obstore reads itself.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import MemoryStore, from_url

from wingman.hub.blobs.store import BlobMissing

PIECE_BYTES = 4 << 20


class CloudWriter:
    """See `BlobWriter`: a multipart upload, which the vendor shows only once it is completed."""

    def __init__(self, store: Any, key: str) -> None:
        self._store, self._key = store, key
        self._writer: Any = obstore.open_writer(store, key, buffer_size=16 << 20)

    def write(self, data: bytes | memoryview) -> None:
        self._writer.write(data)

    def commit(self) -> None:
        writer, self._writer = self._writer, None
        writer.close()

    def abort(self) -> None:
        # Leaving the writer unclosed never completes the upload, so nothing appears under the key.
        self._writer = None


class CloudBlobs:
    """`Blobs` in any store that obstore speaks to."""

    def __init__(self, url: str) -> None:
        # Plain http is for test servers and private networks; https is what public clouds answer on.
        in_memory = urlsplit(url).scheme == "memory"
        self._store: Any = MemoryStore() if in_memory else from_url(url, client_options={"allow_http": True})

    def open_writer(self, key: str) -> CloudWriter:
        return CloudWriter(self._store, key)

    def put(self, key: str, data: bytes) -> None:
        obstore.put(self._store, key, data)

    def size_bytes(self, key: str) -> int:
        try:
            return obstore.head(self._store, key)["size"]
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(key) from error

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        end = self.size_bytes(key) if end is None else end
        if end <= start:
            self.size_bytes(key)
            return b""
        try:
            return bytes(obstore.get_range(self._store, key, start=start, end=end))
        except (NotFoundError, FileNotFoundError) as error:
            raise BlobMissing(key) from error

    def stream(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        size = self.size_bytes(key)
        return self._pieces(key, start, size if end is None else min(end, size))

    def _pieces(self, key: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            stop = min(end, start + PIECE_BYTES)
            yield self.read(key, start, stop)
            start = stop

    def delete(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return

    def keys(self, prefix: str = "") -> Iterator[str]:
        # obstore matches prefixes by whole path segments; ours are plain string prefixes.
        folder = prefix.rpartition("/")[0]
        for page in obstore.list(self._store, folder or None):
            for entry in page:
                if entry["path"].startswith(prefix):
                    yield entry["path"]

    def local_path(self, key: str) -> Path | None:
        return None

    def free_bytes(self) -> int | None:
        return None
