"""A unified diff as rows for a page. Pure: text in, values out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

MAX_ROWS = 3000
"""So many lines of one commit are shown; more is no longer read, and slow to lay out."""
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Row:
    """`kind` is add, del, hunk or same; numbers are those of the old and the new file."""

    kind: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    path: str
    state: str
    """added, deleted, changed, or binary."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Diff:
    files: tuple[FileDiff, ...]
    is_cut: bool


def parse_diff(text: str) -> Diff:
    files: list[FileDiff] = []
    left = MAX_ROWS
    for part in re.split(r"^(?=diff --git )", text, flags=re.MULTILINE):
        if not part.startswith("diff --git "):
            continue
        rows = tuple(islice(_rows(part), left + 1))
        files.append(FileDiff(_path(part), _state(part), rows[:left]))
        if len(rows) > left:
            return Diff(tuple(files), is_cut=True)
        left -= len(rows)
    return Diff(tuple(files), is_cut=False)


def _path(part: str) -> str:
    first = part.partition("\n")[0].removeprefix("diff --git ")
    half = first[: len(first) // 2]
    return half.strip('"').removeprefix("a/")


def _state(part: str) -> str:
    head = part.partition("\n@@")[0]
    if "\nBinary files " in head:
        return "binary"
    if "\nnew file mode" in head:
        return "added"
    return "deleted" if "\ndeleted file mode" in head else "changed"


def _rows(part: str) -> Iterator[Row]:
    old = new = 0
    is_inside = False
    for line in part.split("\n"):
        if match := _HUNK.match(line):
            old, new, is_inside = int(match[1]), int(match[2]), True
            yield Row("hunk", None, None, line)
        elif not is_inside or not line:
            continue
        elif line[0] == "+":
            yield Row("add", None, new, line[1:])
            new += 1
        elif line[0] == "-":
            yield Row("del", old, None, line[1:])
            old += 1
        elif line[0] == " ":
            yield Row("same", old, new, line[1:])
            old, new = old + 1, new + 1
