"""Merging two lines of work, as git's three-way merge does it: by file, and by line where both changed a file.

Pure: trees come from a `TreeLoader`, texts from a function; the merged objects are returned, not kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from wingman.hub.git.objects import MODE_EXECUTABLE, MODE_FILE, GitObject, ObjectKind, TreeEntry
from wingman.hub.git.trees import Change, NewFile, PathEntry, TreeLoader, differences, find_entries, walk

MAX_MERGED_LINES = 20_000
"""Longer files that both sides changed count as conflicts: comparing lines costs up to their product."""

TextReader = Callable[[str], bytes | None]
"""A blob's bytes by its id; None where it is no text that may be merged by line."""


@dataclass(frozen=True, slots=True)
class Merge:
    """How to bring the changes of one side into the other.

    changes:   what to apply to our tree (see `trees.edit`); complete only where `conflicts` is empty.
    blobs:     files that were merged line by line, as new objects.
    conflicts: paths that both sides changed in ways that do not go together, sorted.
    """

    changes: Mapping[str, NewFile | None]
    blobs: Sequence[GitObject]
    conflicts: Sequence[str]


def merge_trees(load: TreeLoader, read: TextReader, *, base: str, ours: str, theirs: str) -> Merge:
    """Bring what `theirs` changed since `base` into `ours`; all three are trees."""
    our_changes = {change.path: change for change in differences(load, base, ours)}
    changes: dict[str, NewFile | None] = {}
    blobs: list[GitObject] = []
    conflicts: list[str] = []
    for change in differences(load, base, theirs):
        mine = our_changes.get(change.path)
        if mine is None:
            changes[change.path] = _new_file(change.after)
        elif mine.after != change.after:
            merged = _merge_file(read, mine, change)
            if merged is None:
                conflicts.append(change.path)
                continue
            blob = GitObject(ObjectKind.BLOB, merged)
            blobs.append(blob)
            changes[change.path] = NewFile(blob.oid, _merged_mode(mine, change))
    conflicts.extend(_blocked(load, ours, changes))
    return Merge(changes, blobs, sorted(set(conflicts)))


def _new_file(entry: TreeEntry | None) -> NewFile | None:
    return None if entry is None else NewFile(entry.oid, entry.mode)


def _merged_mode(mine: Change, change: Change) -> int:
    """The mode that a side changed; ours where both did."""
    assert mine.before
    assert mine.after
    assert change.after
    return change.after.mode if mine.after.mode == mine.before.mode else mine.after.mode


def _merge_file(read: TextReader, mine: Change, change: Change) -> bytes | None:
    """One file that both sides changed differently, merged by line; None for a conflict."""
    if mine.before is None or mine.after is None or change.after is None:
        return None
    versions = (mine.before, mine.after, change.after)
    if any(version.mode not in (MODE_FILE, MODE_EXECUTABLE) for version in versions):
        return None
    texts = [read(version.oid) for version in versions]
    if any(text is None for text in texts):
        return None
    lines = [text.splitlines(keepends=True) for text in texts if text is not None]
    if max(map(len, lines)) > MAX_MERGED_LINES:
        return None
    merged = merge_lines(*lines)
    return None if merged is None else b"".join(merged)


def _blocked(load: TreeLoader, ours: str, changes: Mapping[str, NewFile | None]) -> Iterator[str]:
    """New paths that cannot stand in our tree: below one of our files, or in place of one of our folders."""
    added = [path for path, file in changes.items() if file is not None]
    above = {path: _folders(path) for path in added}
    here = find_entries(load, ours, {*added, *(folder for folders in above.values() for folder in folders)})
    for path in added:
        entry = here.get(path)
        is_below_file = any(
            folder in here and not here[folder].is_directory and folder not in changes
            for folder in above[path]
        )
        is_full_folder = entry is not None and entry.is_directory and not _emptied(load, entry, changes)
        if is_below_file or is_full_folder:
            yield path


def _folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _emptied(load: TreeLoader, folder: PathEntry, changes: Mapping[str, NewFile | None]) -> bool:
    """Whether the changes remove everything that stands in our folder."""
    below = (entry.path for entry in walk(load, folder.oid, prefix=folder.path) if not entry.is_directory)
    return all(path in changes and changes[path] is None for path in below)


def merge_lines(base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]) -> list[bytes] | None:
    """The three-way merge of a text; None where both sides changed the same lines differently.

    >>> merge_lines([b"a", b"b", b"c"], [b"A", b"b", b"c"], [b"a", b"b", b"C"])
    [b'A', b'b', b'C']
    >>> merge_lines([b"a"], [b"x"], [b"y"]) is None
    True

    Source: Khanna, Kunal, Pierce: A Formal Investigation of Diff3, 2007, section 3 (stable and unstable chunks).
    """
    merged: list[bytes] = []
    base_at = our_at = their_at = 0
    for base_start, our_start, their_start, length in _stable(base, ours, theirs):
        old = base[base_at:base_start]
        mine, other = ours[our_at:our_start], theirs[their_at:their_start]
        if mine in (old, other):
            merged.extend(other)
        elif other == old:
            merged.extend(mine)
        else:
            return None
        merged.extend(base[base_start : base_start + length])
        base_at, our_at, their_at = base_start + length, our_start + length, their_start + length
    return merged


def _stable(
    base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]
) -> Iterator[tuple[int, int, int, int]]:
    """Runs of lines that all three share: starts in base, ours, theirs, and length; ends with an empty one."""
    mine = SequenceMatcher(None, base, ours, autojunk=False).get_matching_blocks()
    other = SequenceMatcher(None, base, theirs, autojunk=False).get_matching_blocks()
    left = right = 0
    while left < len(mine) and right < len(other):
        start = max(mine[left].a, other[right].a)
        end = min(mine[left].a + mine[left].size, other[right].a + other[right].size)
        if start < end:
            yield (
                start,
                mine[left].b + start - mine[left].a,
                other[right].b + start - other[right].a,
                end - start,
            )
        if mine[left].a + mine[left].size < other[right].a + other[right].size:
            left += 1
        else:
            right += 1
    yield len(base), len(ours), len(theirs), 0
