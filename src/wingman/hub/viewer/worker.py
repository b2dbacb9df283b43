"""The process that reads tables: one JSON question a line comes in, one JSON answer a line goes out.

    python -m wingman.hub.viewer.worker FOLDER

A process of its own, because the files come from strangers and the reader is native code: what hangs or crashes it,
or eats its memory, ends it alone, and the Hub starts another.
"""

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

from wingman.hub.viewer import engine


def answer(connection: duckdb.DuckDBPyConnection, asked: dict[str, Any]) -> dict[str, Any]:
    match asked["do"]:
        case "convert":
            engine.to_parquet(connection, asked["source"], asked["format"], asked["target"])
            return {}
        case "facts":
            return engine.facts(connection, asked["paths"])
        case "rows":
            return engine.rows(connection, asked["paths"], asked["query"], asked["known_rows"])
    raise ValueError(f"unknown question {asked['do']!r}")


def main() -> None:
    connection = engine.connect(Path(sys.argv[1]))
    for line in sys.stdin:
        try:
            said: dict[str, Any] = {"ok": answer(connection, json.loads(line))}
        except duckdb.Error as error:
            said = {"error": str(error)}
        sys.stdout.write(json.dumps(said, default=str) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
