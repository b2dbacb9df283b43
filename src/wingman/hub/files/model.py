"""A large file: bytes that git only knows by a pointer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """Kept whole under `blob_key`, or in chunks as the Xet file `xet_hash`, or both ways."""

    sha256: str
    size: int
    blob_key: str | None = None
    xet_hash: str | None = None
    """64 hexadecimal digits in Xet's text form."""
