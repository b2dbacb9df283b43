"""Recognising which column plays which role, with a confidence and a reason a person can check."""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from wingman.lab.data.model import ColumnGuess, Table
from wingman.lab.errors import DataError

SURE_ENOUGH = 0.5
_DOCUMENT_NAMES = (
    "document",
    "document_id",
    "doc_id",
    "doc",
    "article_id",
    "article",
    "review_id",
    "thread_id",
    "conversation_id",
    "group",
    "group_id",
)
# Half of a pair, where a text was cut inside an emoji: JSON can say it (\ud83d), UTF-8 and tokenizers cannot.
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def check_named_columns(table: Table, named: Mapping[str, str], roles: Mapping[str, bool]) -> None:
    """Raise `DataError` when the person named a role or a column that does not exist.

    roles: whether each is required; for another one "" says that no column plays it.
    """
    for role, column in named.items():
        if role not in roles:
            raise DataError(f"This task has no role {role!r}; its roles are {', '.join(roles)}.")
        if column == "" and not roles[role]:
            continue
        if column not in table.frame.columns:
            raise DataError(
                f"{table.source} has no column {column!r}. Its columns are: {', '.join(map(str, table.frame.columns))}."
            )


def name_score(column: str, names: Sequence[str]) -> float:
    """How telling a column's name is for a role: 1 for the best name, 0 for none of them."""
    plain = str(column).strip().lower().replace(" ", "_").replace("-", "_")
    if plain in names:
        return 1.0 - 0.3 * names.index(plain) / len(names)
    parts = set(plain.split("_"))
    return 0.5 if parts & set(names) else 0.0


def find_document_column(table: Table, taken: Sequence[str]) -> ColumnGuess | None:
    """The column that says which document a row comes from: named for it, and shared by several rows."""
    for name in _DOCUMENT_NAMES:
        for column in table.frame.columns:
            if str(column).lower() == name and column not in taken:
                values = table.frame[column]
                if not values.map(pd.api.types.is_hashable).all():
                    continue  # lists, as of the articles that a text cites
                distinct = values.nunique()
                if values.notna().all() and 2 < distinct < len(values):
                    reason = (
                        f"{distinct:,} documents share {len(values):,} rows; a document stays in one split"
                    )
                    return ColumnGuess("document", column, 0.8, reason)
    return None


def as_text(values: pd.Series) -> pd.Series:
    """Values as stripped text; missing ones and blanks are None. 1.0 reads as "1" where all numbers are whole.

    Half of a character that was cut in two reads as U+FFFD.
    """
    if pd.api.types.is_float_dtype(values) and _fit_integers(values.dropna()):
        values = values.astype("Int64")
    texts = values.astype(object).map(
        lambda value: None if _is_missing(value) else _HALF_CHARACTER.sub("\ufffd", str(value).strip()),
        na_action=None,
    )
    return texts.map(lambda text: text or None).astype(object)


def _fit_integers(values: pd.Series) -> bool:
    return bool((values % 1 == 0).all() and (values.abs() < 2**63).all())


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)
