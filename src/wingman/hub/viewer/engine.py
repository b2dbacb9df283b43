"""Tables in DuckDB: turning files into Parquet, their statistics, and pages of rows. Runs in the worker process only.

The connection can read and write below one folder and nowhere else, loads no extensions and has its memory bounded:
the files come from strangers. Names of columns come from the file and are always quoted.
"""

from pathlib import Path
from typing import Any

import duckdb

MEASURED_ROWS = 1_000_000
MEASURED_BYTES = 512 << 20
"""Statistics look at so many rows, and fewer where rows are long: roughly these bytes of the files at most."""
MAX_COUNTED = 10_000
_PLACE = ("file_index", "file_row_number")
_FROM = "read_parquet(?, union_by_name=true)"
_BINS = 20
_TOP_VALUES = 8
_EXACT_ROWS = 200_000
_MAX_COLUMNS = 200
_CELL_CHARACTERS = 2000
_NUMBERS = frozenset(
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT FLOAT DOUBLE".split()
)
_TIMES = ("DATE", "TIME", "TIMESTAMP", "INTERVAL")


def connect(folder: Path, *, memory: str = "1GB", threads: int = 2) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": str(threads),
            "temp_directory": str(folder / "spill"),
            "max_temp_directory_size": "20GB",
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
        reader = "read_json_auto(?, format='auto', sample_size=20480, maximum_object_size=33554432)"
        _copy(connection, reader, source, target)
        return
    options = "header=true, sample_size=20480, max_line_size=33554432, null_padding=false"
    try:
        _copy(connection, f"read_csv(?, {options})", source, target)
    except (duckdb.ConversionException, duckdb.InvalidInputException):
        relaxed = "header=true, all_varchar=true, null_padding=true, strict_mode=false, parallel=false"
        _copy(connection, f"read_csv(?, {relaxed}, max_line_size=33554432)", source, target)


def _copy(connection: duckdb.DuckDBPyConnection, reader: str, source: str, target: str) -> None:
    escaped = target.replace("'", "''")
    options = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 61440"
    connection.execute(f"COPY (SELECT * FROM {reader}) TO '{escaped}' ({options})", [source])


def facts(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> dict[str, Any]:
    """Rows, columns and statistics, as JSON."""
    types = _types(connection, paths)
    (num_rows,) = connection.execute(f"SELECT count(*) FROM {_FROM}", [paths]).fetchone() or (0,)
    measured = ", ".join(_measured(name, type_name) for name, type_name in types.items())
    start = f"CREATE OR REPLACE TEMP TABLE measured AS SELECT {measured} FROM {_FROM}"
    wanted = _num_to_measure(num_rows, sum(Path(path).stat().st_size for path in paths))
    if wanted < num_rows:
        # Whole blocks all over the file: even, repeatable, and no full scan.
        share = 100 * wanted / num_rows
        connection.execute(f"{start} TABLESAMPLE system({share:.6f}%) REPEATABLE (1)", [paths])
    else:
        connection.execute(start, [paths])
    (num_measured,) = connection.execute("SELECT count(*) FROM measured").fetchone() or (0,)
    if num_rows and not num_measured:  # no block was drawn
        connection.execute(f"{start} LIMIT {wanted}", [paths])
        num_measured = wanted
    columns = [_column(connection, name, type_name) for name, type_name in types.items()]
    connection.execute("DROP TABLE measured")
    return {"num_rows": num_rows, "num_measured": num_measured, "columns": columns}


def _types(connection: duckdb.DuckDBPyConnection, paths: list[str]) -> dict[str, str]:
    described = connection.execute(f"DESCRIBE SELECT * FROM {_FROM}", [paths]).fetchall()
    return {row[0]: row[1] for row in described[:_MAX_COLUMNS]}


def _num_to_measure(num_rows: int, num_bytes: int) -> int:
    """
    >>> _num_to_measure(10_000_000, 300_000_000), _num_to_measure(1000, 300 * 10**9), _num_to_measure(0, 100)
    (1000000, 1, 0)
    """
    if not num_rows:
        return 0
    return max(1, min(num_rows, MEASURED_ROWS, int(MEASURED_BYTES * num_rows / max(num_bytes, 1))))


def _measured(name: str, type_name: str) -> str:
    """A column as statistics need it: pictures and sounds only by whether they are there."""
    column = _quoted(name)
    return f"CASE WHEN {column} IS NOT NULL THEN true END AS {column}" if "BLOB" in type_name else column


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
    found: dict[str, Any] = {
        "name": name,
        "type": type_name,
        "kind": kind,
        "facts": {},
        "bars": [],
        "bars_of": "",
    }
    (missing,) = connection.execute(f"SELECT count(*) - count({column}) FROM measured").fetchone() or (0,)
    found["facts"]["missing"] = missing
    if kind == "number":
        _add_numbers(connection, found, column, column)
    elif kind in ("text", "bool", "time"):
        distinct, is_exact = _num_distinct(connection, column)
        found["facts"] |= {"distinct": distinct, "is_distinct_exact": is_exact}
        if kind == "time":
            ends = f"SELECT min({column})::VARCHAR, max({column})::VARCHAR FROM measured"
            low, high = connection.execute(ends).fetchone() or ("", "")
            found["facts"] |= {"min": low, "max": high}
        elif kind == "bool" or distinct <= 30:
            rows = connection.execute(
                f"SELECT left({column}::VARCHAR, 60), count(*) FROM measured WHERE {column} IS NOT NULL "
                f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {_TOP_VALUES}"
            ).fetchall()
            found["bars"], found["bars_of"] = (
                [{"label": label, "count": count} for label, count in rows],
                "values",
            )
        else:
            _add_numbers(connection, found, column, f"length({column})")
            found["bars_of"] = "lengths"
    return found


def _num_distinct(connection: duckdb.DuckDBPyConnection, column: str) -> tuple[int, bool]:
    """How many different values the measured rows have, and whether that was counted and not estimated."""
    (num_rows,) = connection.execute("SELECT count(*) FROM measured").fetchone() or (0,)
    counted = f"count(DISTINCT {column})" if num_rows <= _EXACT_ROWS else f"approx_count_distinct({column})"
    (number,) = connection.execute(f"SELECT {counted} FROM measured").fetchone() or (0,)
    return min(number, num_rows), num_rows <= _EXACT_ROWS


def _add_numbers(
    connection: duckdb.DuckDBPyConnection, found: dict[str, Any], column: str, value: str
) -> None:
    finite = f"{value}::DOUBLE AS v FROM measured WHERE {column} IS NOT NULL AND isfinite({value}::DOUBLE)"
    low, high, mean, deviation = connection.execute(
        f"SELECT min(v), max(v), avg(v), stddev_samp(v) FROM (SELECT {finite})"
    ).fetchone() or (None, None, None, None)
    if low is None:
        return
    prefix = "" if value == column else "length_"
    said = {"min": low, "max": high, "mean": mean, "sd": deviation or 0.0}
    found["facts"] |= {f"{prefix}{what}": value for what, value in said.items()}
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
        {
            "label": f"{low + number * width:.4g} to {low + (number + 1) * width:.4g}",
            "count": counts.get(number, 0),
        }
        for number in range(_BINS)
    ]


def rows(
    connection: duckdb.DuckDBPyConnection, paths: list[str], query: dict[str, Any], known_rows: int
) -> dict[str, Any]:
    """A page of rows as text cells, and how many rows fit the search (counted up to `MAX_COUNTED` and one more)."""
    types = _types(connection, paths)
    condition, values = _condition(query["search"], types)
    cells = ", ".join(_cell(name, type_name) for name, type_name in types.items())
    limit = f" LIMIT {int(query['limit'])} OFFSET {int(query['offset'])}"
    if query["sort"] in types and _kind(types[query["sort"]]) != "nested":
        order = f"{_quoted(query['sort'])} {'DESC' if query['descending'] else 'ASC'} NULLS LAST"
        found = _sorted_rows(connection, paths, types, cells, f"{condition} ORDER BY {order}", limit, values)
    else:
        query_text = f"SELECT {cells} FROM (SELECT * FROM {_FROM}{condition}{limit})"
        found = connection.execute(query_text, [paths, *values]).fetchall()
    return {
        "rows": found,
        "num_found": _num_found(connection, paths, condition, values, query, len(found), known_rows),
    }


def _sorted_rows(
    connection: duckdb.DuckDBPyConnection,
    paths: list[str],
    types: dict[str, str],
    cells: str,
    clauses: str,
    limit: str,
    values: list[str],
) -> list[tuple[Any, ...]]:
    """First find which rows, reading one or two columns; then read those rows. 50 times faster far down a sort.

    Equal values stand in the order of the files, so that pages neither repeat nor miss a row.
    """
    if not types.keys().isdisjoint(_PLACE):  # a file with columns of these names hides those of the reader
        return connection.execute(
            f"SELECT {cells} FROM (SELECT * FROM {_FROM}{clauses}{limit})", [paths, *values]
        ).fetchall()
    place = ", ".join(_PLACE)
    chosen = connection.execute(
        f"SELECT {place} FROM {_FROM}{clauses}, {place}{limit}", [paths, *values]
    ).fetchall()
    found: dict[tuple[int, int], tuple[Any, ...]] = {}
    for number in {number for number, _ in chosen}:
        rows_there = ", ".join(str(row) for file, row in chosen if file == number)
        statement = f"SELECT {_PLACE[1]}, {cells} FROM {_FROM} WHERE {_PLACE[1]} IN ({rows_there})"
        for row in connection.execute(statement, [[paths[number]]]).fetchall():
            found[number, row[0]] = row[1:]
    return [found[at] for at in chosen]


def _num_found(
    connection: duckdb.DuckDBPyConnection,
    paths: list[str],
    condition: str,
    values: list[str],
    query: dict[str, Any],
    num_shown: int,
    known_rows: int,
) -> int:
    if not condition:
        return known_rows
    if 0 < num_shown < query["limit"] or (num_shown == 0 and query["offset"] == 0):
        return query["offset"] + num_shown
    counted = f"SELECT count(*) FROM (SELECT 1 FROM {_FROM}{condition} LIMIT {MAX_COUNTED + 1})"
    (number,) = connection.execute(counted, [paths, *values]).fetchone() or (0,)
    return number


def _condition(search: str, types: dict[str, str]) -> tuple[str, list[str]]:
    if not search:
        return "", []
    columns = [_quoted(name) for name, type_name in types.items() if _kind(type_name) == "text"]
    if not columns:
        columns = [
            f"{_quoted(name)}::VARCHAR" for name, type_name in types.items() if _kind(type_name) != "bytes"
        ]
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
