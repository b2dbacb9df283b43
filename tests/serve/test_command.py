"""`wingman serve`: a model from a Hub, or from a folder, in the foreground."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import pytest
from huggingface_hub import HfApi

from tests.servers.hub import LiveHub

pytestmark = pytest.mark.client

QUESTION = {"inputs": "the film was very good"}


@contextmanager
def serving(*arguments: str, environ: dict[str, str]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command until its model is ready; yields its address and process."""
    command = [sys.executable, "-m", "wingman.cli", "serve", *arguments, "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ)
    assert process.stderr is not None
    try:
        with process.stderr as lines:
            said = []
            for line in lines:
                said.append(line)
                if found := re.search(r"ready after .* answers at (http://\S+)", line):
                    yield found[1], process
                    return
            raise AssertionError("".join(said))
    finally:
        process.kill()
        process.wait()


def test_a_model_of_a_hub_is_served_with_only_the_files_it_takes(
    live_hub: LiveHub, tiny_model: Path, tmp_path: Path
) -> None:
    api = HfApi(endpoint=live_hub.url, token=live_hub.token("alice"))
    api.create_repo("alice/served-alone", private=True)
    api.upload_folder(repo_id="alice/served-alone", folder_path=tiny_model)
    api.create_tag("alice/served-alone", tag="v1")
    environ = live_hub.environ | {
        "HF_HOME": str(tmp_path),
        "HF_ENDPOINT": live_hub.url,
        "HF_TOKEN": live_hub.token("alice", "read"),
    }

    with serving("alice/served-alone", "--revision", "v1", environ=environ) as (url, _):
        answer = httpx.post(url, json=QUESTION, timeout=30)

    assert answer.status_code == 200
    downloaded = {path.name for path in tmp_path.rglob("snapshots/*/**/*") if path.is_file()}
    assert {"model.onnx", "serving.json", "tokenizer.json", "config.json"} <= downloaded
    assert "model.safetensors" not in downloaded


def test_a_folder_is_served_and_ctrl_c_is_an_orderly_end(live_hub: LiveHub, tiny_model: Path) -> None:
    with serving(str(tiny_model), environ=live_hub.environ) as (url, process):
        assert httpx.post(url, json=QUESTION, timeout=30).status_code == 200
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)

        assert process.returncode == 0


def test_a_model_that_is_not_there_is_one_clear_line(live_hub: LiveHub, tmp_path: Path) -> None:
    environ = live_hub.environ | {"HF_HOME": str(tmp_path), "HF_ENDPOINT": live_hub.url}
    command = [sys.executable, "-m", "wingman.cli", "serve", "alice/nowhere", "--port", "0"]

    finished = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)

    assert finished.returncode == 1
    assert "There is no model alice/nowhere here, or this token may not read it." in finished.stderr
    assert "Traceback" not in finished.stderr
