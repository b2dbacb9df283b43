"""The JavaScript client: what Python's does, from Node.js, with and without Xet."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.environments import CALL_TIMEOUT_S, SCRIPTS, installed_javascript_client
from tests.servers.hub import LiveHub

pytestmark = [
    pytest.mark.client,
    pytest.mark.skipif(
        shutil.which("node") is None or shutil.which("npm") is None,
        reason="needs Node.js 18 or newer and npm; Debian: apt install nodejs npm",
    ),
]
LARGE_BYTES = 12_000_000


@pytest.mark.parametrize("use_xet", [True, False])
def test_the_javascript_client_works(live_hub: LiveHub, repo_id: str, tmp_path: Path, use_xet: bool) -> None:
    said = run_javascript(
        tmp_path,
        repo=repo_id,
        token=live_hub.token("alice"),
        hub=live_hub.url,
        large_bytes=LARGE_BYTES,
        use_xet=use_xet,
        cache=str(tmp_path / "cache"),
    )

    assert said["user"] == "alice"
    assert [path for path, _ in said["files"]] == [
        ".gitattributes",
        "README.md",
        "empty.txt",
        "folder/weights.bin",
    ]
    assert said["readme"].endswith("# Hello")
    assert (said["empty"], said["size"]) == (0, LARGE_BYTES)
    assert said["plain"] == said["xet"] == said["sent"]
    # So `xet: true` was answered with chunks, not with the whole file. What came by LFS is cut some time later.
    assert said["in_chunks"] or not use_xet
    assert said["slice"]
    assert said["exists"] == [True, False]
    assert "javascript" in said["tags"]
    assert said["listed"]
    assert said["pull_request"] == f"/{repo_id}/discussions/1"
    assert said["history"] == ["Less", "Add 3 files", "initial commit"]
    assert said["snapshot"]
    assert said["gone"]


def run_javascript(folder: Path, **inputs: object) -> dict:
    """Run `scripts/javascript.mjs` beside the installed client, which is where Node.js looks for it."""
    environment = installed_javascript_client()
    script = folder / "javascript.mjs"
    shutil.copy(SCRIPTS / "javascript.mjs", script)
    (folder / "node_modules").symlink_to(environment / "node_modules")
    finished = subprocess.run(
        ["node", str(script), json.dumps(inputs)], capture_output=True, text=True, timeout=CALL_TIMEOUT_S
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])
