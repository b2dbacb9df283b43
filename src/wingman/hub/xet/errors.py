"""What can be wrong with bytes that claim to be Xet's.

    XetFormatError           the root; also a ValueError
    ├── MalformedHash        not the text form of a hash
    ├── MalformedXorb        not a sequence of chunk records, or one that breaks a limit
    ├── MalformedShard       not a shard, or one that breaks a limit
    └── HashMismatch         well formed, but not the content it is named for
"""

from wingman.hub.errors import Invalid


class XetFormatError(Invalid):
    """Bytes that break the format, with the facts: where (`offset`), what was due, what was there."""

    def __init__(
        self, problem: str, *, offset: int | None = None, expected: object = None, found: object = None
    ) -> None:
        where = "" if offset is None else f" at byte {offset}"
        facts = "".join(
            f"{sep}{word} {value}"
            for sep, word, value in ((": ", "expected", expected), (", ", "found", found))
            if value is not None
        )
        super().__init__(f"{problem}{where}{facts}")
        self.offset = offset
        self.expected = expected
        self.found = found


class MalformedHash(XetFormatError):
    """Text that does not name a hash."""


class MalformedXorb(XetFormatError):
    """A xorb body that no conforming client sends."""


class MalformedShard(XetFormatError):
    """A shard that no conforming client sends."""


class HashMismatch(XetFormatError):
    """Content whose hash is another than the one it was sent under."""
