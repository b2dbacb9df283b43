"""Git LFS pointer files: the small text that stands in git for a large file.

Source: git-lfs, docs/spec.md, "The Pointer". One literal example:

>>> pointer = Pointer("4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393", 12345)
>>> print(pointer.text.decode(), end="")
version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345
>>> parse_pointer(pointer.text) == pointer
True
"""

import re
from dataclasses import dataclass

MAX_POINTER_BYTES = 1024
_POINTER = re.compile(
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n"
    rb"(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,18})\n?\Z"
)
SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Pointer:
    sha256: str
    size: int

    @property
    def text(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"
        ).encode()


def parse_pointer(data: bytes) -> Pointer | None:
    """The pointer in `data`, or None where it is something else."""
    if len(data) > MAX_POINTER_BYTES:
        return None
    match = _POINTER.match(data)
    return Pointer(match[1].decode(), int(match[2])) if match else None
