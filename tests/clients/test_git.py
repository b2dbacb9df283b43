"""git and git-lfs read and write the repository that the client's API writes."""

import shutil
from pathlib import Path

import pytest

from tests.clients.files import digests, sha256, write_random
from tests.clients.git_user import HOW_TO_GET, GitUser

pytestmark = pytest.mark.client


@pytest.fixture
def git(tmp_path) -> GitUser:
    if shutil.which("git") is None or shutil.which("git-lfs") is None:
        pytest.skip(HOW_TO_GET)
    return GitUser(tmp_path / "git-home")


@pytest.fixture
def remote(live_hub, repo_id) -> str:
    credentials = f"alice:{live_hub.token('alice')}"
    return f"{live_hub.url.replace('://', f'://{credentials}@')}/{repo_id}"


def test_git_clones_what_the_client_uploaded(git, remote, make_client, repo_id, tmp_path):
    source = tmp_path / "source"
    _write_model(source)
    client = make_client()
    client.call("create_repo", repo_id=repo_id)
    client.call("upload_folder", repo_id=repo_id, folder_path=str(source))

    git.run("clone", "-q", remote, "copy", cwd=tmp_path)

    found = digests(tmp_path / "copy")
    del found[".gitattributes"]
    assert found == digests(source)
    git.run("fsck", "--strict", cwd=tmp_path / "copy")


def test_the_client_downloads_what_git_pushed(git, remote, make_client, repo_id, tmp_path):
    client = make_client()
    client.call("create_repo", repo_id=repo_id)
    git.run("clone", "-q", remote, "work", cwd=tmp_path)
    work = tmp_path / "work"
    _write_model(work)
    git.run("add", ".", cwd=work)
    git.run("commit", "-q", "-m", "Add a model", cwd=work)
    git.run("tag", "v1", cwd=work)

    git.run("push", "-q", "origin", "main", "v1", cwd=work)

    copy = Path(client.call("snapshot_download", repo_id=repo_id, revision="v1"))
    assert digests(copy) == digests(work)
    head = git.run("rev-parse", "HEAD", cwd=work)
    assert client.call("repo_info", repo_id=repo_id)["sha"] == head


def test_git_pulls_what_the_client_changed_since(git, remote, make_client, repo_id, tmp_path):
    client = make_client()
    client.call("create_repo", repo_id=repo_id)
    git.run("clone", "-q", remote, "work", cwd=tmp_path)
    expected = write_random(tmp_path / "new.bin", 2_000_000)
    client.call(
        "upload_file", repo_id=repo_id, path_or_fileobj=str(tmp_path / "new.bin"), path_in_repo="new.bin"
    )

    git.run("pull", "-q", "--ff-only", cwd=tmp_path / "work")

    assert sha256(tmp_path / "work" / "new.bin") == expected


def test_shallow_and_partial_clones_hold_the_same_files(git, remote, make_client, repo_id, tmp_path):
    source = tmp_path / "source"
    _write_model(source)
    client = make_client()
    client.call("create_repo", repo_id=repo_id)
    client.call("upload_folder", repo_id=repo_id, folder_path=str(source))

    git.run("clone", "-q", "--depth=1", remote, "shallow", cwd=tmp_path)
    git.run("clone", "-q", "--filter=blob:none", remote, "partial", cwd=tmp_path)

    assert git.run("rev-list", "--count", "HEAD", cwd=tmp_path / "shallow") == "1"
    assert digests(tmp_path / "shallow") == digests(tmp_path / "partial")
    assert digests(source).items() <= digests(tmp_path / "shallow").items()


def _write_model(folder: Path) -> None:
    """A file that travels through LFS, a text, and a name that needs quoting."""
    write_random(folder / "model.bin", 5_000_000)
    (folder / "notes.txt").write_text("Trained on a Tuesday.\n", "utf-8")
    (folder / "data").mkdir()
    (folder / "data" / "naïve #1.txt").write_text("é\n", "utf-8")
