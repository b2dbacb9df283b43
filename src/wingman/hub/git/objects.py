"""Git's four object kinds as values: parsing, serialising, hashing. Bytes in, values out.

Source: git's documentation, "Git Internals - Git Objects", and `gitformat-index(5)` for modes. Paths are
text here, with undecodable bytes kept as surrogates, so that every path survives a round trip.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from dulwich.objects import parse_tree as _parse_tree

from wingman.hub.errors import Invalid

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ZERO_OID = "0" * 40

MODE_FILE, MODE_EXECUTABLE, MODE_SYMLINK, MODE_DIRECTORY, MODE_SUBMODULE = (
    0o100644,
    0o100755,
    0o120000,
    0o40000,
    0o160000,
)


class ObjectKind(IntEnum):
    """The numbers are those of pack files (gitformat-pack(5))."""

    COMMIT = 1
    TREE = 2
    BLOB = 3
    TAG = 4

    @property
    def word(self) -> bytes:
        return self.name.lower().encode()


@dataclass(frozen=True, slots=True)
class GitObject:
    kind: ObjectKind
    data: bytes

    @property
    def oid(self) -> str:
        """The SHA-1 name.

        >>> GitObject(ObjectKind.TREE, b"").oid == EMPTY_TREE
        True
        """
        header = b"%s %d\0" % (self.kind.word, len(self.data))
        return hashlib.sha1(header + self.data, usedforsecurity=False).hexdigest()


class MalformedObject(Invalid):
    """Bytes that are not the git object they claim to be."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    name: str
    mode: int
    oid: str

    @property
    def is_directory(self) -> bool:
        return self.mode == MODE_DIRECTORY


def parse_tree(data: bytes) -> list[TreeEntry]:
    """The entries in git's own order. Raises `MalformedObject`."""
    try:
        return [
            TreeEntry(decode_path(name), mode, oid.decode("ascii") if len(oid) == 40 else oid.hex())
            for name, mode, oid in _parse_tree(data, 20)
        ]
    except Exception as error:
        raise MalformedObject(f"not a git tree: {error}") from error


def make_tree(entries: Iterable[TreeEntry]) -> GitObject:
    """Serialise entries, putting them into git's order (directories sort as if they ended with '/')."""
    raw = [(encode_path(entry.name), entry) for entry in entries]
    raw.sort(key=lambda item: item[0] + b"/" if item[1].is_directory else item[0])
    data = b"".join(b"%o %s\0%s" % (entry.mode, name, bytes.fromhex(entry.oid)) for name, entry in raw)
    return GitObject(ObjectKind.TREE, data)


def decode_path(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def encode_path(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Commit:
    tree: str
    parents: tuple[str, ...]
    author: Person
    authored_at: datetime
    committer: Person
    committed_at: datetime
    message: str

    @property
    def title(self) -> str:
        return self.message.partition("\n")[0].strip()

    @property
    def body(self) -> str:
        return self.message.partition("\n")[2].strip()


_PERSON = re.compile(rb"(.*?) ?<([^>]*)> (-?\d+)(?: ([+-]\d{4}))?\Z", re.DOTALL)


def parse_commit(data: bytes) -> Commit:
    """Raises `MalformedObject`. Unknown headers (signatures, encodings) are passed over."""
    head, _, message = data.partition(b"\n\n")
    tree, parents, people = "", [], {}
    for line in head.split(b"\n"):
        word, _, value = line.partition(b" ")
        if word == b"tree":
            tree = value.decode("ascii", "replace")
        elif word == b"parent":
            parents.append(value.decode("ascii", "replace"))
        elif word in (b"author", b"committer"):
            people[word] = _parse_person(value)
    if len(tree) != 40 or len(people) != 2:
        raise MalformedObject("not a git commit: it has no tree, author or committer")
    author, authored_at = people[b"author"]
    committer, committed_at = people[b"committer"]
    return Commit(
        tree, tuple(parents), author, authored_at, committer, committed_at, message.decode("utf-8", "replace")
    )


def _parse_person(value: bytes) -> tuple[Person, datetime]:
    match = _PERSON.match(value)
    if match is None:
        raise MalformedObject(f"not a git identity: {value[:80]!r}")
    name, email, seconds = (
        match[1].decode("utf-8", "replace"),
        match[2].decode("utf-8", "replace"),
        int(match[3]),
    )
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        moment = datetime.fromtimestamp(0, UTC)
    return Person(name, email), moment


def make_commit(commit: Commit) -> GitObject:
    lines = [f"tree {commit.tree}", *(f"parent {parent}" for parent in commit.parents)]
    lines.append(f"author {_person_line(commit.author, commit.authored_at)}")
    lines.append(f"committer {_person_line(commit.committer, commit.committed_at)}")
    text = "\n".join(lines) + "\n\n" + commit.message
    return GitObject(ObjectKind.COMMIT, text.encode("utf-8", "surrogateescape"))


def make_tag(
    *, target: str, target_kind: ObjectKind, name: str, tagger: Person, at: datetime, message: str
) -> GitObject:
    """An annotated tag."""
    text = (
        f"object {target}\ntype {target_kind.word.decode()}\ntag {name}\n"
        f"tagger {_person_line(tagger, at)}\n\n{message}\n"
    )
    return GitObject(ObjectKind.TAG, text.encode())


def tag_target(data: bytes) -> tuple[str, ObjectKind]:
    """What an annotated tag points at. Raises `MalformedObject`."""
    lines = data.split(b"\n", 2)
    if len(lines) < 2 or not lines[0].startswith(b"object ") or not lines[1].startswith(b"type "):
        raise MalformedObject("not a git tag")
    try:
        return lines[0][7:].decode("ascii"), ObjectKind[lines[1][5:].decode("ascii").upper()]
    except (KeyError, UnicodeDecodeError) as error:
        raise MalformedObject("not a git tag") from error


def _person_line(person: Person, at: datetime) -> str:
    # '<', '>' and line ends would break the header; git itself strips them.
    name = re.sub(r"[<>\n\x00]", "", person.name).strip() or "unknown"
    email = re.sub(r"[<>\n\x00]", "", person.email).strip()
    return f"{name} <{email}> {int(at.timestamp())} +0000"


def referenced(kind: ObjectKind, data: bytes) -> Sequence[str]:
    """The objects that this one needs (submodule commits live elsewhere and are left out)."""
    if kind is ObjectKind.COMMIT:
        commit = parse_commit(data)
        return (commit.tree, *commit.parents)
    if kind is ObjectKind.TREE:
        return [entry.oid for entry in parse_tree(data) if entry.mode != MODE_SUBMODULE]
    if kind is ObjectKind.TAG:
        return (tag_target(data)[0],)
    return ()
