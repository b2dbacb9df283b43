"""Which files enter git as they are, and which as pointers to large files. Pure."""

from wingman.hub.git.attributes import Attributes

_NEWLY_LARGE_BYTES = 10 << 20
_BINARY_LARGE_BYTES = 1 << 20
"""Without a rule in .gitattributes: text of 10 MB and binary data of 1 MB upwards are kept as large files."""


def is_large(path: str, size: int, sample: bytes, attributes: Attributes) -> bool:
    """Whether a new file is kept as a large file. sample: its first bytes."""
    if size == 0 or path.rpartition("/")[2] in (".gitattributes", ".gitignore", "README.md"):
        return False
    if attributes.is_lfs(path) or size >= _NEWLY_LARGE_BYTES:
        return True
    return b"\0" in sample and size >= _BINARY_LARGE_BYTES
