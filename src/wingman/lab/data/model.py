"""Values of the data domain: a table with the place of every row, and what was found in it."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

SPLITS = ("train", "validation", "test")
SPLIT_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
Level = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Table:
    """Rows as they were read, each with the place where a person finds it again.

    frame:  the columns as read; a missing value is None or NaN.
    places: (n,) object, how to call each row: "line 17" of a text file, "row 3", "test row 5".
    split:  (n,) object of "train" / "validation" / "test", or None where the source names no splits.
    source: what the person named: a path or a dataset id.
    digest: sha256 of the content, hexadecimal.
    former_digest: what earlier recipes pin of a folder, whose digest did not tell which file is which split; or None.
    label_names: names of integer labels by column, where the source states them.
    licence: what the source's card states, or None.
    notes: what is worth knowing of how it was read.
    """

    frame: pd.DataFrame
    places: np.ndarray
    split: np.ndarray | None
    source: str
    digest: str
    revision: str | None = None
    label_names: dict[str, list[str]] = field(default_factory=dict)
    licence: str | None = None
    former_digest: str | None = None
    notes: "tuple[Finding, ...]" = ()

    def __len__(self) -> int:
        return len(self.frame)

    def is_pinned_by(self, digest: str) -> bool:
        """Whether a recipe with this digest of its data means these rows."""
        return digest in (self.digest, self.former_digest)

    def take(self, keep: np.ndarray) -> "Table":
        """The rows of `keep`, a boolean mask or positions."""
        positions = np.flatnonzero(keep) if keep.dtype == bool else keep
        return replace(
            self,
            frame=self.frame.iloc[positions].reset_index(drop=True),
            places=self.places[keep],
            split=None if self.split is None else self.split[keep],
        )


@dataclass(frozen=True)
class Finding:
    """One thing found in the data: what, where, and what to do about it.

    level:  "error" stops the flight, "warning" is repaired or lived with, "info" is worth knowing.
    places: the first few rows concerned; `count` is how many there are.
    repair: what `--repair` would do about an error; empty where it cannot help.
    """

    code: str
    level: Level
    message: str
    advice: str = ""
    places: tuple[str, ...] = ()
    count: int = 0
    repair: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "level": self.level,
            "message": self.message,
            "advice": self.advice,
            "places": list(self.places),
            "count": self.count,
            "repair": self.repair,
        }

    def __str__(self) -> str:
        where = f" ({shorten_places(self.places, self.count)})" if self.places else ""
        what_to_do = f" {self.advice}" if self.advice else ""
        return f"{self.message}{where}{what_to_do}"


def shorten_places(places: tuple[str, ...] | list[str], count: int) -> str:
    """Join places the way a person would.

    >>> shorten_places(["line 2", "line 5"], 9)
    'line 2, line 5 and 7 more'
    """
    shown = ", ".join(places)
    return f"{shown} and {count - len(places):,} more" if count > len(places) else shown


def counted(count: int, one: str, many: str) -> str:
    """A number with the words that go with it.

    >>> counted(1, "row has", "rows have"), counted(1200, "row has", "rows have")
    ('1 row has', '1,200 rows have')
    """
    return f"{count:,} {one if count == 1 else many}"


@dataclass(frozen=True)
class ColumnGuess:
    """Which column plays a role, and how sure the recognition is (0 to 1); `given` by the person is 1."""

    role: str
    column: str
    confidence: float
    reason: str
