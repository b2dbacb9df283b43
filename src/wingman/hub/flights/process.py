"""One `wingman fly` as a child process: its environment, what it prints, and how it is ended.

Like every child of the Hub it gets the Hub's address, a token made for it, and nothing of this process's
environment that could hold a secret. It runs in an empty folder, so that no name of a dataset is ever a path.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

OUTPUT_BYTES = 4 << 20
LOG_BYTES = 32_000
TAIL_LINES = 20
INTERRUPT_PATIENCE_S = 15.0
"""How long it may take to end in order (finish the batch, tell the Hub) before it is ended by force."""
TERMINATE_PATIENCE_S = 5.0
_LOOK_EVERY_S = 1.0
_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SSL_CERT_FILE", "HTTP_PROXY", "HTTPS_PROXY",
    "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "PIP_CONFIG_FILE", "PIP_INDEX_URL",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What to run and as whom. cache: the owner's own folder for downloads. folder: an empty one to run in."""

    arguments: Sequence[str]
    endpoint: str
    token: str
    cache: Path
    folder: Path


class FlightProcess:
    """Start it with `start`; `ended` tells its exit status; `stop` asks it to end, ever more firmly."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._process: asyncio.subprocess.Process | None = None
        self._output = self._log = b""
        self._ended: asyncio.Task[int] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def output(self) -> str:
        """The end of what it wrote on standard output."""
        return self._output.decode("utf-8", "replace")

    async def start(self) -> None:
        for folder in (self._errand.folder, self._errand.cache):
            folder.mkdir(parents=True, exist_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wingman.cli", "fly", *self._errand.arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
            cwd=self._errand.folder,
            start_new_session=True,  # Ctrl-C in the Hub's terminal is the Hub's to handle
        )
        self._ended = asyncio.create_task(self._follow(self._process))

    async def ended(self) -> int:
        """Wait for it; negative where a signal ended it."""
        assert self._ended is not None
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """Returns when it is gone."""
        for number, patience_s in (
            (signal.SIGINT, INTERRUPT_PATIENCE_S),
            (signal.SIGTERM, TERMINATE_PATIENCE_S),
            (signal.SIGKILL, None),
        ):
            send_to_group(self.pid, number)
            try:
                async with asyncio.timeout(patience_s):
                    await self.ended()
                return
            except TimeoutError:
                continue

    def last_words(self) -> str:
        """Why it ended by itself: what follows the command line's `Error: `, else the end of what it logged."""
        lines = self._log.decode("utf-8", "replace").splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
        if starts:
            return "\n".join(lines[starts[-1] :]).removeprefix("Error: ").strip()
        return "\n".join(line for line in lines[-TAIL_LINES:]).strip()

    async def _follow(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        assert process.stderr is not None
        reading = asyncio.gather(self._keep_output(process.stdout), self._keep_log(process.stderr))
        while not reading.done():
            await asyncio.wait([reading], timeout=_LOOK_EVERY_S)
            if process.returncode is not None and not reading.done():
                # Its own children hold the pipes: nothing of a flight outlives it.
                send_to_group(process.pid, signal.SIGKILL)
        return await process.wait()

    async def _keep_output(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(1 << 16):
            self._output = (self._output + piece)[-OUTPUT_BYTES:]

    async def _keep_log(self, stream: asyncio.StreamReader) -> None:
        while piece := await stream.read(1 << 16):
            self._log = (self._log + piece)[-LOG_BYTES:]

    def _environment(self) -> dict[str, str]:
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return passed_on | {
            "HF_ENDPOINT": self._errand.endpoint,
            "HF_TOKEN": self._errand.token,
            "HF_HOME": str(self._errand.cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONUNBUFFERED": "1",
        }


def send_to_group(pid: int, number: signal.Signals) -> None:
    """To a child and its own children; it leads a session, so its group is named after it."""
    with suppress(ProcessLookupError):  # it was quicker
        os.killpg(pid, number)


def is_flying(pid: int, flight_id: str) -> bool:
    """Whether this process still is the one that flies this flight, and not another one that got its number."""
    try:
        arguments = " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:  # it is gone, or it is another user's
        return False
    return flight_id in arguments and "wingman.cli" in arguments
