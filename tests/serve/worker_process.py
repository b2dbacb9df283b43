"""`python -m wingman.serve` as a child process, the way a Hub starts it."""

import os
import re
import subprocess
import sys
import threading
import time

import httpx2 as httpx


class WorkerProcess:
    """The process, what it has written so far, and the address it listens on."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wingman.serve", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return "".join(self._lines)

    @property
    def url(self) -> str:
        """Known once the log has it, which is before the model is loaded."""
        return self._wait_for(r"listening at (http://\S+)")

    def wait_until_ready(self) -> None:
        self._wait_for(r"(ready) after")

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout_s: float = 30) -> int:
        """The exit status."""
        status = self._process.wait(timeout_s)
        self._reader.join()
        return status

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def ask(self, document: object, **options: object) -> httpx.Response:
        return httpx.post(self.url, json=document, timeout=30, **options)  # type: ignore[arg-type]

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self._lines.append(line)

    def _wait_for(self, pattern: str, timeout_s: float = 60) -> str:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.log):
                return found[1]
            if self._process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"the worker never wrote {pattern!r}:\n{self.log}")
