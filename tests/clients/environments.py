"""Environments of their own for releases of the public clients, and a way to call them from a test.

Each release is installed once, with the hf-xet it brings, under WINGMAN_TEST_CACHE (default
`~/.cache/wingman-tests`). Tests call the client in a process of its own, as users do: nothing is set but the
Hub's address, a token, and an empty HF_HOME.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEWEST = "2.4.0"
RELEASES = (NEWEST, "1.10.0", "0.36.2")
JAVASCRIPT_RELEASE = "2.17.5"
SCRIPTS = Path(__file__).with_name("scripts")
CALL_TIMEOUT_S = 240


class ClientFailed(AssertionError):
    """The client's process ended with an error; the text is what it printed."""


@dataclass(frozen=True)
class Client:
    """One release of the public client, pointed at one Hub with one token."""

    python: Path
    url: str
    token: str
    hf_home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of `HfApi` and return what it returned, as far as JSON can carry it.

        An argument {"open": path} becomes a file object. Raises `ClientFailed`.
        """
        return self.run_script("call.py", method=method, arguments=arguments)

    def run_script(self, name: str, **inputs: Any) -> Any:
        """Run `scripts/<name>`, which reads JSON from its first argument and ends with a line of JSON."""
        return json.loads(self.run(self.python, SCRIPTS / name, json.dumps(inputs)).splitlines()[-1])

    def run(self, program: Path, *arguments: object, cwd: Path | None = None) -> str:
        """Run any program with the client's environment and return its standard output."""
        command = [str(program), *map(str, arguments)]
        finished = subprocess.run(
            command, env=self.environ, cwd=cwd, capture_output=True, text=True, timeout=CALL_TIMEOUT_S
        )
        if finished.returncode:
            raise ClientFailed(f"{' '.join(command)}\n{finished.stdout}\n{finished.stderr}")
        return finished.stdout

    @property
    def environ(self) -> dict[str, str]:
        clean = {name: text for name, text in os.environ.items() if not name.startswith(("HF_", "WINGMAN_"))}
        wanted = {"HF_ENDPOINT": self.url, "HF_TOKEN": self.token, "HF_HOME": str(self.hf_home)}
        return clean | wanted | dict(self.settings)


def installed_release(release: str) -> Path:
    """The Python of an environment with that release of huggingface_hub, made at the first call."""
    folder = (
        cache_folder() / f"huggingface_hub-{release}-python{sys.version_info.major}.{sys.version_info.minor}"
    )
    python = folder / "bin" / "python"
    with _locked(folder.with_suffix(folder.suffix + ".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*install, f"huggingface_hub=={release}"], check=True)
            (folder / "ready").touch()
    return python


def installed_javascript_client() -> Path:
    """The folder of an environment with `@huggingface/hub`, made at the first call. Needs node and npm."""
    folder = cache_folder() / f"huggingface-hub-js-{JAVASCRIPT_RELEASE}"
    with _locked(folder.with_suffix(folder.suffix + ".lock")):
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            (folder / "package.json").write_text('{"private": true}')
            package = f"@huggingface/hub@{JAVASCRIPT_RELEASE}"
            command = ["npm", "install", "--no-audit", "--no-fund", "--silent", package]
            subprocess.run(command, cwd=folder, check=True)
            (folder / "ready").touch()
    return folder


def cache_folder() -> Path:
    return Path(os.environ.get("WINGMAN_TEST_CACHE", Path.home() / ".cache" / "wingman-tests"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Only one of several test processes builds an environment; the others wait for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
