"""JSON Lines, and JSON files that hold a list of objects (or an object of columns)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from wingman.lab.data.encoding import decode_file
from wingman.lab.data.model import Finding, shorten_places
from wingman.lab.errors import DataError


def read_json_rows(path: Path, encoding: str | None) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows as a frame, and "line N" (JSON Lines) or "row N" (a list) for each.

    Raises `DataError` with the lines that are not objects.
    """
    text = decode_file(path, encoding)
    if text.lstrip()[0] == "[":
        return _from_list(path, _parse_whole(path, text))
    if path.suffix.lower() == ".json" and _is_one_value(text):
        return _from_object(path, _parse_whole(path, text))
    return _from_lines(path, text)


def _is_one_value(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.msg != "Extra data"  # a second object after the first one: JSON Lines under another name
    return True


def _parse_whole(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path.name} is not valid JSON: {error.msg} on line {error.lineno}, column {error.colno}."
        ) from error


def _from_lines(path: Path, text: str) -> tuple[pd.DataFrame, np.ndarray]:
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    bad: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            bad.append((number, error.msg))
            continue
        if isinstance(row, dict):
            rows.append(row)
            numbers.append(number)
        else:
            bad.append((number, f"a {type(row).__name__} where an object is expected"))
    if bad:
        places = tuple(f"line {number}" for number, _ in bad[:5])
        finding = Finding(
            code="malformed_json",
            level="error",
            message=f"{path.name} has {len(bad):,} lines that are not JSON objects, the first because of: {bad[0][1]}",
            advice='Each line must be one object, e.g. {"text": "…", "label": "…"}.',
            places=places,
            count=len(bad),
        )
        raise DataError(f"{finding.message}: {shorten_places(places, len(bad))}. {finding.advice}", [finding])
    return pd.DataFrame(rows, dtype=object), np.array([f"line {number}" for number in numbers], dtype=object)


def _from_list(path: Path, rows: Any) -> tuple[pd.DataFrame, np.ndarray]:
    bad = [number for number, row in enumerate(rows, start=1) if not isinstance(row, dict)]
    if bad:
        places = [f"row {number}" for number in bad[:5]]
        raise DataError(
            f"{path.name}: {shorten_places(places, len(bad))} of the list are not objects. Each must "
            f'be like {{"text": "…", "label": "…"}}.'
        )
    return pd.DataFrame(rows, dtype=object), np.array(
        [f"row {number}" for number in range(1, len(rows) + 1)], dtype=object
    )


def _from_object(path: Path, value: Any) -> tuple[pd.DataFrame, np.ndarray]:
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        return _from_list(path, value["data"])
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        lengths = {name: len(column) for name, column in value.items()}
        if len(set(lengths.values())) > 1:
            raise DataError(f"{path.name} holds columns of different lengths: {lengths}.")
        return _from_list(
            path, [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
        )
    if isinstance(value, dict):
        return _from_list(path, [value])
    raise DataError(
        f"{path.name} holds a {type(value).__name__}. It must be a list of objects, or one object a line."
    )
