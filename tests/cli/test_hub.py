"""`wingman up`, `status`, `down`: a Hub in the background, as a person starts and stops one."""

import json
import os
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from wingman.cli.hub import find_running, reach_hub
from wingman.settings import load_settings

pytestmark = pytest.mark.client


class Commands:
    """The command `wingman` over one home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("wingman")), *words, "--home", str(self.home)]
        environ = {name: text for name, text in os.environ.items() if not name.startswith("WINGMAN_")}
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)


@pytest.fixture
def wingman(tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(tmp_path / "home")
    yield commands
    commands("down")


def test_a_hub_starts_in_the_background_and_stops(wingman: Commands) -> None:
    started = wingman("up", "--detach", "--port", "0")
    running = find_running(load_settings({"home": wingman.home}, environ={}))

    assert running is not None
    assert started.stdout.startswith(f"Wingman is at {running.url}\n")
    assert urllib.request.urlopen(f"{running.url}/healthz", timeout=5).status == 200
    assert running.url in wingman("status").stdout
    assert wingman("down").stdout == "The Hub has stopped.\n"
    assert wingman("status").returncode == 1
    assert not psutil.pid_exists(running.pid)


def test_only_the_first_start_says_how_to_log_in(wingman: Commands) -> None:
    first = wingman("up", "--detach", "--port", "0")
    wingman("down")
    second = wingman("up", "--detach", "--port", "0")

    token = (wingman.home / "admin-token").read_text().strip()
    assert token in first.stdout
    assert token not in second.stdout
    assert stat.S_IMODE((wingman.home / "admin-token").stat().st_mode) == 0o600


def test_the_introduction_is_not_buried_in_log_lines(wingman: Commands) -> None:
    wingman("up", "--detach", "--port", "0")

    log = (wingman.home / "hub" / "hub.log").read_text()
    assert "alembic" not in log
    assert "uvicorn" not in log


def test_a_second_hub_over_one_folder_is_refused(wingman: Commands) -> None:
    wingman("up", "--detach", "--port", "0")

    assert "is running already" in wingman("up", "--detach", "--port", "0").stdout
    refused = wingman("up", "--port", "0")
    assert refused.returncode == 1
    assert "serves this folder already" in refused.stderr


def test_a_port_in_use_is_named(wingman: Commands) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = wingman("up", "--port", str(port))

    assert refused.returncode == 1
    assert f"127.0.0.1:{port}" in refused.stderr
    assert "--port" in refused.stderr


def test_commands_find_the_hub_that_runs_here_and_may_use_it(
    wingman: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    wingman("up", "--detach", "--port", "0")
    running = find_running(load_settings({"home": wingman.home}, environ={}))
    assert running is not None
    token = (wingman.home / "admin-token").read_text().strip()

    assert reach_hub(wingman.home, None) == (running.url, token)
    assert reach_hub(wingman.home, "http://hub.example") == ("http://hub.example", None)
    monkeypatch.setenv("HF_TOKEN", "")
    assert reach_hub(wingman.home, None) == (running.url, token)
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    assert reach_hub(wingman.home, None) == (running.url, "hf_mine")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    assert reach_hub(wingman.home, None) == ("http://hub.example", "hf_mine")


def test_without_a_hub_a_model_is_asked_for_here_and_never_elsewhere(wingman: Commands) -> None:
    assert reach_hub(wingman.home, None) == ("http://127.0.0.1:8080", None)
    (wingman.home).mkdir()
    (wingman.home / "wingman.toml").write_text("port = 9\n")

    refused = wingman("serve", "me/model", "--port", "0")

    assert refused.returncode == 1
    assert "me/model could not be loaded from http://127.0.0.1:9: " in refused.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the time when a process began does not move")
def test_a_running_hub_is_found_after_the_clock_is_set(wingman: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    wingman("up", "--detach", "--port", "0")
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 1.0)  # where the clock's steps show

    assert find_running(load_settings({"home": wingman.home}, environ={})) is not None


def test_the_demo_over_a_hub_without_its_administrator_says_what_to_do(wingman: Commands, tmp_path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps({"users": [{"name": "ann", "admin": True}]}))
    wingman("admin", "seed", str(accounts))

    refused = wingman("demo", "--port", "0")

    assert refused.returncode == 1
    assert "Give the demo a folder of its own: --home" in refused.stderr


def test_another_process_with_the_number_of_a_killed_hub_is_not_taken_for_it(wingman: Commands) -> None:
    wingman("up", "--detach", "--port", "0")
    note = wingman.home / "hub" / "running.json"
    of_the_hub = json.loads(note.read_text())
    wingman("down")
    note.write_text(json.dumps({**of_the_hub, "pid": os.getpid()}))

    assert wingman("status").returncode == 1
    assert wingman("up", "--detach", "--port", "0").returncode == 0
