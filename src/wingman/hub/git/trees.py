"""Trees of directories: looking up, walking, comparing and editing them without touching what did not change.

Works on a `TreeLoader`, a function from tree ids to entries, so that it can be tested on a dictionary.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.git.objects import EMPTY_TREE, MODE_DIRECTORY, GitObject, TreeEntry, make_tree

TreeLoader = Callable[[Iterable[str]], Mapping[str, Sequence[TreeEntry]]]
"""Loads many trees at once: a walk asks once per level, not once per folder."""

MAX_PATH_BYTES = 4096
_OUTSIDE_ON_WINDOWS = re.compile(r"(?:\.\.)?\\|[A-Za-z]:\\")
"""Beyond its start a path may hold backslashes, as git and the public Hub have it; clients guard themselves."""

MAX_DEPTH = 100
"""Folders within folders. Deeper ones are of use to nobody, and every reader would have to follow."""

MAX_WALKED = 1_000_000
"""The same folder may stand in many places: a few small trees can name more files than there is memory for."""

MAX_WALKED_CHARACTERS = 100_000_000
"""Of all their paths together: that few trees can give each of these files a path of thousands of letters."""

_FORBIDDEN_SEGMENTS = {"", ".", "..", ".git"}


class TooManyFiles(TooLarge):
    """A tree with more entries than are listed, compared or copied at once, or with longer paths to them."""

    def __init__(self) -> None:
        super().__init__(
            f"There are more than {MAX_WALKED} files here, or too long paths to them: look at one folder at a time."
        )


class InvalidPath(Invalid):
    """A path that may not stand in a repository."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"Invalid path {path!r} in the repository: {why}")
        self.path = path


def check_path(path: str) -> str:
    """Return `path` if a file may have it, else raise `InvalidPath`."""
    segments = path.split("/")
    if _FORBIDDEN_SEGMENTS & {segment.lower() for segment in segments}:
        raise InvalidPath(path, "it must be relative, and no part may be empty, '.', '..' or '.git'.")
    if any(ord(char) < 32 or char == "\x7f" for char in path):
        raise InvalidPath(path, "control characters are not allowed.")
    if _OUTSIDE_ON_WINDOWS.match(path):
        raise InvalidPath(path, "on Windows it would lie outside of the repository.")
    if len(segments) > MAX_DEPTH:
        raise InvalidPath(path[:200], f"it leads through more than {MAX_DEPTH} folders.")
    try:
        length = len(path.encode())
    except UnicodeEncodeError as error:
        raise InvalidPath(path, "it is not valid Unicode.") from error
    if length > MAX_PATH_BYTES or any(len(segment.encode()) > 255 for segment in segments):
        raise InvalidPath(path, f"it is longer than {MAX_PATH_BYTES} bytes, or a part of it longer than 255.")
    return path


@dataclass(frozen=True, slots=True)
class PathEntry:
    """A tree entry with its whole path."""

    path: str
    mode: int
    oid: str

    @property
    def is_directory(self) -> bool:
        return self.mode == MODE_DIRECTORY


def find_entry(load: TreeLoader, root: str, path: str) -> PathEntry | None:
    """What stands at `path` below the tree `root`; the root itself for an empty path."""
    entry = PathEntry("", MODE_DIRECTORY, root)
    for segment in path.split("/") if path else ():
        if not entry.is_directory:
            return None
        found = next((child for child in _entries(load, entry.oid) if child.name == segment), None)
        if found is None:
            return None
        entry = PathEntry(f"{entry.path}/{segment}".lstrip("/"), found.mode, found.oid)
    return entry


def find_entries(load: TreeLoader, root: str, paths: Iterable[str]) -> dict[str, PathEntry]:
    """Many paths at once, each tree loaded once; missing ones are left out."""
    known: dict[str, dict[str, TreeEntry]] = {}

    def children(oid: str) -> dict[str, TreeEntry]:
        if oid not in known:
            known[oid] = {entry.name: entry for entry in _entries(load, oid)}
        return known[oid]

    found = {}
    for path in paths:
        mode, oid = MODE_DIRECTORY, root
        for segment in path.split("/") if path else ():
            child = children(oid).get(segment) if mode == MODE_DIRECTORY else None
            if child is None:
                break
            mode, oid = child.mode, child.oid
        else:
            found[path] = PathEntry(path, mode, oid)
    return found


def walk(load: TreeLoader, root: str, *, prefix: str = "") -> list[PathEntry]:
    """Everything below the tree `root`, files and directories, sorted by path; paths start with `prefix`.

    Raises `TooManyFiles`.
    """
    entries: list[PathEntry] = []
    level, left = [(prefix, root)], MAX_WALKED_CHARACTERS
    while level:
        loaded = load({oid for _, oid in level})
        following = []
        for folder, oid in level:
            if len(entries) > MAX_WALKED:
                raise TooManyFiles
            for child in loaded.get(oid, ()):
                path = f"{folder}/{child.name}" if folder else child.name
                left -= len(path)
                if left < 0:
                    raise TooManyFiles
                entries.append(PathEntry(path, child.mode, child.oid))
                if child.is_directory:
                    following.append((path, child.oid))
        level = following
    entries.sort(key=lambda entry: entry.path)
    return entries


def list_directory(load: TreeLoader, tree: str, *, prefix: str = "") -> list[PathEntry]:
    """The direct children of one tree, directories first as listings show them."""
    children = [
        PathEntry(f"{prefix}/{child.name}" if prefix else child.name, child.mode, child.oid)
        for child in _entries(load, tree)
    ]
    return sorted(children, key=lambda entry: (not entry.is_directory, entry.path))


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs between two trees; `before` or `after` is None where it is absent."""

    path: str
    before: TreeEntry | None
    after: TreeEntry | None


def differences(load: TreeLoader, before: str, after: str, *, prefix: str = "") -> Iterator[Change]:
    """The files that differ, by path; equal subtrees are never opened. Raises `TooManyFiles`, `InvalidPath`."""
    for number, change in enumerate(_differences(load, before, after, prefix=prefix)):
        if number >= MAX_WALKED:
            raise TooManyFiles
        yield change


def _differences(load: TreeLoader, before: str, after: str, *, prefix: str) -> Iterator[Change]:
    if before == after:
        return
    # Folders that were pushed one after another can be stacked higher than any single path that was checked.
    if prefix.count("/") > 2 * MAX_DEPTH:
        raise InvalidPath(prefix[:200], f"it leads through more than {MAX_DEPTH} folders.")
    old = {entry.name: entry for entry in _entries(load, before)}
    new = {entry.name: entry for entry in _entries(load, after)}
    for name in sorted(old.keys() | new.keys()):
        left, right = old.get(name), new.get(name)
        if left == right:
            continue
        path = f"{prefix}/{name}" if prefix else name
        left_tree = left.oid if left and left.is_directory else EMPTY_TREE
        right_tree = right.oid if right and right.is_directory else EMPTY_TREE
        yield from _differences(load, left_tree, right_tree, prefix=path)
        left_file = left if left and not left.is_directory else None
        right_file = right if right and not right.is_directory else None
        if left_file or right_file:
            yield Change(path, left_file, right_file)


@dataclass(frozen=True, slots=True)
class NewFile:
    oid: str
    mode: int


def edit(load: TreeLoader, root: str, changes: Mapping[str, NewFile | None]) -> tuple[str, list[GitObject]]:
    """Apply changes to the tree `root`: a path gets a file, or (None) loses what stands there.

    A removed path takes a whole directory with it; directories that become empty disappear, as in git.
    Returns the new root's id and the new tree objects. Only folders on changed paths are opened.
    """
    here: dict[str, NewFile | None] = {}
    below: dict[str, dict[str, NewFile | None]] = {}
    for path, change in changes.items():
        name, _, rest = path.partition("/")
        if rest:
            below.setdefault(name, {})[rest] = change
        else:
            here[name] = change
    entries = {entry.name: entry for entry in _entries(load, root)}
    created: list[GitObject] = []
    for name, change in here.items():
        if change is None:
            entries.pop(name, None)
    for name, nested in below.items():
        old = entries.get(name)
        subtree, objects = edit(load, old.oid if old and old.is_directory else EMPTY_TREE, nested)
        created.extend(objects)
        if subtree == EMPTY_TREE:
            # Only removals: a file that has the folder's name is not one of them.
            if old is not None and old.is_directory:
                del entries[name]
        else:
            entries[name] = TreeEntry(name, MODE_DIRECTORY, subtree)
    for name, change in here.items():
        if change is not None:
            if name in below and name in entries and entries[name].is_directory:
                raise InvalidPath(name, "a file and a folder cannot have the same name.")
            entries[name] = TreeEntry(name, change.mode, change.oid)
    tree = make_tree(entries.values())
    created.append(tree)
    return tree.oid, created


def _entries(load: TreeLoader, oid: str) -> Sequence[TreeEntry]:
    return () if oid == EMPTY_TREE else load([oid])[oid]
