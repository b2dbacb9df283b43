"""Byte ranges of one representation (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

from wingman.hub.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`start:end`, end exclusive, of `size` bytes."""

    start: int
    end: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """The one range that `header` asks for; None for the whole (no, several or malformed ranges).

    An empty file is always sent whole: some clients ask for the first byte of everything, to learn its size, and
    nothing is wrong with the file. Raises `RangeNotSatisfiable`.

    >>> parse_range("bytes=-2", 10)
    ByteRange(start=8, end=10, size=10)
    """
    match = _RANGE.match(header.replace(" ", "")) if header else None
    if match is None or match.group(1) == match.group(2) == "" or size == 0:
        return None
    first, last = match.groups()
    if not first:
        length = int(last)
        if length == 0:
            raise RangeNotSatisfiable(size)
        return ByteRange(max(0, size - length), size, size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise RangeNotSatisfiable(size)
    return ByteRange(start, min(size, int(last) + 1) if last else size, size)
