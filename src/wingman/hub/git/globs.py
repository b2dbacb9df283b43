"""Git's globs (gitignore(5)), matched in time that grows with the path and the pattern, whoever wrote them.

A regular expression for a whole glob tries every way to divide the path among its stars, which takes years for
some. Here each part between slashes is matched alone, and there each star settles for its shortest match: what
stands between two stars has a fixed length, so a later place is never better.
"""

import re

from wingman.hub.errors import TooLarge

MAX_RULES = 10_000
"""So many globs are read from one file; compiling more takes seconds."""

_ANYTHING = "**"


class TooManyRules(TooLarge):
    """A `.gitattributes` or `.gitignore` with more lines than are held against every path."""

    def __init__(self, file: str) -> None:
        super().__init__(f"{file} has more than {MAX_RULES} rules: say it with fewer patterns.")


class Glob:
    """
    >>> Glob("a/**/*.bin").match("a/b/c/d.bin"), Glob("*.bin").match("a/d.bin"), Glob("/*.bin").match("a/d.bin")
    (True, True, False)
    """

    def __init__(self, text: str) -> None:
        parts = text.strip("/").split("/")
        if "/" not in text.rstrip("/"):
            parts = [_ANYTHING, *parts]
        self._parts = [None if part == _ANYTHING else _compile(part) for part in parts]

    def match(self, path: str) -> bool:
        """Whether the whole path is meant."""
        # Which parts of the glob may be next, after each part of the path: all ways at once.
        waiting = self._with_skipped({0})
        for name in path.split("/"):
            following = set()
            for index in waiting:
                if index < len(self._parts):
                    part = self._parts[index]
                    if part is None:
                        following.add(index)
                        if index == len(self._parts) - 1:
                            following.add(index + 1)  # `a/**` means all that lies in `a`, but not `a`
                    elif part.match(name):
                        following.add(index + 1)
            waiting = self._with_skipped(following)
            if not waiting:
                return False
        return len(self._parts) in waiting

    def _with_skipped(self, indices: set[int]) -> set[int]:
        """A `**` may stand for no folder at all, except at the end."""
        reached = set(indices)
        for index in range(len(self._parts) - 1):
            if index in reached and self._parts[index] is None:
                reached.add(index + 1)
        return reached


def _compile(part: str) -> re.Pattern[str]:
    pieces = [_fixed(piece) for piece in _split_at_stars(part)]
    if len(pieces) == 1:
        body = pieces[0]
    else:
        first, *middle, last = pieces
        body = first + "".join(f"(?>.*?{piece})" for piece in middle) + f".*{last}"
    try:
        return re.compile(body + r"\Z", re.DOTALL)
    except re.error:  # `[z-a]`: no file is meant by that
        return re.compile(r"(?!)")


def _split_at_stars(part: str) -> list[str]:
    pieces, rest = [""], part
    while rest:
        token = _token(rest)
        rest = rest[len(token) :]
        if token == "*":
            pieces.append("")
        else:
            pieces[-1] += token
    first, *middle, last = pieces if len(pieces) > 1 else (pieces[0], "")
    if len(pieces) == 1:
        return pieces
    return [first, *(piece for piece in middle if piece), last]


def _token(rest: str) -> str:
    """One character, an escaped one, or a class in brackets."""
    if rest[0] == "\\":
        return rest[:2]
    if rest[0] == "[" and (end := rest.find("]", 2)) > 0:
        return rest[: end + 1]
    return rest[0]


def _fixed(piece: str) -> str:
    """A regular expression for something without stars: it matches texts of one length."""
    out, rest = [], piece
    while rest:
        token = _token(rest)
        rest = rest[len(token) :]
        if token == "?":
            out.append(".")
        elif len(token) > 2 and token[0] == "[":
            inside = token[1:-1].replace("\\", r"\\").replace("[", r"\[")
            out.append(f"[^{inside[1:]}]" if inside[0] in "!^" and inside[1:] else f"[{inside}]")
        elif token == "[":
            out.append("(?!)")  # a class that never ends means nothing
        else:
            out.append(re.escape(token[-1]))
    return "".join(out)
