"""CSV and TSV, read strictly: a row with a field too many is reported with its line, not bent into shape."""

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from wingman.lab.data.encoding import decode_file
from wingman.lab.data.model import Finding, counted, shorten_places
from wingman.lab.errors import DataError

_DELIMITERS = (",", ";", "\t", "|")
# Spreadsheets write, and read, the delimiter on a line of its own before the header.
_STATED_DELIMITER = re.compile(r"\ufeff?sep=(.)\r?(?=\n)", re.IGNORECASE)
# Python's csv module limits a field to 128 KiB for the whole process; longer ones are judged by the reader.
csv.field_size_limit(2**31 - 1)


def read_delimited(path: Path, encoding: str | None) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of a file with a header line, all values as text (empty: None), and "line N" for each row.

    Spreadsheets export empty columns too: one without a name and without values is passed over.

    The delimiter is the one that a first line `sep=;` states, a tab for .tsv and .tab, else the one of `, ; tab |` that
    cuts the header and the first rows alike.
    Raises `DataError` with the lines whose number of fields differs from the header's.
    """
    text = decode_file(path, encoding)
    stated = _STATED_DELIMITER.match(text)
    if stated:
        text = text[stated.end() :]  # the line stays, blank, so that the others keep their numbers
        delimiter = stated[1]
    else:
        delimiter = "\t" if path.suffix.lower() in (".tsv", ".tab") else _find_delimiter(text)
    try:
        header, rows, lines = _parse(path, text, delimiter, csv.QUOTE_MINIMAL)
    except DataError:
        if delimiter != "\t":
            raise
        # Tab-separated exports often do not quote at all: then a " at the start of a text is only a ".
        header, rows, lines = _parse(path, text, delimiter, csv.QUOTE_NONE)
    names = _name_columns(header, path)
    frame = pd.DataFrame(rows, columns=names, dtype=object).replace({"": None})
    empty = [name for name, stated in zip(names, header, strict=True) if not stated and frame[name].isna().all()]
    return frame.drop(columns=empty), np.array([f"line {line}" for line in lines], dtype=object)


def _parse(
    path: Path, text: str, delimiter: str, quoting: Literal[0, 3]
) -> tuple[list[str], list[list[str]], list[int]]:
    """(header, rows, the line on which each begins). Raises `DataError` for a broken or uneven file."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    odd: list[tuple[int, int]] = []
    header: list[str] | None = None
    start = 1
    try:
        for row in reader:
            line, start = start, reader.line_num + 1
            if not row or (len(row) == 1 and not row[0].strip()):
                continue
            if header is None:
                header = [name.strip().lstrip("\ufeff") for name in row]
            elif len(row) != len(header):
                odd.append((line, len(row)))
            else:
                rows.append(row)
                lines.append(line)
    except csv.Error as error:
        raise _broken(path, start, error) from error
    if header is None:
        raise DataError(
            f"{path.name} has no header line. The first line must name the columns, e.g. text,label."
        )
    if odd:
        raise _uneven(path, header, odd, delimiter)
    return header, rows, lines


def _find_delimiter(text: str) -> str:
    sample = [line for line in text[:200_000].splitlines()[:50] if line.strip()]
    counts = {
        mark: [len(next(csv.reader([line], delimiter=mark))) for line in sample] for mark in _DELIMITERS
    }
    header_fields = {mark: fields[0] for mark, fields in counts.items()}
    agreeing = {mark: Counter(fields)[fields[0]] / len(fields) for mark, fields in counts.items()}
    candidates = [mark for mark in _DELIMITERS if header_fields[mark] > 1]
    return max(candidates, key=lambda mark: (round(agreeing[mark], 1), header_fields[mark]), default=",")


def _name_columns(header: list[str], path: Path) -> list[str]:
    names = [name or f"column {number}" for number, name in enumerate(header, start=1)]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(
            f"{path.name} names the column {twice[0]!r} more than once on line 1. Give each column a name of its own."
        )
    return names


def _broken(path: Path, line: int, error: csv.Error) -> DataError:
    finding = Finding(
        code="malformed_csv",
        level="error",
        message=f"{path.name} is not well-formed: the row that begins on line {line} does not end properly ({error}).",
        advice='A quotation mark is opened there and not closed, or stands inside a field without being doubled ("").',
        places=(f"line {line}",),
        count=1,
    )
    return DataError(f"{finding.message} {finding.advice}", [finding])


def _uneven(path: Path, header: list[str], odd: list[tuple[int, int]], delimiter: str) -> DataError:
    places = tuple(f"line {line}" for line, _ in odd[:5])
    mark = {"\t": "a tab"}.get(delimiter, f"“{delimiter}”")
    finding = Finding(
        code="malformed_csv",
        level="error",
        message=(
            f"{path.name} is malformed: the header has {len(header)} columns ({', '.join(header[:6])}), "
            f"but {counted(len(odd), 'row has', 'rows have')} another number of fields (the first one {odd[0][1]})"
        ),
        advice=f'Put texts that contain {mark} between quotation marks ("…"), or remove those rows.',
        places=places,
        count=len(odd),
    )
    return DataError(f"{finding.message}: {shorten_places(places, len(odd))}. {finding.advice}", [finding])
