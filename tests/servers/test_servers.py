"""The servers that tests rely on are what they claim to be."""

import sys
import urllib.request
from contextlib import suppress

import obstore
import obstore.store
import psutil
import pytest
import sqlalchemy

from tests.servers.counting_proxy import CountingProxy
from tests.servers.processes import ServerDidNotStart, ServerProcess, free_port

pytestmark = pytest.mark.slow


def test_each_test_gets_an_empty_database_with_the_extensions_for_search(postgres_cluster, postgres_url):
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as session:
        session.execute(sqlalchemy.text("CREATE TABLE word (text text)"))
        similar = session.execute(sqlalchemy.text("SELECT similarity('wingman', 'Wingmann')")).scalar_one()
    engine.dispose()

    another = postgres_cluster.create_database()
    fresh = sqlalchemy.create_engine(another)
    tables = sqlalchemy.inspect(fresh).get_table_names()
    fresh.dispose()
    postgres_cluster.drop_database(another)

    assert similar > 0.5
    assert tables == []


def test_the_s3_store_is_empty_and_refuses_to_overwrite_when_asked(s3_store):
    store = obstore.store.from_url(s3_store.url, client_options={"allow_http": True})
    assert list(obstore.list(store)) == []

    obstore.put(store, "a/b", b"first")

    assert bytes(obstore.get_range(store, "a/b", start=1, end=4)) == b"irs"
    with pytest.raises(obstore.exceptions.AlreadyExistsError):
        obstore.put(store, "a/b", b"second", mode="create")


def test_the_proxy_counts_what_passes_in_each_direction(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        str(tmp_path),
    ]
    server = ServerProcess(command, tmp_path / "server.log")
    server.start(lambda: _answers(port), timeout_s=20)

    with (
        CountingProxy(f"http://127.0.0.1:{port}") as proxy,
        urllib.request.urlopen(f"{proxy.url}/file") as answer,
    ):
        body = answer.read()
    server.stop()

    assert len(body) == 100_000
    assert 100_000 < proxy.received_bytes < 101_000
    assert 0 < proxy.sent_bytes < 1_000


def test_a_server_that_ends_at_once_is_reported_with_what_it_printed(tmp_path):
    server = ServerProcess([sys.executable, "-c", "raise SystemExit('no room')"], tmp_path / "server.log")

    with pytest.raises(ServerDidNotStart, match="no room"):
        server.start(lambda: False, timeout_s=20)


def test_killing_a_server_ends_its_children_too(tmp_path):
    server = ServerProcess(["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path / "server.log")
    server.start(lambda: server.tail().strip().isdigit(), timeout_s=20)

    server.kill()

    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(int(server.tail())).status() == psutil.STATUS_ZOMBIE


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
    except OSError:
        return False
    return True
