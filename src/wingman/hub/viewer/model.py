"""Tables as people look at them: which files make one, what is asked of it, and what comes back."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wingman.hub.errors import HubError, Invalid, NotFound, TooLarge

FORMATS = {".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".parquet": "parquet"}
_SHARD = re.compile(r"[-_]\d{3,6}-of-\d{3,6}")
_SPLITS = (
    ("train", re.compile(r"(?:^|[/._-])train", re.IGNORECASE)),
    ("validation", re.compile(r"(?:^|[/._-])(?:val|valid|validation|dev)(?:[/._-]|$)", re.IGNORECASE)),
    ("test", re.compile(r"(?:^|[/._-])(?:test|eval)", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class TablePart:
    """One file of a table. `key` names its bytes."""

    path: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Table:
    """One file, or the shards of one split (`train-00000-of-00003.parquet`, …)."""

    path: str
    split: str
    parts: tuple[TablePart, ...]

    @property
    def format(self) -> str:
        return FORMATS[f".{self.parts[0].path.rpartition('.')[2].lower()}"]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


def group_tables(parts: Iterable[TablePart]) -> list[Table]:
    """Shards of one split are one table; train comes before validation before test before the rest.

    >>> [table.path for table in group_tables([TablePart("test.csv", "b", 1), TablePart("train.csv", "a", 1)])]
    ['train.csv', 'test.csv']
    """
    groups: dict[str, list[TablePart]] = {}
    for part in sorted(parts, key=lambda part: part.path):
        groups.setdefault(_SHARD.sub("", part.path), []).append(part)
    tables = [Table(group[0].path, split_of(group[0].path), tuple(group)) for group in groups.values()]
    order = [name for name, _ in _SPLITS]
    return sorted(tables, key=lambda table: (order.index(table.split) if table.split in order else 9, table.path))


def split_of(path: str) -> str:
    """What the path says of the split; the file's stem where it says nothing."""
    found = next((name for name, pattern in _SPLITS if pattern.search(path)), None)
    return found or path.rpartition("/")[2].rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class RowsQuery:
    """`sort` is a column's name or empty; `search` is looked for in every text column, in any case."""

    sort: str = ""
    descending: bool = False
    search: str = ""
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """`kind` is number, text, bool, time, bytes or nested. Statistics are of the rows that were looked at.

    bars: a histogram (numbers, lengths of texts) or the most frequent values; each {"label", "count"}.
    """

    name: str
    type: str
    kind: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    bars: tuple[Mapping[str, Any], ...] = ()
    bars_of: str = ""


@dataclass(frozen=True, slots=True)
class TableFacts:
    num_rows: int
    num_measured: int
    """So many rows the statistics are of: all, or an even sample."""
    columns: tuple[ColumnFacts, ...]


@dataclass(frozen=True, slots=True)
class RowsPage:
    rows: tuple[tuple[str | None, ...], ...]
    num_found: int


class TableMissing(NotFound):
    """No table file of this name at this revision."""

    def __init__(self, path: str) -> None:
        super().__init__(f"There is no table file {path!r} here.")
        self.path = path


class TableUnreadable(Invalid):
    """The file is not the table its name promises; `why` is what the reader said."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path} cannot be read as a table: {why}")
        self.path, self.why = path, why


class TableTooLarge(TooLarge):
    def __init__(self, path: str, size: int, limit: int) -> None:
        super().__init__(f"{path} has {size:,} bytes; tables of up to {limit:,} bytes can be looked at here.")
        self.path, self.size, self.limit = path, size, limit


class StillPreparing(HubError):
    """The table is being read for the first time; ask again in a moment."""

    def __init__(self) -> None:
        super().__init__("The table is being prepared. This happens once for each version of a file.")


class QueryTooSlow(HubError):
    """The question took longer than a page may; nothing is wrong with the table."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"This took longer than {seconds:g} seconds and was stopped. Search or sort by less.")
