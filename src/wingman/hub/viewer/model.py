"""Tables as people look at them: which files make one, what is asked of it, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wingman.hub.errors import HubError, Invalid, NotFound, TooLarge

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}
"""How each kind of table file is read."""


@dataclass(frozen=True, slots=True)
class TablePart:
    """One file of a table. `key` names its bytes."""

    path: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Table:
    """The files of one split, or a file (or its shards) that belongs to none. `path` is the first one's.

    config: the configuration that the split belongs to; empty where it belongs to none.
    """

    path: str
    split: str
    parts: tuple[TablePart, ...]
    config: str = ""

    @property
    def format(self) -> str:
        return FORMATS[f".{self.parts[0].path.rpartition('.')[2].lower()}"]

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


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


class ViewerNotInstalled(HubError):
    """The optional part that reads tables is missing on the Hub's machine."""

    def __init__(self) -> None:
        super().__init__(
            "This Hub cannot show rows yet: the part that reads tables is not installed. Whoever runs the Hub adds it "
            'with: pip install "wingman-hub[viewer]"'
        )


class ViewerBusy(HubError):
    """Too many tables wait for being prepared."""

    def __init__(self) -> None:
        super().__init__("Many tables are being prepared at the moment. Come back in a few minutes.")


class StillPreparing(HubError):
    """The table is being read for the first time; ask again in a moment."""

    def __init__(self) -> None:
        super().__init__("The table is being prepared. This happens once for each version of a file.")


class QueryTooSlow(HubError):
    """The question took longer than a page may; nothing is wrong with the table."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"This took longer than {seconds:g} seconds and was stopped. Search or sort by less.")
