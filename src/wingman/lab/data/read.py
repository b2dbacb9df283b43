"""From what a person names (a file, a folder of splits, a Hub dataset) to a `Table`.

Everything that cannot be read stops here with the place and the way out; nothing is guessed silently.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from wingman.lab.data.columns import as_text
from wingman.lab.data.delimited import read_delimited
from wingman.lab.data.json_rows import read_json_rows
from wingman.lab.data.model import SPLIT_WORDS, SPLITS, Finding, Table, counted, shorten_places
from wingman.lab.errors import DataError

MAX_CELL_CHARACTERS = 1_000_000
_SPLIT_COLUMNS = ("split", "set", "fold", "subset", "partition")
_READERS = (".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")

_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst")


def read_table(
    source: str,
    *,
    encoding: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
    token: str | None = None,
) -> Table:
    """Read a file, a folder with one file a split (`train.csv`, `test.csv`), or a Hub dataset `namespace/name`.

    encoding: of text files; None is UTF-8 (or UTF-16 with its mark).
    revision, endpoint, token: for a Hub dataset.
    Raises `DataError` with what was found, where, and what to do.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        table = _read_folder(path, encoding)
    elif path.is_file():
        table = _with_split_column(_read_file(path, encoding))
    elif _looks_like_dataset_id(source):
        from wingman.lab.data.hub import (
            read_hub_dataset,  # brings in `datasets`: a second nobody else should wait for
        )

        table = _with_split_column(
            read_hub_dataset(source, revision=revision, endpoint=endpoint, token=token)
        )
    else:
        raise DataError(
            f"There is no file {source}. Name a CSV, TSV, JSON, JSON Lines or Parquet file, or a Hub "
            "dataset as namespace/name."
        )
    if len(table) == 0:
        raise DataError(f"{source} has column names but no rows. Add rows and try again.")
    _refuse_huge_cells(table)
    return table


def _looks_like_dataset_id(source: str) -> bool:
    parts = source.split("/")
    return (
        len(parts) == 2
        and all(parts)
        and Path(source).suffix.lower() not in _READERS
        and not source.startswith((".", "~"))
    )


def _read_file(path: Path, encoding: str | None) -> Table:
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        way_out = (
            "Unpack it first." if suffix in _PACKED else "Save the data as .csv, .tsv, .jsonl, .json or .parquet."
        )
        raise DataError(f"{path.name}: files ending in {suffix or 'nothing'} are not read. {way_out}")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty (0 bytes). Was it saved or exported to the end?")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if suffix in (".parquet", ".pq"):
        frame, places = _read_parquet(path)
    elif suffix in (".json", ".jsonl", ".ndjson"):
        frame, places = read_json_rows(path, encoding)
    else:
        frame, places = read_delimited(path, encoding)
    return Table(frame=frame, places=places, split=None, source=str(path), digest=digest)


def _read_parquet(path: Path) -> tuple[pd.DataFrame, np.ndarray]:
    import pyarrow.parquet
    from pyarrow.lib import ArrowInvalid

    try:
        frame = pyarrow.parquet.read_table(path).to_pandas()
    except (ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path.name} is not a readable Parquet file ({error}). Was it copied to the end?"
        ) from error
    return frame, np.array([f"row {number}" for number in range(1, len(frame) + 1)], dtype=object)


def _read_folder(folder: Path, encoding: str | None) -> Table:
    parts: list[Table] = []
    names: list[str] = []
    for path in sorted(folder.iterdir()):
        name = SPLIT_WORDS.get(path.stem.lower())
        if name is not None and path.suffix.lower() in _READERS:
            part = _read_file(path, encoding)
            names.append(name)
            places = np.array([f"{path.name} {place}" for place in part.places], dtype=object)
            parts.append(
                Table(part.frame, places, np.full(len(part), name, dtype=object), part.source, part.digest)
            )
    if not parts:
        raise DataError(
            f"The folder {folder} holds no file named train, validation or test with one of the "
            f"endings {', '.join(_READERS)}."
        )
    columns = list(parts[0].frame.columns)
    for part in parts[1:]:
        if set(part.frame.columns) != set(columns):
            raise DataError(
                f"{part.source} has the columns {list(part.frame.columns)}, but {parts[0].source} has "
                f"{columns}. Splits must share their columns."
            )
    return Table(
        frame=pd.concat([part.frame[columns] for part in parts], ignore_index=True),
        places=np.concatenate([part.places for part in parts]),
        split=np.concatenate([part.split for part in parts if part.split is not None]),
        source=str(folder),
        digest=_hash_text("".join(f"{name} {part.digest}\n" for name, part in zip(names, parts, strict=True))),
        former_digest=_hash_text("".join(part.digest for part in parts)),
    )


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _with_split_column(table: Table) -> Table:
    """Take the splits from a column that is named for it and holds nothing but names of splits.

    Raises `DataError` where most of its values are such names, and some are not: it is meant so, and a test row must
    not become one to train on.
    """
    if table.split is not None or len(table) == 0:
        return table
    unknown: dict[str, np.ndarray] = {}
    for column in table.frame.columns:
        if str(column).lower() not in _SPLIT_COLUMNS:
            continue
        words = table.frame[column].map(lambda value: SPLIT_WORDS.get(str(value).strip().lower()))
        if words.notna().all() and set(words) <= set(SPLITS) and "train" in set(words):
            return replace(
                table, frame=table.frame.drop(columns=[column]), split=words.to_numpy(dtype=object)
            )
        if words.notna().mean() > 0.5 and words.isna().any():
            unknown[column] = np.flatnonzero(words.isna().to_numpy())
    if unknown:
        raise _unknown_split(table, *next(iter(unknown.items())))
    return table


def _unknown_split(table: Table, column: str, rows: np.ndarray) -> DataError:
    places = tuple(str(place) for place in table.places[rows[:5]])
    value = as_text(table.frame[column].iloc[rows[:1]]).iloc[0]
    finding = Finding(
        code="unknown_split",
        level="error",
        message=(
            f"Column {column!r} says which split a row belongs to, but not in {counted(len(rows), 'row', 'rows')} "
            f"(the first one {'is empty' if value is None else f'says {value!r}'})"
        ),
        advice=(
            "Write train, validation or test there, or remove those rows; "
            "or rename the column, and all rows are split by their content."
        ),
        places=places,
        count=len(rows),
    )
    return DataError(f"{finding.message}: {shorten_places(places, len(rows))}. {finding.advice}", [finding])


def _refuse_huge_cells(table: Table) -> None:
    """A cell of a megabyte is nearly always a quote that was never closed, or a file pasted into a field."""
    for column in table.frame.columns:
        values = table.frame[column]
        lengths = values.map(lambda value: len(value) if isinstance(value, str) else 0).to_numpy()
        huge = np.flatnonzero(lengths > MAX_CELL_CHARACTERS)
        if len(huge):
            places = tuple(str(place) for place in table.places[huge[:5]])
            finding = Finding(
                code="huge_cell",
                level="error",
                message=(
                    f"Column {column!r} has a cell of {lengths.max():,} characters; more than "
                    f"{MAX_CELL_CHARACTERS:,} cannot be meant."
                ),
                advice="Look there for a quotation mark that is never closed, or shorten the text.",
                places=places,
                count=len(huge),
            )
            raise DataError(
                f"{finding.message} It is at {shorten_places(places, len(huge))}. {finding.advice}", [finding]
            )
