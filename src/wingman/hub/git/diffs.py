"""What changed between two trees, as the unified diff that `git diff` prints and `git apply` reads.

Pure: trees come from a `TreeLoader`, bytes from a function. Large files show as their pointers, as git has them.
Source: git's documentation, "Generating patch text with -p" (diff-format).
"""

from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

from wingman.hub.git.objects import ZERO_OID, TreeEntry, encode_path
from wingman.hub.git.trees import Change, TreeLoader, differences

MAX_COMPARED_LINES = 20_000
"""In longer files everything counts as replaced: comparing lines costs up to the product of their numbers."""
CONTEXT_LINES = 3

BlobReader = Callable[[str], bytes | None]
"""A blob's bytes by its id; None where it is too large to be shown."""


def unified_diff(load: TreeLoader, read: BlobReader, before: str, after: str) -> str:
    """The diff between two trees, files by path; binary and too large ones are only named."""
    return "".join(line for change in differences(load, before, after) for line in _file_diff(read, change))


def _file_diff(read: BlobReader, change: Change) -> Iterator[str]:
    old_name, new_name = _quoted(f"a/{change.path}"), _quoted(f"b/{change.path}")
    yield f"diff --git {old_name} {new_name}\n"
    yield from _header(change.before, change.after)
    if change.before and change.after and change.before.oid == change.after.oid:
        return
    old = read(change.before.oid) if change.before else b""
    new = read(change.after.oid) if change.after else b""
    from_name = old_name if change.before else "/dev/null"
    to_name = new_name if change.after else "/dev/null"
    if old is None or new is None or b"\0" in old or b"\0" in new:
        yield f"Binary files {from_name} and {to_name} differ\n"
        return
    hunks = "".join(_hunks(_lines(old), _lines(new)))
    if hunks:
        yield f"--- {from_name}\n+++ {to_name}\n{hunks}"


def _header(before: TreeEntry | None, after: TreeEntry | None) -> Iterator[str]:
    if before is None and after is not None:
        yield f"new file mode {after.mode:o}\n"
    elif after is None and before is not None:
        yield f"deleted file mode {before.mode:o}\n"
    elif before is not None and after is not None and before.mode != after.mode:
        yield f"old mode {before.mode:o}\nnew mode {after.mode:o}\n"
    old = before.oid if before else ZERO_OID
    new = after.oid if after else ZERO_OID
    if old != new:
        mode = f" {after.mode:o}" if before and after and before.mode == after.mode else ""
        yield f"index {old}..{new}{mode}\n"


def _lines(data: bytes) -> list[str]:
    """Lines as they go into a diff, each with its line end; one without says so, as git does."""
    lines = data.decode("utf-8", "replace").split("\n")
    last = lines.pop()
    whole = [f"{line}\n" for line in lines]
    return [*whole, f"{last}\n\\ No newline at end of file\n"] if last else whole


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    for group in _groups(old, new):
        old_start, old_end = group[0][1], group[-1][2]
        new_start, new_end = group[0][3], group[-1][4]
        yield f"@@ -{_span(old_start, old_end)} +{_span(new_start, new_end)} @@\n"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i1:i2])
                continue
            yield from (f"-{line}" for line in old[i1:i2])
            yield from (f"+{line}" for line in new[j1:j2])


def _groups(old: list[str], new: list[str]) -> list[list[tuple[str, int, int, int, int]]]:
    if max(len(old), len(new)) > MAX_COMPARED_LINES:
        return [[("replace", 0, len(old), 0, len(new))]]
    return list(SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT_LINES))


def _span(start: int, end: int) -> str:
    """First line (1-based; the one before it where the span is empty) and number of lines.

    >>> _span(0, 1), _span(4, 7), _span(0, 0)
    ('1', '5,3', '0,0')
    """
    length = end - start
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


def _quoted(name: str) -> str:
    r"""A path as git writes it: in C's quotes where it holds anything but plain ASCII.

    >>> _quoted("a/plain name.txt"), _quoted("a/é")
    ('a/plain name.txt', '"a/\\303\\251"')
    """
    data = encode_path(name)
    if all(32 <= byte < 127 and byte not in b'"\\' for byte in data):
        return name
    escaped = "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in data
    )
    return f'"{escaped}"'
