"""Which files of a dataset belong together: its configurations and their splits, as `load_dataset` finds them.

Pure: paths and the card come in, tables go out. A configuration is what the card's `configs` lists; without one, names
decide. Source: datasets 5.2, `data_files.py` (`SPLIT_PATTERN_SHARDED`, `SPLIT_KEYWORDS` and the default patterns) and
`utils/metadata.py` (`MetadataConfigs`). Different here: whatever belongs to no split is still a table of its own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from wingman.hub.viewer.model import FORMATS, Table, TablePart

DEFAULT_CONFIG = "default"
MAX_CONFIGS = 500
MAX_COMPARISONS = 2_000_000
"""Of patterns with paths, for one card: cards are written by strangers, and each pattern is held against each file."""
_MAX_PATTERN_LENGTH = 500
_SHARDED = re.compile(r"data/(\w+(?:\.\w+)*?)-\d{5}-of-\d{5}[^/]*\.[^/]*\Z")
_SHARD = re.compile(r"[-_]\d{3,6}-of-\d{3,6}")
_KEYWORDS = {
    "train": "train|training",
    "validation": "validation|valid|dev|val",
    "test": "test|testing|eval|evaluation",
}
_BETWEEN = r"[-._ 0-9]"
_IN_FOLDER = {
    split: re.compile(rf"(?:^|/)(?:[^/]*{_BETWEEN})?(?:{words})(?:{_BETWEEN}[^/]*)?/")
    for split, words in _KEYWORDS.items()
}
_IN_NAME = {
    split: re.compile(rf"(?:^|/)(?:[^/]*{_BETWEEN})?(?:{words}){_BETWEEN}[^/]*\Z")
    for split, words in _KEYWORDS.items()
}
_NO_ROWS = frozenset(["config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"])
_ORDER = [*_KEYWORDS]
_WILDCARDS = frozenset("*?[")
_Splits = dict[str, list[TablePart]]


def find_tables(parts: Iterable[TablePart], card: Mapping[str, Any]) -> list[Table]:
    """The splits of every configuration, then the table files that are in none; by shards where they are in any.

    >>> [(table.split, len(table.parts)) for table in find_tables([TablePart("a/train.csv", "k", 1)], {})]
    [('train', 1)]
    """
    parts = sorted((part for part in parts if part.path.rpartition("/")[2] not in _NO_ROWS), key=lambda part: part.path)
    usable = [part for part in parts if not _is_hidden(part.path)]
    tables = [table for name, splits in _configurations(usable, card) for table in _tables_of(name, splits)]
    used = {part.path for table in tables for part in table.parts}
    return [*tables, *_loose(part for part in parts if part.path not in used)]


def _is_hidden(path: str) -> bool:
    return any(segment.startswith((".", "__")) for segment in path.split("/"))


def _configurations(parts: Sequence[TablePart], card: Mapping[str, Any]) -> Iterator[tuple[str, _Splits]]:
    stated = [item for item in _sequence(card.get("configs")) if isinstance(item, Mapping)][:MAX_CONFIGS]
    stated.sort(key=lambda item: item.get("default") is not True)
    left = MAX_COMPARISONS
    for item in stated:
        name = str(item.get("config_name") or DEFAULT_CONFIG)
        folder = str(item.get("data_dir") or "").strip("/").removeprefix("./")
        patterns = _stated_patterns(item.get("data_files"))
        left -= len(parts) * (1 + sum(len(found) for found in patterns.values()))
        if left < 0:
            return
        if patterns:
            yield name, {split: _matching(parts, folder, wanted) for split, wanted in patterns.items()}
        elif folder:
            yield name, _by_name([part for part in parts if part.path.startswith(f"{folder}/")], folder)
    if not stated and parts:
        yield DEFAULT_CONFIG, _by_name(parts, "")


def _stated_patterns(value: Any) -> dict[str, list[str]]:
    """`data_files` in any of its spellings: a pattern, a list of them, by split, or a list of splits with paths."""
    if isinstance(value, str):
        return {"train": [value]}
    if isinstance(value, Mapping):
        return {str(split): _texts(found) for split, found in value.items()}
    items = _sequence(value)
    if any(isinstance(item, Mapping) for item in items):
        return {
            str(item["split"]): _texts(item.get("path"))
            for item in items
            if isinstance(item, Mapping) and "split" in item
        }
    return {"train": _texts(items)} if items else {}


def _texts(value: Any) -> list[str]:
    items = [value] if isinstance(value, str) else _sequence(value)
    return [item for item in items if isinstance(item, str) and len(item) <= _MAX_PATTERN_LENGTH]


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _matching(parts: Sequence[TablePart], folder: str, patterns: Sequence[str]) -> list[TablePart]:
    wanted = {f"{folder}/{pattern}" if folder else pattern.removeprefix("./") for pattern in patterns}
    split_up = [pattern.split("/") for pattern in wanted if not _WILDCARDS.isdisjoint(pattern)]
    return [
        part
        for part in parts
        if part.path in wanted or any(_fits(part.path.split("/"), pattern) for pattern in split_up)
    ]


def _fits(segments: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a path fits a pattern, segment by segment; `**` stands for any number of them.

    >>> _fits(["data", "a", "x.csv"], ["**", "*.csv"]), _fits(["data", "x.csv"], ["*.csv"])
    (True, False)
    """
    reached = {0}
    for number, name in enumerate(pattern):
        if name == "**":
            is_last = number == len(pattern) - 1
            reached = {len(segments)} if is_last else set(range(min(reached), len(segments) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(segments) and fnmatchcase(segments[at], name)}
        if not reached:
            return False
    return len(segments) in reached


def _by_name(parts: Sequence[TablePart], folder: str) -> _Splits:
    """Splits by what paths say: numbered shards below `data/`, else folders, else file names; else all is train."""
    names = {part.path: part.path.removeprefix(f"{folder}/") if folder else part.path for part in parts}
    splits: _Splits = {}
    for part in parts:
        if match := _SHARDED.match(names[part.path]):
            splits.setdefault(match[1], []).append(part)
    for patterns in (_IN_FOLDER, _IN_NAME):
        if splits:
            return splits
        for split, pattern in patterns.items():
            if found := [part for part in parts if pattern.search(names[part.path])]:
                splits[split] = found
    return splits or {"train": list(parts)}


def _tables_of(config: str, splits: _Splits) -> Iterator[Table]:
    """One table for each split, of the format that most of the configuration's files have (Parquet in a draw)."""
    formats = Counter(_format(part.path) for found in splits.values() for part in found)
    if not formats:
        return
    format = max(sorted(formats), key=lambda name: (formats[name], name == "parquet"))
    for split in sorted(splits, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER)):
        found = tuple(part for part in splits[split] if _format(part.path) == format)
        if found:
            yield Table(found[0].path, split, found, config)


def _loose(parts: Iterable[TablePart]) -> Iterator[Table]:
    groups: dict[tuple[str, str], list[TablePart]] = {}
    for part in parts:
        groups.setdefault((_SHARD.sub("", part.path), _format(part.path)), []).append(part)
    for group in groups.values():
        yield Table(group[0].path, group[0].path.rpartition("/")[2].rpartition(".")[0], tuple(group))


def _format(path: str) -> str:
    return FORMATS[f".{path.rpartition('.')[2].lower()}"]
