"""`kill -9` of the server during pushes: what was acknowledged stays, nothing is half there, clones stay whole."""

import random
import shutil
import threading
import time
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.clients.git_user import HOW_TO_GET, GitUser
from tests.servers.hub import LiveHub

pytestmark = [pytest.mark.client, pytest.mark.slow]

NUM_KILLS = 8
NUM_PUSHERS = 4


class Pusher(threading.Thread):
    """Pushes commit after commit to a branch of its own until the server is gone; remembers what was taken."""

    def __init__(self, git: GitUser, work: Path, acknowledged: dict[str, list[str]]) -> None:
        super().__init__(daemon=True)
        self._git, self._work, self._acknowledged = git, work, acknowledged

    def run(self) -> None:
        branch = self._work.name
        while True:
            files = {f"part{number}__data_txt": f"{time.time()} {number}\n" * 50 for number in range(20)}
            head = self._git.commit(self._work, "more", **files)
            push = self._git.start("push", "-q", "origin", f"HEAD:refs/heads/{branch}", cwd=self._work)
            push.communicate(timeout=60)
            if push.returncode:
                return
            self._acknowledged[branch].append(head)


def test_no_acknowledged_push_is_lost_and_clones_stay_whole(tmp_path):
    if shutil.which("git-lfs") is None:
        pytest.skip(HOW_TO_GET)
    git, hub = GitUser(tmp_path / "git-home"), LiveHub(tmp_path / "home")
    api = HfApi(endpoint=hub.url, token=hub.token("alice"))
    api.create_repo("alice/pushed")
    credentials = f"alice:{hub.token('alice')}"
    remote = f"{hub.url.replace('://', f'://{credentials}@')}/alice/pushed"
    acknowledged: dict[str, list[str]] = {f"branch-{number}": [] for number in range(NUM_PUSHERS)}
    for branch in acknowledged:
        git.run("clone", "-q", remote, branch, cwd=tmp_path)
    try:
        for round_number in range(NUM_KILLS):
            pushers = [Pusher(git, tmp_path / branch, acknowledged) for branch in acknowledged]
            for pusher in pushers:
                pusher.start()
            time.sleep(random.Random(round_number).uniform(0.3, 1.5))
            hub.kill()
            for pusher in pushers:
                pusher.join(60)
            hub.restart()
            git.run("clone", "-q", remote, f"copy-{round_number}", cwd=tmp_path)
            git.run("fsck", "--strict", cwd=tmp_path / f"copy-{round_number}")

        assert sum(map(len, acknowledged.values())) >= NUM_KILLS
        copy = tmp_path / f"copy-{NUM_KILLS - 1}"
        for branch, heads in acknowledged.items():
            history = git.run("rev-list", f"origin/{branch}", cwd=copy).splitlines()
            assert set(heads) <= set(history)
            # The API reads the same: the newest head is either acknowledged, or a whole push that was on its way.
            seen = {commit.commit_id for commit in api.list_repo_commits("alice/pushed", revision=branch)}
            assert seen == set(history)
            assert sum(1 for _ in api.list_repo_tree("alice/pushed", revision=branch, recursive=True)) == 41
    finally:
        hub.stop()
