"""LFS with the clients that use it: uploads in parts, locks of git-lfs, and other stores below."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn

from tests.clients.files import sha256, write_random
from tests.clients.git_user import HOW_TO_GET, GitUser
from tests.servers.hub import LiveHub, accounts
from tests.servers.processes import free_port
from wingman.hub.accounts.service import seed
from wingman.hub.app import create_app, open_hub
from wingman.hub.lfs.service import LfsService
from wingman.settings import load_settings

pytestmark = pytest.mark.client
MB = 1_000_000


@pytest.fixture
def hub_with_small_parts(tmp_path: Path) -> Iterator[str]:
    """The address of a Hub that wants everything over 5 MB in parts of 2 MB."""
    hub = open_hub(load_settings({"home": tmp_path / "home"}, environ={}))
    seed(hub.store, accounts())
    lfs = LfsService(
        hub.store,
        hub.blobs,
        hub.signer,
        max_file_bytes=1 << 40,
        min_free_bytes=0,
        link_seconds=600,
        multipart_above_bytes=5 * MB,
        min_part_bytes=2 * MB,
    )
    port = free_port()
    app = create_app(replace(hub, lfs=lfs))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_a_large_file_without_xet_comes_in_parts(hub_with_small_parts, make_client, repo_id, tmp_path):
    client = make_client(url=hub_with_small_parts, HF_HUB_DISABLE_XET="1")
    source = tmp_path / "large.bin"
    expected = write_random(source, 9 * MB + 1)
    client.call("create_repo", repo_id=repo_id)

    client.call("upload_file", repo_id=repo_id, path_or_fileobj=str(source), path_in_repo="large.bin")

    copy = client.call("hf_hub_download", repo_id=repo_id, filename="large.bin")
    assert sha256(Path(copy)) == expected
    objects = tmp_path / "home" / "hub" / "objects"
    assert [path for path in (objects / "uploads").rglob("*") if path.is_file()] == []
    assert sum(path.stat().st_size for path in (objects / "lfs").rglob("*") if path.is_file()) == 9 * MB + 1


@pytest.mark.skipif(shutil.which("git-lfs") is None, reason=HOW_TO_GET)
def test_git_lfs_takes_and_releases_locks(live_hub, make_client, repo_id, tmp_path):
    make_client().call("create_repo", repo_id=repo_id)
    git = GitUser(tmp_path / "git-home")
    address = live_hub.url.replace("://", f"://alice:{live_hub.token('alice')}@")
    git.run("clone", "-q", f"{address}/{repo_id}", "work", cwd=tmp_path)
    work = tmp_path / "work"

    git.run("lfs", "lock", "model.bin", cwd=work)
    listed = git.run("lfs", "locks", cwd=work)
    git.run("lfs", "unlock", "model.bin", cwd=work)

    assert listed.split()[:2] == ["model.bin", "alice"]
    assert git.run("lfs", "locks", cwd=work) == ""


@pytest.mark.slow
def test_both_ways_work_over_postgresql_and_s3(postgres_url, s3_store, make_client, repo_id, tmp_path):
    settings = {
        **s3_store.environment,
        "WINGMAN_DATABASE_URL": postgres_url,
        "WINGMAN_STORAGE_URL": s3_store.url,
    }
    hub = LiveHub(tmp_path / "home", settings=settings)
    try:
        with_xet = make_client(url=hub.url)
        without = make_client(url=hub.url, HF_HUB_DISABLE_XET="1")
        with_xet.call("create_repo", repo_id=repo_id)
        for name, client in (("xet.bin", with_xet), ("lfs.bin", without)):
            expected = write_random(tmp_path / name, 80 * MB)
            client.call(
                "upload_file", repo_id=repo_id, path_or_fileobj=str(tmp_path / name), path_in_repo=name
            )
            for reader in (make_client(url=hub.url), make_client(url=hub.url, HF_HUB_DISABLE_XET="1")):
                copy = reader.call("hf_hub_download", repo_id=repo_id, filename=name)
                assert sha256(Path(copy)) == expected
    finally:
        hub.stop()
