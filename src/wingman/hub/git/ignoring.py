"""`.gitignore` at the root of a repository: which paths it leaves out. Source: gitignore(5)."""

from dataclasses import dataclass
from itertools import accumulate, islice

from wingman.hub.git.globs import MAX_RULES, Glob, TooManyRules


@dataclass(frozen=True, slots=True)
class _Rule:
    glob: Glob
    ignores: bool
    only_folders: bool


class IgnoreRules:
    """
    >>> rules = IgnoreRules(b"build/\\n*.log\\n!keep.log\\n")
    >>> [rules.ignores(path) for path in ("build/a/b", "x.log", "keep.log", "src/a")]
    [True, True, False, False]
    """

    def __init__(self, text: bytes) -> None:
        """Raises `TooManyRules`."""
        lines = text.decode("utf-8", "replace").splitlines()
        rules = (rule for line in lines if (rule := _parse(line)) is not None)
        self._rules = list(islice(rules, MAX_RULES + 1))
        if len(self._rules) > MAX_RULES:
            raise TooManyRules(".gitignore")

    @property
    def num_rules(self) -> int:
        return len(self._rules)

    def ignores(self, path: str) -> bool:
        """Nothing below an ignored folder can be taken back in."""
        *folders, whole = accumulate(path.split("/"), "{}/{}".format)
        return any(self._is_left_out(folder, is_folder=True) for folder in folders) or self._is_left_out(
            whole, is_folder=path.endswith("/")
        )

    def _is_left_out(self, path: str, *, is_folder: bool) -> bool:
        fitting = (rule for rule in reversed(self._rules) if is_folder or not rule.only_folders)
        return next((rule.ignores for rule in fitting if rule.glob.match(path)), False)


def _parse(line: str) -> _Rule | None:
    kept = line.rstrip() + (" " if line.rstrip().endswith("\\") and line.rstrip() != line else "")
    if not kept or kept.startswith("#"):
        return None
    ignores = not kept.startswith("!")
    pattern = kept if ignores else kept[1:]
    if not pattern.strip("/"):
        return None
    return _Rule(Glob(pattern), ignores, pattern.endswith("/"))
