"""The worker process as an object: started when it is first asked, killed when it takes too long, started again."""

import json
import os
import select
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from wingman.hub.viewer.model import QueryTooSlow

IDLE_S = 120.0


class ReaderFailed(Exception):
    """The reader refused, or ended; the text is what it said."""


class ReaderEnded(ReaderFailed):
    """The process ended before it answered: a damaged file, no memory left, or the Hub is shutting down."""

    def __init__(self) -> None:
        super().__init__("The file made its reader stop. It may be damaged, or need more memory than there is.")


class TableReader:
    """One question at a time. After `IDLE_S` without one the process leaves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._leaving: threading.Timer | None = None

    def ask(self, question: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Raises `ReaderFailed`, `ReaderEnded`, `QueryTooSlow`."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(question).encode() + b"\n")
                process.stdin.flush()
                ready, _, _ = select.select([process.stdout], [], [], timeout_s)
                if not ready:
                    raise QueryTooSlow(timeout_s)
                line = process.stdout.readline()
            except QueryTooSlow:
                self._stop()
                raise
            except BrokenPipeError as error:
                self._stop()
                raise ReaderEnded from error
            finally:
                self._leave_later()
            if not line:
                self._stop()
                raise ReaderEnded
        said = json.loads(line)
        if "error" in said:
            raise ReaderFailed(said["error"])
        return said["ok"]

    def close(self) -> None:
        """End the process, and with it whatever question it is at."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._process is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "wingman.hub.viewer.worker", str(self._folder)]
            environment = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
        return self._process

    def _leave_later(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        self._leaving = threading.Timer(IDLE_S, self.close)
        self._leaving.daemon = True
        self._leaving.start()

    def _stop(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
