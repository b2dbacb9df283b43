"""One worker: a `python -m wingman.serve` child process, its socket, its folder and the end of its log.

The child gets the address of this Hub and a token for one repository, and nothing of this process's environment
that could hold a secret. Its downloads live in its own folder and go when it goes.
"""

import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wingman.hub.inference.client import WorkerClient, WorkerGone
from wingman.hub.inference.errors import CannotBeServed, InferenceError, WorkerFailed

log = logging.getLogger("wingman.hub.inference")

LOG_BYTES = 16_000
DRAIN_S = 30.0
EXIT_UNSERVABLE = 2
"""The worker's exit status for a repository that cannot be served; its standard output then says why."""
_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "OMP_NUM_THREADS"
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOrder:
    """What to serve and how to get it."""

    full_name: str
    commit: str
    endpoint: str
    token: str | None
    idle_timeout_s: float


class WorkerProcess:
    """Start it with `start`, wait with `wait_until_ready`; `stop` lets it finish what it is answering."""

    def __init__(self, order: WorkerOrder, folder: Path) -> None:
        """folder: does not exist yet; made and removed with the process."""
        self.order = order
        self.num_active = 0
        self.last_asked = time.monotonic()
        self.is_ready = False
        self._folder = folder
        # Not below `folder`: the path of a socket may have 107 bytes at most.
        self._socket_folder = Path(tempfile.mkdtemp(prefix="wingman-"))
        self.client = WorkerClient(self._socket_folder / "worker.sock")
        self._log = b""
        self._last_words = b""
        self._process: asyncio.subprocess.Process | None = None
        self._ended: asyncio.Task[None] | None = None

    @property
    def has_ended(self) -> bool:
        return self._ended is not None and self._ended.done()

    async def start(self) -> None:
        self._folder.mkdir(parents=True)
        order = self.order
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wingman.serve", "--repo", order.full_name, "--revision", order.commit),
            *("--uds", str(self._socket_folder / "worker.sock"), "--idle-timeout", str(order.idle_timeout_s)),
            "--leave-with-parent",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
            start_new_session=True,  # Ctrl-C in the Hub's terminal is the Hub's to handle
        )
        self._ended = asyncio.create_task(self._follow(self._process))

    async def wait_until_ready(self, timeout_s: float) -> None:
        """Raises `CannotBeServed`, `WorkerFailed` (it died, or took longer)."""
        deadline, pause = time.monotonic() + timeout_s, 0.02
        while time.monotonic() < deadline:
            if self.has_ended:
                raise self.failure()
            try:
                if (await self.client.get("/health")).status == 200:
                    self.is_ready = True
                    return
            except WorkerGone:
                pass  # it has not come so far as to listen
            await asyncio.sleep(pause)
            pause = min(0.2, pause * 1.5)
        raise WorkerFailed(self.order.full_name, f"was not ready after {timeout_s:.0f} s", self.log_lines())

    def failure(self) -> InferenceError:
        """Why it ended, for whoever asked it."""
        status = self._process.returncode if self._process else None
        if status == EXIT_UNSERVABLE:
            try:
                return CannotBeServed(json.loads(self._last_words)["error"])
            except (ValueError, KeyError):
                log.warning("a worker gave up without saying why: %r", self._last_words)
        how = f"was ended by signal {-status}" if status and status < 0 else f"ended with status {status}"
        return WorkerFailed(self.order.full_name, how, self.log_lines())

    def log_lines(self) -> list[str]:
        """The end of what it has logged."""
        return self._log.decode("utf-8", "replace").splitlines()

    async def stop(self) -> None:
        """Ask it to leave and wait until it has; it answers first what it is answering."""
        if self._process is None or self._ended is None:
            return
        if not self.has_ended:
            _signal(self._process.terminate)
            try:
                async with asyncio.timeout(DRAIN_S):
                    await asyncio.shield(self._ended)
            except TimeoutError:
                _signal(self._process.kill)
                await self._ended

    async def _follow(self, process: asyncio.subprocess.Process) -> None:
        """Read what it writes until it ends, then remove what it leaves."""
        assert process.stdout is not None
        assert process.stderr is not None
        last_words = asyncio.create_task(process.stdout.read())
        try:
            while written := await process.stderr.read(LOG_BYTES):
                self._log = (self._log + written)[-LOG_BYTES:]
            self._last_words = await last_words
            status = await process.wait()
            log.info("the worker of %s ended with status %d", self.order.full_name, status)
        finally:
            self.client.close()
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            await asyncio.to_thread(shutil.rmtree, self._socket_folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        given = {
            "HF_ENDPOINT": self.order.endpoint,
            "HF_HOME": str(self._folder),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            # The Hub is on the same machine: plain GET needs no second protocol and no cache of chunks.
            "HF_HUB_DISABLE_XET": "1",
        }
        return {**passed_on, **given, **({"HF_TOKEN": self.order.token} if self.order.token else {})}


def _signal(send: Callable[[], None]) -> None:
    with suppress(ProcessLookupError):  # it was quicker
        send()
