"""Tables in DuckDB: turning files into Parquet, their statistics, and pages of rows. Runs in the worker process only.

The connection can read and write below one folder and nowhere else, loads no extensions and has its memory bounded:
the files come from strangers. Names of columns come from the file and are always quoted.
"""

from pathlib import Path
from typing import Any

import duckdb

MEASURED_ROWS = 1_000_000
_BINS = 20
_TOP_VALUES = 8
_MAX_COLUMNS = 200
_CELL_CHARACTERS = 2000
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE")
_TIMES = ("DATE", "TIME", "TIMESTAMP", "INTERVAL")


def connect(folder: Path, *, memory: str = "1GB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": str(threads),
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    connection.execute("SET allowed_directories = [?]", [f"{folder}/"])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def to_parquet(connection: duckdb.DuckDBPyConnection, source: str, format: str, target: str) -> None:
    """Read a text table and write it as Parquet. Types are guessed; where the guess fails later on, all is text."""
    if format == "json":
        reader = "read_ndjson_auto(?, sample_size=20480, maximum_object_size=33554432)"
        _copy(connection, reader, source, target)
        return
    options = "header=true, sample_size=20480, max_line_size=33554432, null_padding=false"
    try:
        _copy(connection, f"read_csv(?, {options})", source, target)
    except (duckdb.ConversionException, duckdb.InvalidInputException):
        relaxed = "header=true, all_varchar=true, null_padding=true, strict_mode=false, max_line_size=33554432, parallel=false"
        _copy(connection, f"read_csv(?, {relaxed})", source, target)


def _copy(connection: duckdb.DuckDBPyConnection, reader: str, source: str, target: str) -> None:
    escaped = target.replace("'", "''")
    connection.execute(
        f"COPY (SELECT * FROM {reader}) TO '{escaped}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440)", [source]
    )


def facts(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> dict[str, Any]:
    """Rows, columns and statistics, as JSON."""
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [paths]).fetchall()[:_MAX_COLUMNS]
    (num_rows,) = connection.execute("SELECT count(*) FROM read_parquet(?)", [paths]).fetchone() or (0,)
    sample = ""
    if num_rows > MEASURED_ROWS:
        # Whole blocks all over the file: even, repeatable, and no full scan.
        sample = f" TABLESAMPLE system({100 * MEASURED_ROWS / num_rows:.4f}%) REPEATABLE (1)"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE measured AS SELECT * FROM read_parquet(?){sample}", [paths])
    (num_measured,) = connection.execute("SELECT count(*) FROM measured").fetchone() or (0,)
    columns = [_column(connection, row[0], row[1]) for row in described]
    connection.execute("DROP TABLE measured")
    return {"num_rows": num_rows, "num_measured": num_measured, "columns": columns}


def _kind(type_name: str) -> str:
    base = type_name.split("(")[0]
    if "[" in type_name or base in ("STRUCT", "MAP", "UNION", "LIST"):
        return "nested"
    if base in _NUMBERS or base == "DECIMAL":
        return "number"
    if base.startswith(_TIMES):
        return "time"
    return {"BOOLEAN": "bool", "BLOB": "bytes"}.get(base, "text")


def _column(connection: duckdb.DuckDBPyConnection, name: str, type_name: str) -> dict[str, Any]:
    kind, column = _kind(type_name), _quoted(name)
    found: dict[str, Any] = {"name": name, "type": type_name, "kind": kind, "facts": {}, "bars": [], "bars_of": ""}
    (missing,) = connection.execute(f"SELECT count(*) - count({column}) FROM measured").fetchone() or (0,)
    found["facts"]["missing"] = missing
    if kind == "number":
        _add_numbers(connection, found, column, column)
    elif kind in ("text", "bool", "time"):
        (distinct,) = connection.execute(f"SELECT approx_count_distinct({column}) FROM measured").fetchone() or (0,)
        found["facts"]["distinct"] = distinct
        if kind == "time":
            low, high = connection.execute(f"SELECT min({column})::VARCHAR, max({column})::VARCHAR FROM measured").fetchone() or ("", "")
            found["facts"] |= {"min": low, "max": high}
        elif kind == "bool" or distinct <= 30:
            rows = connection.execute(
                f"SELECT left({column}::VARCHAR, 60), count(*) FROM measured WHERE {column} IS NOT NULL "
                f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_TOP_VALUES}"
            ).fetchall()
            found["bars"], found["bars_of"] = [{"label": label, "count": count} for label, count in rows], "values"
        else:
            _add_numbers(connection, found, column, f"length({column})")
            found["bars_of"] = "lengths"
    return found


def _add_numbers(connection: duckdb.DuckDBPyConnection, found: dict[str, Any], column: str, value: str) -> None:
    finite = f"{value}::DOUBLE AS v FROM measured WHERE {column} IS NOT NULL AND isfinite({value}::DOUBLE)"
    low, high, mean, deviation = connection.execute(
        f"SELECT min(v), max(v), avg(v), stddev_samp(v) FROM (SELECT {finite})"
    ).fetchone() or (None, None, None, None)
    if low is None:
        return
    prefix = "" if value == column else "length_"
    found["facts"] |= {f"{prefix}min": low, f"{prefix}max": high, f"{prefix}mean": mean, f"{prefix}sd": deviation or 0.0}
    found["bars_of"] = "numbers"
    if low == high:
        (count,) = connection.execute(f"SELECT count(*) FROM (SELECT {finite})").fetchone() or (0,)
        found["bars"] = [{"label": f"{low:g}", "count": count}]
        return
    width = (high - low) / _BINS
    rows = connection.execute(
        f"SELECT least(floor((v - ?) / ?), {_BINS - 1})::INTEGER AS bin, count(*) FROM (SELECT {finite}) GROUP BY bin",
        [low, width],
    ).fetchall()
    counts = dict(rows)
    found["bars"] = [
        {"label": f"{low + number * width:.4g} to {low + (number + 1) * width:.4g}", "count": counts.get(number, 0)}
        for number in range(_BINS)
    ]


def rows(connection: duckdb.DuckDBPyConnection, paths: list[str], query: dict[str, Any], known_rows: int) -> dict[str, Any]:
    """A page of rows as text cells, and how many rows fit the search."""
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [paths]).fetchall()[:_MAX_COLUMNS]
    types = {row[0]: row[1] for row in described}
    condition, values = _condition(query["search"], types)
    order = ""
    if query["sort"] in types and _kind(types[query["sort"]]) != "nested":
        order = f" ORDER BY {_quoted(query['sort'])} {'DESC' if query['descending'] else 'ASC'} NULLS LAST"
    cells = ", ".join(_cell(name, type_name) for name, type_name in types.items())
    inner = f"SELECT * FROM read_parquet(?){condition}{order} LIMIT {int(query['limit'])} OFFSET {int(query['offset'])}"
    found = connection.execute(f"SELECT {cells} FROM ({inner})", [paths, *values]).fetchall()
    num_found = known_rows
    if condition:
        (num_found,) = connection.execute(f"SELECT count(*) FROM read_parquet(?){condition}", [paths, *values]).fetchone() or (0,)
    return {"rows": found, "num_found": num_found}


def _condition(search: str, types: dict[str, str]) -> tuple[str, list[str]]:
    if not search:
        return "", []
    columns = [_quoted(name) for name, type_name in types.items() if _kind(type_name) == "text"]
    if not columns:
        columns = [f"{_quoted(name)}::VARCHAR" for name, type_name in types.items() if _kind(type_name) != "bytes"]
    found = " OR ".join(f"contains(lower({column}), ?)" for column in columns)
    return f" WHERE ({found})", [search.lower()] * len(columns)


def _cell(name: str, type_name: str) -> str:
    column = _quoted(name)
    if _kind(type_name) == "bytes":
        return f"'(' || octet_length({column}) || ' bytes)'"
    if "BLOB" in type_name:
        return f"CASE WHEN {column} IS NULL THEN NULL ELSE '(bytes)' END"
    return f"left({column}::VARCHAR, {_CELL_CHARACTERS})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
