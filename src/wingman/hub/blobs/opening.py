"""From a storage URL to the store behind it."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wingman.hub.blobs.disk import DiskBlobs
from wingman.hub.blobs.store import Blobs

SCHEMES = ("file", "s3", "gs", "az", "memory")


def open_blobs(url: str) -> Blobs:
    """Open the store at `url`. Raises `ValueError` for a scheme that no store answers to."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return DiskBlobs(Path(url2pathname(parts.path)))
    if parts.scheme in SCHEMES:
        from wingman.hub.blobs.cloud import CloudBlobs  # the Rust client is only loaded when it is used

        return CloudBlobs(url)
    raise ValueError(f"storage_url is {url!r}; it must start with one of {', '.join(SCHEMES)} and a colon.")
