"""Start a program, wait until it answers, keep what it prints, and be sure that it ends."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

POLL_S = 0.05


class ServerDidNotStart(RuntimeError):
    """The program ended, or never answered; carries the end of what it printed."""

    def __init__(self, command: Sequence[str], reason: str, log: str) -> None:
        super().__init__(f"{' '.join(command)}: {reason}\n{log}")


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class ServerProcess:
    """One running server and the file that takes its output."""

    command: Sequence[str]
    log: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    user: str | None = None
    process: subprocess.Popen | None = None

    def start(self, is_ready: Callable[[], bool], *, timeout_s: float = 60) -> None:
        """Start it and return once `is_ready` says so. Raises `ServerDidNotStart`."""
        account = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.environ),
                cwd=self.log.parent,
                # A group of its own, so that its children can be ended with it.
                start_new_session=True,
                **account,
            )
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if self.process.poll() is not None:
                raise ServerDidNotStart(self.command, f"ended with {self.process.returncode}", self.tail())
            if time.monotonic() > deadline:
                self.kill()
                raise ServerDidNotStart(self.command, f"not ready after {timeout_s:g} s", self.tail())
            time.sleep(POLL_S)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, *, with_signal: signal.Signals = signal.SIGTERM, timeout_s: float = 20) -> None:
        """Ask it to end, and end the whole group by force if it does not."""
        if self.is_running:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """`kill -9` for it and its children: nothing is flushed, nothing is said."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):  # the group may have ended by itself
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def tail(self, num_bytes: int = 8000) -> str:
        """The end of its output."""
        return self.log.read_bytes()[-num_bytes:].decode("utf-8", "replace") if self.log.exists() else ""
