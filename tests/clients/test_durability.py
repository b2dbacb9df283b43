"""`kill -9` of the server in the middle of work: what was acknowledged is there, and nothing is half there."""

import hashlib
import io
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.servers.hub import LiveHub

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.timeout(1200)]

NUM_KILLS = 12
NUM_WRITERS = 5
"""Together 100 pieces of work are under way when the server dies."""


@dataclass
class Acknowledged:
    """What the Hub said it had done: the files of each commit, by repository and commit id."""

    commits: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    pushes: set[tuple[str, str]] = field(default_factory=set)
    num_started: int = 0


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def commit_once(api: HfApi, repo: str, number: int, chance: random.Random, done: Acknowledged) -> None:
    """One commit of small files and, by turns, a large one through LFS or through Xet."""
    files = {f"c{number}/{part}.txt": chance.randbytes(200) for part in range(3)}
    large = chance.randbytes(2_000_000)
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    path = f"c{number}/weights.bin"
    operations.append(CommitOperationAdd(path, io.BytesIO(large) if number % 2 else large))
    done.num_started += 1
    info = api.create_commit(repo, operations, commit_message=f"number {number}")
    expected = {name: sha256(data) for name, data in (files | {path: large}).items()}
    done.commits[(repo, info.oid)] = expected


def push_once(folder: Path, remote: str, number: int, done: Acknowledged) -> None:
    def git(*arguments: str) -> str:
        finished = subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return finished.stdout.strip()

    (folder / f"pushed-{number}.txt").write_text(f"push {number}")
    git("add", "-A")
    git("commit", "-q", "-m", f"push {number}")
    done.num_started += 1
    git("push", "-q", remote, "HEAD:refs/heads/pushed")
    done.pushes.add((remote, git("rev-parse", "HEAD")))


def work(hub: LiveHub, writer: int, round_number: int, folder: Path, done: Acknowledged) -> None:
    """One writer's share of a round; everything that fails because the server is gone is not acknowledged."""
    api = HfApi(endpoint=hub.url, token=hub.token("alice"))
    chance = random.Random(round_number * 1000 + writer)
    try:
        if writer == 0:
            remote = f"http://user:{hub.token('alice')}@{hub.url.removeprefix('http://')}/alice/durable-0"
            push_once(folder, remote, round_number, done)
        for step in range(3):
            commit_once(api, f"alice/durable-{writer}", round_number * 10 + step, chance, done)
    except Exception:  # noqa: BLE001 - whatever a client raises when its server is killed
        return


def test_nothing_acknowledged_is_lost_and_nothing_is_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("HF_XET_CLIENT_RETRY_BASE_DELAY", "100ms")
    hub = LiveHub(tmp_path / "home")
    done = Acknowledged()
    folder = tmp_path / "clone"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "pushed", str(folder)], check=True)
    api = HfApi(endpoint=hub.url, token=hub.token("alice"))
    for writer in range(NUM_WRITERS):
        api.create_repo(f"alice/durable-{writer}")
    try:
        for round_number in range(NUM_KILLS):
            threads = [
                threading.Thread(target=work, args=(hub, writer, round_number, folder, done), daemon=True)
                for writer in range(NUM_WRITERS)
            ]
            for thread in threads:
                thread.start()
            time.sleep(random.Random(round_number).uniform(0.05, 1.5))
            hub.kill()
            for thread in threads:
                thread.join(60)
            hub.restart()

        assert done.num_started >= 100
        assert done.commits
        check_everything(hub, done)
        print(
            f"{NUM_KILLS} kills; {done.num_started} pieces of work begun, "
            f"{len(done.commits)} commits and {len(done.pushes)} pushes acknowledged, all found again"
        )
    finally:
        hub.stop()


def check_everything(hub: LiveHub, done: Acknowledged) -> None:
    api = HfApi(endpoint=hub.url, token=hub.token("alice"))
    histories: dict[str, set[str]] = {}
    for writer in range(NUM_WRITERS):
        repo = f"alice/durable-{writer}"
        commits = api.list_repo_commits(repo)
        histories[repo] = {commit.commit_id for commit in commits}
        # Half a commit would show as a folder with some of its files only.
        folders: dict[str, int] = {}
        for path in api.list_repo_files(repo):
            if "/" in path:
                folders[path.partition("/")[0]] = folders.get(path.partition("/")[0], 0) + 1
        assert set(folders.values()) <= {4}, f"{repo} shows half a commit: {folders}"
        # Every file that a listing shows can be read in full, acknowledged or not.
        for entry in api.list_repo_tree(repo, recursive=True):
            size = getattr(entry, "size", None)
            if size is not None and entry.path.endswith(".bin"):
                assert len(read(api, repo, "main", entry.path)) == size
    for (repo, oid), files in done.commits.items():
        assert oid in histories[repo], f"the acknowledged commit {oid} of {repo} is lost"
        for path, digest in files.items():
            assert sha256(read(api, repo, oid, path)) == digest
    for remote, oid in done.pushes:
        listed = subprocess.run(["git", "ls-remote", remote], capture_output=True, text=True, check=True)
        assert "refs/heads/pushed" in listed.stdout
        assert api.repo_info("alice/durable-0", revision=oid).sha == oid


def read(api: HfApi, repo: str, revision: str, path: str) -> bytes:
    import urllib.request

    request = urllib.request.Request(
        f"{api.endpoint}/{repo}/resolve/{revision}/{path}", headers={"Authorization": f"Bearer {api.token}"}
    )
    with urllib.request.urlopen(request) as response:
        return response.read()
