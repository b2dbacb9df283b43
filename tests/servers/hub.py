"""A real Hub in a process of its own, with accounts that tests know the tokens of."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.servers.processes import ServerProcess, free_port

USERS = ("alice", "bob", "admin")
ORGANISATION = "acme"
PASSWORD = "correct horse battery staple"


def token(user: str, role: str = "write") -> str:
    """The token that `accounts` gives to `user`; `role` is "read" or "write"."""
    return f"hf_test_{user}_{role}"


def accounts() -> dict:
    """What `wingman admin seed` is given: three users, and alice's organisation, which bob may read."""
    users = [
        {
            "name": name,
            "full_name": name.title(),
            "email": f"{name}@example.org",
            "password": PASSWORD,
            "admin": name == "admin",
            "tokens": [{"token": token(name, role), "role": role} for role in ("write", "read")],
        }
        for name in USERS
    ]
    members = [{"user": "alice", "role": "admin"}, {"user": "bob", "role": "read"}]
    organisation = {
        "name": ORGANISATION,
        "full_name": "Acme",
        "private_by_default": False,
        "members": members,
    }
    return {"users": users, "organizations": [organisation]}


class LiveHub:
    """A Hub on a free port, its state under `home`. Start it with `start`, end it with `stop` or `kill`."""

    def __init__(
        self, home: Path, *, settings: Mapping[str, str] | None = None, seed: dict | None = None
    ) -> None:
        """`settings` are further `WINGMAN_*` and vendor variables, such as a database URL or S3 keys."""
        self.home = home
        self.environ = {
            name: text for name, text in os.environ.items() if not name.startswith(("WINGMAN_", "HF_"))
        }
        self.environ |= settings or {}
        home.mkdir(parents=True, exist_ok=True)
        self.seed(seed or accounts())
        self._start_on(free_port())

    def _start_on(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command = [_wingman(), "up", "--home", str(self.home), "--host", "127.0.0.1", "--port", str(port)]
        self._port = port
        self._server = ServerProcess(
            command, self.home.with_name(f"{self.home.name}.log"), environ=self.environ
        )
        self._server.start(self.is_ready, timeout_s=30)

    def seed(self, seed: dict) -> None:
        """Create or update accounts; see `wingman admin seed`."""
        file = self.home.with_name(f"{self.home.name}-accounts.json")
        file.write_text(json.dumps(seed))
        self.run("admin", "seed", str(file))

    def run(self, *words: str) -> None:
        """A command of `wingman` over this home."""
        command = [_wingman(), *words, "--home", str(self.home)]
        finished = subprocess.run(command, env=self.environ, capture_output=True, text=True)
        if finished.returncode:
            raise RuntimeError(f"{' '.join(command)}: {finished.stdout}{finished.stderr}")

    def token(self, user: str, role: str = "write") -> str:
        return token(user, role)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def pid(self) -> int:
        return self._server.process.pid

    @property
    def log(self) -> str:
        """The end of what the Hub printed."""
        return self._server.tail()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """`kill -9`; `restart` brings it back over the same home."""
        self._server.kill()

    def restart(self) -> None:
        """Stop it if it runs, and start it at the same address over the same home."""
        self.stop()
        self._start_on(self._port)


def _wingman() -> str:
    """The command beside the Python that runs the tests."""
    return str(Path(sys.executable).with_name("wingman"))
