"""`.gitignore` at the root of a repository: which paths it leaves out.

Source: gitignore(5); the patterns are dulwich's.
"""

from io import BytesIO

from dulwich.ignore import IgnoreFilter, read_ignore_patterns


class IgnoreRules:
    """
    >>> rules = IgnoreRules(b"build/\\n*.log\\n!keep.log\\n")
    >>> [rules.ignores(path) for path in ("build/a/b", "x.log", "keep.log", "src/a")]
    [True, True, False, False]
    """

    def __init__(self, text: bytes) -> None:
        self._filter = IgnoreFilter(read_ignore_patterns(BytesIO(text)))

    def ignores(self, path: str) -> bool:
        return bool(self._filter.is_ignored(path))
