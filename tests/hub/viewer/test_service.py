"""Tables as the pages ask for them: real files committed to a Hub, read by the real worker process."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from threading import Event

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wingman.hub.access.model import Caller, Permission
from wingman.hub.app import Hub
from wingman.hub.commits.model import AddFile, AddLargeFile, CommitRequest
from wingman.hub.errors import OutOfSpace
from wingman.hub.lfs.model import ObjectSpec, Ticket
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.viewer.engine import connect
from wingman.hub.viewer.model import (
    RowsQuery,
    StillPreparing,
    TableFacts,
    TableMissing,
    TableUnreadable,
    ViewerBusy,
    ViewerNotInstalled,
)
from wingman.hub.viewer.service import ViewerService

PATIENCE_S = 60.0
READ = Permission.REPO_CONTENT_READ


@pytest.fixture
def repo(hub: Hub, alice: Caller) -> Repo:
    return hub.repos.create(alice, kind=RepoKind.DATASET, name="data")


@pytest.fixture
def viewer(hub: Hub, tmp_path: Path) -> Iterator[ViewerService]:
    service = ViewerService(hub.contents, hub.large_files, folder=tmp_path / "viewer")
    yield service
    service.close()


def put(hub: Hub, alice: Caller, repo: Repo, **files: bytes) -> Repo:
    """Commit files; the last `__` of a keyword is a dot, as in train__csv."""
    operations = tuple(AddFile(name.replace("__", "."), data) for name, data in files.items())
    hub.commits.commit(alice, repo, "main", CommitRequest(summary="put", operations=operations))
    return hub.repos.find_for(alice, READ, repo.kind, repo.full_name)


def look(viewer: ViewerService, repo: Repo, path: str = "") -> TableFacts:
    tables = viewer.list_tables(repo)
    table = viewer.find_table(repo, "main", path or tables[0].path)
    return viewer.facts(repo, "main", table, patience_s=PATIENCE_S)


def rows(viewer: ViewerService, repo: Repo, **query) -> list[tuple[str | None, ...]]:
    table = viewer.list_tables(repo)[0]
    return list(viewer.rows(table, look(viewer, repo), RowsQuery(**query)).rows)


def parquet(table: pa.Table, **options) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **options)
    return sink.getvalue().to_pybytes()


def test_a_csv_has_typed_columns_and_statistics(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, train__csv=b"text,stars,when\nfine,5,2026-01-02\nbad,1,2026-01-03\n,3,2026-01-04\n")

    facts = look(viewer, repo)

    assert facts.num_rows == facts.num_measured == 3
    kinds = {column.name: column.kind for column in facts.columns}
    assert kinds == {"text": "text", "stars": "number", "when": "time"}
    text, stars, when = facts.columns
    assert text.facts["missing"] == 1
    assert (text.facts["distinct"], text.facts["is_distinct_exact"]) == (2, True)
    assert (stars.facts["min"], stars.facts["max"], stars.facts["mean"]) == (1, 5, 3)
    assert sum(bar["count"] for bar in stars.bars) == 3
    assert (when.facts["min"], when.facts["max"]) == ("2026-01-02", "2026-01-04")


def test_rows_come_in_the_files_order_sorted_and_searched(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, train__csv=b"text,n\nBanana,2\napple,3\ncherry,1\n")

    assert rows(viewer, repo) == [("Banana", "2"), ("apple", "3"), ("cherry", "1")]
    assert rows(viewer, repo, sort="n") == [("cherry", "1"), ("Banana", "2"), ("apple", "3")]
    assert rows(viewer, repo, sort="n", descending=True, limit=1, offset=1) == [("Banana", "2")]
    assert rows(viewer, repo, search="AN") == [("Banana", "2")]
    assert rows(viewer, repo, search="' OR 1=1 --") == []


def test_pages_of_equal_values_neither_repeat_nor_miss_a_row(hub, alice, repo, viewer):
    shards = [pa.table({"same": [7] * 500, "id": range(start, start + 500)}) for start in (0, 500)]
    repo = put(hub, alice, repo, **{f"train-{n}__parquet": parquet(shard) for n, shard in enumerate(shards)})

    seen = [row[1] for start in range(0, 1000, 50) for row in rows(viewer, repo, sort="same", offset=start)]

    assert seen == [str(number) for number in range(1000)]


def test_every_column_name_is_only_a_name(hub, alice, repo, viewer):
    names = ['"; DROP TABLE x; --', "a'b", "file_row_number", "file_index", "Straße", "select", "measured", ""]
    repo = put(hub, alice, repo, train__parquet=parquet(pa.table([[number, 0] for number in range(8)], names=names)))

    facts = look(viewer, repo)

    assert len(facts.columns) == len(names)
    for column in facts.columns:
        assert len(rows(viewer, repo, sort=column.name)) == 2


def test_json_lines_and_json_lists_are_tables(hub, alice, repo, viewer):
    items = [{"text": "a", "tags": ["x", "y"]}, {"text": "b", "tags": []}]
    lines = "\n".join(json.dumps(item) for item in items).encode()
    repo = put(hub, alice, repo, train__jsonl=lines, test__json=json.dumps(items).encode())

    assert look(viewer, repo, "train.jsonl").num_rows == look(viewer, repo, "test.json").num_rows == 2
    assert [column.kind for column in look(viewer, repo, "test.json").columns] == ["text", "nested"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_spreadsheets_in_any_encoding_are_read(hub, alice, repo, viewer, encoding):
    repo = put(hub, alice, repo, train__csv="name;größe\ncafé;1\n".encode(encoding))

    assert [column.name for column in look(viewer, repo).columns] == ["name", "größe"]
    assert rows(viewer, repo) == [("café", "1")]


def test_a_column_that_turns_out_to_be_text_after_all_is_text(hub, alice, repo, viewer):
    lines = [b"n", *(b"%d" % number for number in range(50_000)), b"n/a", b"7"]
    repo = put(hub, alice, repo, train__csv=b"\n".join(lines) + b"\n")

    facts = look(viewer, repo)

    assert facts.num_rows == 50_002
    assert rows(viewer, repo, offset=50_000) == [("n/a",), ("7",)]


def test_pictures_are_told_by_their_size_and_never_sent(hub, alice, repo, viewer):
    picture = b"\x89PNG" + b"x" * 5000
    table = pa.table({"image": [{"bytes": picture, "path": "a.png"}, None], "raw": [picture, b""], "n": [1, 2]})
    repo = put(hub, alice, repo, train__parquet=parquet(table))

    facts = look(viewer, repo)

    assert [column.facts.get("missing") for column in facts.columns] == [1, 0, 0]
    assert rows(viewer, repo) == [("(bytes)", "(5004 bytes)", "1"), (None, "(0 bytes)", "2")]


def test_large_files_are_tables_too(hub, alice, repo, viewer):
    data = parquet(pa.table({"n": range(1000)}))
    spec = ObjectSpec(sha256=sha256(data).hexdigest(), size=len(data))
    sink = hub.lfs.receive(Ticket(repo_id=repo.id, spec=spec))
    sink.write(data)
    sink.finish()
    operations = (AddLargeFile("train.parquet", spec.sha256, spec.size),)
    hub.commits.commit(alice, repo, "main", CommitRequest(summary="put", operations=operations))
    repo = hub.repos.find_for(alice, READ, repo.kind, repo.full_name)

    assert look(viewer, repo).num_rows == 1000


@pytest.mark.parametrize(
    "data",
    [b"PAR1 this is no parquet file PAR1", b"\0" * 100, parquet(pa.table({"a": [1, 2]}))[:-20]],
)
def test_a_damaged_file_is_said_to_be_one_and_read_only_once(hub, alice, repo, viewer, tmp_path, data):
    repo = put(hub, alice, repo, train__parquet=data)

    with pytest.raises(TableUnreadable) as first:
        look(viewer, repo)

    assert str(tmp_path) not in str(first.value)
    with pytest.raises(TableUnreadable):
        viewer.known_facts(viewer.list_tables(repo)[0])


def test_a_reader_that_ends_is_started_again(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, train__csv=b"a\n1\n")
    look(viewer, repo)
    rows(viewer, repo)
    viewer._asking._process.kill()
    viewer._asking._process.wait()

    assert rows(viewer, repo) == [("1",)]


def test_the_reader_reaches_no_file_but_its_own(tmp_path):
    (tmp_path / "viewer").mkdir()
    (tmp_path / "secret.csv").write_text("password\n123\n")

    connection = connect(tmp_path / "viewer")

    for statement in (
        f"SELECT * FROM read_csv('{tmp_path}/secret.csv')",
        f"SELECT * FROM read_csv('{tmp_path}/viewer/../secret.csv')",
        f"COPY (SELECT 1) TO '{tmp_path}/new.csv'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(statement)


def test_the_same_bytes_are_prepared_once_whatever_they_are_called(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, train__csv=b"a\n1\n")
    look(viewer, repo)

    repo = put(hub, alice, repo, renamed__csv=b"a\n1\n", train__csv=b"a\n1\n")

    assert viewer.known_facts(viewer.find_table(repo, "main", "train.csv")) is not None


def test_whoever_does_not_wait_is_told_to_come_back(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, train__csv=b"a\n1\n")
    table = viewer.list_tables(repo)[0]

    with pytest.raises(StillPreparing):
        viewer.facts(repo, "main", table, patience_s=0.0)

    assert viewer.facts(repo, "main", table, patience_s=PATIENCE_S).num_rows == 1


def test_tables_that_nobody_came_back_for_keep_no_others_out(hub, alice, repo, viewer, monkeypatch):
    monkeypatch.setattr("wingman.hub.viewer.service.MAX_WAITING", 2)
    going_on = Event()
    monkeypatch.setattr(ViewerService, "_prepare", lambda *_: going_on.wait(10) and TableFacts(1, 1, ()))
    repo = put(hub, alice, repo, a__csv=b"a\n1\n", b__csv=b"b\n1\n", c__csv=b"c\n1\n")
    whole = viewer.list_tables(repo)[0]
    first, second, third = (replace(whole, parts=(part,)) for part in whole.parts)
    for table in (first, second):
        with pytest.raises(StillPreparing):
            viewer.facts(repo, "main", table, patience_s=0.0)
    with pytest.raises(ViewerBusy):
        viewer.facts(repo, "main", third)

    going_on.set()
    viewer._workers.submit(lambda: None).result()  # behind both

    assert viewer.facts(repo, "main", third, patience_s=PATIENCE_S).num_rows == 1


def test_a_full_disk_is_told_and_not_remembered(hub, alice, repo, tmp_path, viewer):
    full = ViewerService(hub.contents, hub.large_files, folder=tmp_path / "full", min_free_bytes=1 << 60)
    repo = put(hub, alice, repo, train__csv=b"a\n1\n")

    with pytest.raises(OutOfSpace):
        look(full, repo)

    full.close()
    assert look(viewer, repo).num_rows == 1


def test_without_the_optional_part_a_hint_says_how_to_get_it(hub, alice, repo, viewer, monkeypatch):
    repo = put(hub, alice, repo, train__csv=b"a\n1\n")
    monkeypatch.setitem(sys.modules, "duckdb", None)

    with pytest.raises(ViewerNotInstalled, match=r"wingman-hub\[viewer\]"):
        look(viewer, repo)


def test_there_is_no_table_where_there_is_no_file(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, notes__txt=b"hello")

    assert viewer.list_tables(repo) == []
    with pytest.raises(TableMissing):
        viewer.find_table(repo, "main", "notes.txt")


def test_other_revisions_have_their_own_rows(hub, alice, repo, viewer):
    repo = put(hub, alice, repo, train__csv=b"a\n1\n")
    hub.commits.create_tag(alice, repo, "v1", revision="main", message=None)
    repo = put(hub, alice, repo, train__csv=b"a\n1\n2\n")

    old = viewer.find_table(repo, "v1", "train.csv")

    assert viewer.facts(repo, "v1", old, patience_s=PATIENCE_S).num_rows == 1
    assert look(viewer, repo).num_rows == 2


def test_closing_ends_a_preparation_that_is_under_way(hub, alice, repo, tmp_path):
    lines = b"".join(b"%d,%d\n" % (number, number * 7919 % 1000) for number in range(600_000))
    repo = put(hub, alice, repo, train__csv=b"a,b\n" + lines)
    service = ViewerService(hub.contents, hub.large_files, folder=tmp_path / "closing")
    table = service.list_tables(repo)[0]
    with pytest.raises(StillPreparing):
        service.facts(repo, "main", table, patience_s=0.05)

    service.close()

    assert service.known_facts(table) is None
    assert not list((tmp_path / "closing").glob("*.making"))
