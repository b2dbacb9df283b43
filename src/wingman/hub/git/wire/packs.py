"""Writing pack files from objects that are compressed already.

Source: git, Documentation/gitformat-pack.txt: "PACK", version 2, number of objects, then for each object its
kind and size in a variable-length number followed by a zlib stream, at the end the SHA-1 of everything.
"""

import hashlib
from collections.abc import Iterable, Iterator

from wingman.hub.git.store import PackedObject

_PIECE_BYTES = 1 << 20


def write_pack(num_objects: int, objects: Iterable[PackedObject]) -> Iterator[bytes]:
    """A pack without deltas, in pieces of about a megabyte. `objects` must yield exactly `num_objects`."""
    checksum = hashlib.sha1(usedforsecurity=False)
    waiting = bytearray(b"PACK" + (2).to_bytes(4, "big") + num_objects.to_bytes(4, "big"))
    written = 0
    for item in objects:
        waiting += entry_header(item.kind, item.size) + item.deflated
        written += 1
        if len(waiting) >= _PIECE_BYTES:
            checksum.update(waiting)
            yield bytes(waiting)
            waiting.clear()
    assert written == num_objects, "the pack's header promised another number of objects"
    checksum.update(waiting)
    yield bytes(waiting) + checksum.digest()


def entry_header(kind: int, size: int) -> bytes:
    """Kind in three bits, then the size: four bits in the first byte, seven in each that follows.

    >>> entry_header(3, 300).hex()
    'bc12'
    """
    first, rest = kind << 4 | size & 0xF, size >> 4
    out = bytearray()
    while rest:
        out.append(first | 0x80)
        first, rest = rest & 0x7F, rest >> 7
    out.append(first)
    return bytes(out)
