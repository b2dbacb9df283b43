"""Xet's hashes: their text form, the keyed BLAKE3 functions and the Merkle tree over chunks.

A hash is 32 raw bytes everywhere in this package; its text form exists only in URLs, JSON and tree nodes.

Source: Xet protocol specification, "Hashing" (huggingface/hub-docs), as spoken by hf-xet 1.8.0.
"""

import re
from collections.abc import Iterable
from struct import Struct
from typing import TypeAlias

from blake3 import blake3

from wingman.hub.xet.errors import MalformedHash

BytesLike: TypeAlias = bytes | bytearray | memoryview
_Node: TypeAlias = tuple[bytes, int]

HASH_BYTES = 32
ZERO_HASH = bytes(HASH_BYTES)

_CHUNK_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_RANGE_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_FILE_KEY = bytes(32)

_LITTLE, _BIG = Struct("<4Q"), Struct(">4Q")
_TEXT = re.compile(r"[0-9a-f]{64}\Z")

# A group ends after a hash divisible by four, but has three to nine members (a tail may have fewer).
_MIN_GROUP, _MAX_GROUP = 3, 9


def to_text(raw: bytes) -> str:
    """The text form: each group of eight bytes read as a little-endian number, in hex.

    A SHA-256 inside a shard is kept so that its *text form* is the usual hex string.

    >>> to_text(bytes(range(32)))
    '07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918'
    """
    return _BIG.pack(*_LITTLE.unpack(raw)).hex()


def from_text(text: str) -> bytes:
    """The raw hash behind a text form, lower case only: one name a hash. Raises `MalformedHash`."""
    if not _TEXT.match(text):
        raise MalformedHash("not a Xet hash", expected="64 digits of lower-case hex", found=repr(text[:80]))
    return _BIG.pack(*_LITTLE.unpack(bytes.fromhex(text)))


def chunk_hash(chunk: BytesLike) -> bytes:
    """The name of a chunk's plain bytes."""
    return blake3(chunk, key=_CHUNK_KEY).digest()


def range_hash(chunk_hashes: bytes) -> bytes:
    """What a shard gives as proof of knowing a term's chunks. `chunk_hashes`: raw, back to back."""
    return blake3(chunk_hashes, key=_RANGE_KEY).digest()


def dedup_hash(key: bytes, raw: bytes) -> bytes:
    """A chunk hash hidden under the key of a deduplication answer (the specification calls this "HMAC")."""
    return blake3(raw, key=key).digest()


def xorb_hash(chunks: Iterable[tuple[bytes, int]]) -> bytes:
    """The name of a xorb: the root over its (hash, length) chunks in order, repeated ones included."""
    return merkle_root(chunks)


def file_hash(chunks: Iterable[tuple[bytes, int]]) -> bytes:
    """The name of a file (`X-Xet-Hash`) from its (hash, length) chunks in order; all zeros if it is empty.

    Takes any iterable and keeps a few dozen nodes: a file of a terabyte has sixteen million chunks.
    """
    root = merkle_root(chunks)
    return ZERO_HASH if root == ZERO_HASH else blake3(root, key=_FILE_KEY).digest()


def is_dedup_candidate(raw: bytes) -> bool:
    """Whether clients ask about this chunk even where no file begins: one in 1024 is."""
    return int.from_bytes(raw[24:26], "little") % 1024 == 0


def merkle_root(leaves: Iterable[_Node]) -> bytes:
    """The root hash over (hash, length) leaves; a single leaf is its own root, none at all gives zeros.

    Rows of the tree are grouped from the left, and where a group ends depends only on its own members until
    the row runs out. So all rows grow at once, each keeping just the group it has not closed.
    """
    rows: list[list[_Node]] = [[]]

    def push(level: int, node: _Node) -> None:
        row = rows[level]
        row.append(node)
        # raw[24] is the lowest byte of the hash's last number, which decides divisibility.
        if len(row) >= _MIN_GROUP and (node[0][24] % 4 == 0 or len(row) == _MAX_GROUP):
            close(level)

    def close(level: int) -> None:
        if level + 1 == len(rows):
            rows.append([])
        group, rows[level] = rows[level], []
        push(level + 1, _parent(group))

    for leaf in leaves:
        push(0, leaf)
    level = 0
    while level + 1 < len(rows) or len(rows[level]) > 1:
        if rows[level]:
            close(level)
        level += 1
    return rows[level][0][0] if rows[level] else ZERO_HASH


def _parent(group: list[_Node]) -> _Node:
    text = "".join([f"{to_text(raw)} : {length}\n" for raw, length in group])
    return blake3(text.encode(), key=_NODE_KEY).digest(), sum([length for _, length in group])
