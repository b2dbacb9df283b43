"""What every test may ask for: real servers, started once a session, and a place apart from the user's own.

Each server's module says how to get it where it is missing; tests that ask for it are then skipped, except
with WINGMAN_TEST_NO_SKIP=1 (continuous integration), where a skip counts as a failure.
"""

import atexit
import os
import shutil
import tempfile

# Before anything imports a public client, which reads these once: no test reads or writes the user's own
# cache or tokens, and none phones home.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="wingman-tests-hf-")
atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)
os.environ.update(HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_UPDATE_CHECK="1", MPLBACKEND="Agg")
for variable in [name for name in os.environ if name.startswith(("HF_TOKEN", "HF_ENDPOINT", "WINGMAN_HOME"))]:
    del os.environ[variable]

from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from tests.servers.hub import LiveHub  # noqa: E402
from tests.servers.postgres import NoPostgres, PostgresCluster, open_cluster  # noqa: E402
from tests.servers.s3 import NoS3, S3Server, S3Store, open_server  # noqa: E402

NO_SKIP = os.environ.get("WINGMAN_TEST_NO_SKIP") == "1"


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    try:
        cluster = open_cluster()
    except NoPostgres as missing:
        pytest.skip(str(missing))
    yield cluster
    cluster.close()


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """ "postgresql+psycopg://…" of an empty database for this test alone."""
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop_database(url)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    try:
        server = open_server(tmp_path_factory.mktemp("s3"))
    except NoS3 as missing:
        pytest.skip(str(missing))
    yield server
    server.stop()


@pytest.fixture
def s3_store(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Store:
    """An empty bucket for this test alone; its variables are set in this process too."""
    store = s3_server.create_store()
    for name, text in store.environment.items():
        monkeypatch.setenv(name, text)
    return store


@pytest.fixture(scope="session")
def live_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHub]:
    """One Hub for the session: make repositories of your own in it, and leave those of others alone."""
    hub = LiveHub(tmp_path_factory.mktemp("live-hub") / "home")
    yield hub
    hub.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    report = yield
    _refuse_skip(report)
    hub = getattr(item, "funcargs", {}).get("live_hub")
    if report.failed and hub is not None:
        report.sections.append(("end of the Hub's log", hub.log))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, where everything must run (WINGMAN_TEST_NO_SKIP): {report.longrepr}"
