"""The use cases: which tables a repository has, what is in them, and pages of their rows.

Each table is prepared once for each version of its bytes: brought to a file, turned into Parquet, measured. What
comes of it lies in a cache folder, may be deleted at any time, and is kept below a total size.
"""

import json
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from wingman.hub.contents.model import OpenedFile
from wingman.hub.contents.service import ContentService
from wingman.hub.errors import OutOfSpace
from wingman.hub.files.reading import LargeFileReader
from wingman.hub.git.revisions import EntryMissing
from wingman.hub.repos.card import InvalidCard, parse_front_matter
from wingman.hub.repos.model import Repo, RepoId
from wingman.hub.viewer.encodings import in_utf8
from wingman.hub.viewer.model import (
    FORMATS,
    ColumnFacts,
    RowsPage,
    RowsQuery,
    StillPreparing,
    Table,
    TableFacts,
    TableMissing,
    TablePart,
    TableTooLarge,
    TableUnreadable,
    ViewerBusy,
    ViewerNotInstalled,
)
from wingman.hub.viewer.process import ReaderEnded, ReaderFailed, TableReader
from wingman.hub.viewer.splits import find_tables

MAX_TABLE_BYTES = 50 * 10**9
MAX_CACHE_BYTES = 20 * 10**9
PATIENCE_S = 4.0
QUERY_S = 15.0
PREPARE_S = 1800.0
MAX_WAITING = 50
"""So many tables may wait for their preparation."""
_MAX_LISTINGS = 200
_MAX_CARD_BYTES = 1 << 20
_LAYOUT = "3"
"""Part of every cache name: raised when what is kept changes its form."""


class ViewerService:
    def __init__(
        self, contents: ContentService, large_files: LargeFileReader, *, folder: Path, min_free_bytes: int = 0
    ) -> None:
        self._contents = contents
        self._large_files = large_files
        self._folder = folder.absolute()
        self._min_free_bytes = min_free_bytes
        self._asking, self._preparing = TableReader(self._folder), TableReader(self._folder)
        self._workers = ThreadPoolExecutor(1, thread_name_prefix="viewer")
        self._under_way: dict[str, Future[TableFacts]] = {}
        self._listings: OrderedDict[tuple[RepoId, str], list[Table]] = OrderedDict()
        self._lock = threading.Lock()

    def list_tables(self, repo: Repo, revision: str = "main") -> list[Table]:
        """The splits of each configuration, then other table files; [] if there are none. Raises `RevisionMissing`."""
        if repo.head is None and revision == "main":
            return []
        commit = self._contents.resolve(repo, revision)
        key = (repo.id, commit)
        with self._lock:
            if key in self._listings:
                self._listings.move_to_end(key)
                return self._listings[key]
        # A commit never changes, so what was found in it stays true.
        found = self._find_tables(repo, commit)
        with self._lock:
            self._listings[key] = found
            while len(self._listings) > _MAX_LISTINGS:
                self._listings.popitem(last=False)
        return found

    def _find_tables(self, repo: Repo, commit: str) -> list[Table]:
        _, entries = self._contents.tree(repo, commit, recursive=True)
        parts = [
            TablePart(entry.path, entry.pointer.sha256 if entry.pointer else entry.oid, entry.size)
            for entry in entries
            if not entry.is_directory and entry.path.lower().endswith(tuple(FORMATS)) and entry.size
        ]
        return find_tables(parts, self._card(repo, commit) if parts else {})

    def _card(self, repo: Repo, commit: str) -> Mapping[str, Any]:
        """The metadata of the README of that commit; nothing where there is none, or none that can be read."""
        try:
            data = self._contents.open(repo, commit, "README.md").data or b""
            return parse_front_matter(data[:_MAX_CARD_BYTES].decode("utf-8", "replace"))
        except (EntryMissing, InvalidCard):
            return {}

    def find_table(self, repo: Repo, revision: str, path: str) -> Table:
        """The table that `path` is, or is a shard of. Raises `TableMissing`, `RevisionMissing`."""
        for table in self.list_tables(repo, revision):
            if any(part.path == path for part in table.parts):
                return table
        raise TableMissing(path)

    def facts(self, repo: Repo, revision: str, table: Table, *, patience_s: float = PATIENCE_S) -> TableFacts:
        """Columns and statistics; prepares the table the first time.

        Raises `StillPreparing` when that takes longer than `patience_s`, `TableUnreadable`, `TableTooLarge`,
        `OutOfSpace`, `ViewerBusy`, `ViewerNotInstalled`.
        """
        if table.size > MAX_TABLE_BYTES:
            raise TableTooLarge(table.path, table.size, MAX_TABLE_BYTES)
        home = self._home(table)
        known = self.known_facts(table)
        if known is not None:
            return known
        if find_spec("duckdb") is None:
            raise ViewerNotInstalled
        with self._lock:
            future = self._under_way.get(home.name)
            if future is None:
                if len(self._under_way) >= MAX_WAITING:
                    self._forget_ended()
                if len(self._under_way) >= MAX_WAITING:
                    raise ViewerBusy
                future = self._workers.submit(self._prepare, repo, revision, table, home)
                self._under_way[home.name] = future
        try:
            found = future.result(patience_s)
        except StillRunning as error:
            raise StillPreparing from error
        finally:
            if future.done():
                with self._lock:
                    self._under_way.pop(home.name, None)
        return found

    def _forget_ended(self) -> None:
        """Preparations that are over, and that nobody came back for. With the lock held."""
        self._under_way = {name: future for name, future in self._under_way.items() if not future.done()}

    def known_facts(self, table: Table) -> TableFacts | None:
        """What is known of a table that was prepared before; None if it was not. Raises `TableUnreadable`."""
        home = self._home(table)
        try:
            said = json.loads((home / "facts.json").read_text("utf-8"))
        except FileNotFoundError:
            return None
        os.utime(home)
        if "unreadable" in said:
            raise TableUnreadable(table.path, said["unreadable"])
        return _facts_from(said)

    def rows(self, table: Table, facts: TableFacts, query: RowsQuery) -> RowsPage:
        """A page of a prepared table. Raises `QueryTooSlow`, `TableUnreadable`."""
        asked = {
            "do": "rows",
            "paths": _parquet_paths(self._home(table)),
            "known_rows": facts.num_rows,
            "query": {
                "sort": query.sort,
                "descending": query.descending,
                "search": query.search,
                "offset": query.offset,
                "limit": query.limit,
            },
        }
        try:
            said = self._asking.ask(asked, timeout_s=QUERY_S)
        except ReaderFailed as error:
            raise TableUnreadable(table.path, str(error)) from error
        return RowsPage(tuple(tuple(row) for row in said["rows"]), said["num_found"])

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._asking.close()
        self._preparing.close()
        self._workers.shutdown(wait=True)

    def _home(self, table: Table) -> Path:
        name = sha256(
            "\n".join([_LAYOUT, table.format, *(part.key for part in table.parts)]).encode()
        ).hexdigest()
        return self._folder / name[:40]

    def _prepare(self, repo: Repo, revision: str, table: Table, home: Path) -> TableFacts:
        self._make_room(table.size)
        making = home.with_name(f"{home.name}.making")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        try:
            said = self._read(repo, revision, table, making)
            (making / "facts.json").write_text(json.dumps(said), "utf-8")
            shutil.rmtree(home, ignore_errors=True)
            making.rename(home)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        if "unreadable" in said:
            raise TableUnreadable(table.path, said["unreadable"])
        return _facts_from(said)

    def _read(self, repo: Repo, revision: str, table: Table, making: Path) -> dict[str, Any]:
        """The facts as JSON or, where the files are no table, why: kept too, for the same bytes stay unreadable."""
        try:
            for number, part in enumerate(table.parts):
                self._bring(repo, revision, part, table.format, making / f"{number:05d}.parquet")
            return self._preparing.ask({"do": "facts", "paths": _parquet_paths(making)}, timeout_s=PREPARE_S)
        except ReaderEnded as error:
            raise TableUnreadable(table.path, str(error)) from error
        except ReaderFailed as error:
            for file in making.iterdir():
                file.unlink()
            return {"unreadable": _without_paths(str(error), making)}

    def _bring(self, repo: Repo, revision: str, part: TablePart, format: str, target: Path) -> None:
        file = self._contents.open(repo, revision, part.path)
        if format == "parquet":
            _write(target, self._pieces(file))
            return
        source = target.with_suffix(".source")
        _write(source, in_utf8(self._pieces(file)))
        asked = {"do": "convert", "source": str(source), "format": format, "target": str(target)}
        self._preparing.ask(asked, timeout_s=PREPARE_S)
        source.unlink()

    def _pieces(self, file: OpenedFile) -> Iterator[bytes]:
        if file.large is None:
            return iter([file.data or b""])
        return self._large_files.stream(file.large)

    def _make_room(self, needed: int) -> None:
        """Drop what was looked at longest ago until the new table fits. Raises `OutOfSpace`."""
        kept = [path for path in self._folder.glob("*/") if len(path.name) == 40]
        kept.sort(key=lambda path: path.stat().st_mtime)
        sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in kept}
        total = sum(sizes.values()) + needed
        for path in kept:
            if total <= MAX_CACHE_BYTES and self._fits(needed):
                break
            shutil.rmtree(path, ignore_errors=True)
            total -= sizes[path]
        if not self._fits(needed):
            raise OutOfSpace(f"The disk below the Hub's cache has no room for a table of {needed:,} bytes.")

    def _fits(self, needed: int) -> bool:
        # Twice: a text table lies there a second time, as Parquet, for a moment.
        self._folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self._folder).free - 2 * needed >= self._min_free_bytes


def _write(target: Path, pieces: Iterable[bytes]) -> None:
    with open(target, "wb") as out:
        for piece in pieces:
            out.write(piece)


def _parquet_paths(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.glob("*.parquet"))


def _without_paths(text: str, folder: Path) -> str:
    """What the reader said, without where our cache lies."""
    first = text.split("\n\n")[0].replace(str(folder), "").replace("/00000.source", "the file")
    return first[:600]


def _facts_from(said: dict[str, Any]) -> TableFacts:
    columns: Sequence[dict[str, Any]] = said["columns"]
    return TableFacts(
        num_rows=said["num_rows"],
        num_measured=said["num_measured"],
        columns=tuple(ColumnFacts(**{**column, "bars": tuple(column["bars"])}) for column in columns),
    )
