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


class TableReader:
    """One question at a time. After `IDLE_S` without one the process leaves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._leaving: threading.Timer | None = None

    def ask(self, question: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """Raises `ReaderFailed`, `QueryTooSlow`."""
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
            except (BrokenPipeError, QueryTooSlow):
                self._stop()
                raise
            finally:
                self._leave_later()
            if not line:
                self._stop()
                raise ReaderFailed("The file made its reader stop. It may be damaged.")
        said = json.loads(line)
        if "error" in said:
            raise ReaderFailed(said["error"])
        return said["ok"]

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
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
