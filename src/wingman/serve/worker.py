"""The process around one served model: listen at once, load in the background, drain, leave.

It leaves on SIGTERM or Ctrl-C (requests in flight are answered first), when nobody asked for
`idle_timeout_s`, or, started by a Hub, when that Hub is gone.

Exit statuses: 0 asked to leave or idle, 1 it failed, 2 this repository cannot be served as it is.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import uvicorn

from wingman.serve.app import InferenceApp
from wingman.serve.batching import BatchLimits
from wingman.serve.errors import Unservable
from wingman.serve.loading import LoadedModel, Progress, load_folder, load_repo
from wingman.serve.scheduler import Scheduler

_log = logging.getLogger(__name__)

EXIT_FAILED = 1
EXIT_UNSERVABLE = 2
_ROWS_ALONE_A_RUN = 4
"""Of rows that run one after another a lane gets a few at once, so that it does not wait for each to be handed out."""

DRAIN_S = 25
"""Platforms send SIGKILL 30 s after SIGTERM."""


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """source: `namespace/name` on the Hub at `endpoint`, read with `token`, or a local folder (`Path`).
    endpoint, token: None takes the public client's.
    uds: path of the socket to listen on; else host and port (0: a free one).
    num_lanes: batches that run at the same time, 0: as many as suits the engine on these cores.
    leave_with_parent: leave when the process that started this one is gone.
    """

    source: str | Path
    revision: str | None = None
    endpoint: str | None = None
    token: str | None = field(default=None, repr=False)
    uds: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8081
    idle_timeout_s: float | None = None
    leave_with_parent: bool = False
    num_lanes: int = 0
    threads: int = 1
    max_body_bytes: int = 2_000_000
    max_rows: int = 256
    limits: BatchLimits = field(default_factory=BatchLimits)


@dataclass(frozen=True, slots=True)
class Farewell:
    """How it ended; `reason` is for people and empty when all is well."""

    exit_status: int = 0
    reason: str = ""


def run_worker(options: WorkerOptions) -> Farewell:
    """Serve until asked to leave. Raises `OSError` when the address is taken."""
    # Batches already keep every core busy; tokenisers with threads of their own would only get in the way.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    listener = _listen(options)
    try:
        return _Worker(options, listener).run()
    finally:
        listener.close()
        if options.uds is not None:
            options.uds.unlink(missing_ok=True)


class _Server(uvicorn.Server):
    """uvicorn raises a signal again once drained, which would turn an orderly leave into a failure."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


class _Worker:
    def __init__(self, options: WorkerOptions, listener: socket.socket) -> None:
        self._options = options
        self._listener = listener
        self._parent = os.getppid()
        self._app = InferenceApp(max_body_bytes=options.max_body_bytes, max_rows=options.max_rows)
        self._scheduler: Scheduler | None = None
        self._farewell = Farewell()
        config = uvicorn.Config(
            self._app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_S,
            timeout_keep_alive=75,
        )
        self._server = _Server(config)
        self._loop_factory = config.get_loop_factory()

    def run(self) -> Farewell:
        with asyncio.Runner(loop_factory=self._loop_factory) as runner:
            runner.run(self._serve())
        return self._farewell

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        _log.info("listening at %s", self._address())
        # A daemon: a download that hangs must not keep the process from leaving.
        threading.Thread(target=self._load, args=(loop,), daemon=True).start()
        watch = loop.create_task(self._watch())
        try:
            await self._server.serve(sockets=[self._listener])
        finally:
            watch.cancel()
            if self._scheduler is not None:
                self._scheduler.close()

    def _load(self, loop: asyncio.AbstractEventLoop) -> None:
        options, started = self._options, time.monotonic()
        try:
            model = _load(options, self._progress)
        except Unservable as error:
            _log.error("cannot serve %s: %s", options.source, error)
            loop.call_soon_threadsafe(self._give_up, Farewell(EXIT_UNSERVABLE, str(error)))
        except Exception as error:  # noqa: BLE001 - the outermost handler of this thread
            _log.exception("loading %s failed", options.source)
            reason = f"{options.source} could not be loaded{_from(options)}: {error}"
            loop.call_soon_threadsafe(self._give_up, Farewell(EXIT_FAILED, reason))
        else:
            seconds = time.monotonic() - started
            loop.call_soon_threadsafe(self._ready, model, seconds)

    def _progress(self, step: str) -> None:
        self._app.loading_step = step
        _log.info("%s", step)

    def _ready(self, model: LoadedModel, seconds: float) -> None:
        # torch parallelises inside a run; ONNX Runtime answers more with one thread in each of several runs.
        default_lanes = 1 if model.facts.onnx_file is None else num_cores()
        lanes = self._options.num_lanes or default_lanes
        limits = self._options.limits
        if model.facts.runs_rows_alone:
            limits = replace(limits, max_rows=_ROWS_ALONE_A_RUN, padding_allowance=limits.max_tokens)
        self._scheduler = Scheduler(model.engine, limits, num_lanes=lanes)
        self._app.ready(model, self._scheduler)
        _log.info("ready after %.1f s: %s answers at %s", seconds, model.name, self._address())

    def _give_up(self, farewell: Farewell) -> None:
        self._farewell = farewell
        self._server.should_exit = True

    async def _watch(self) -> None:
        """Look about once a second whether there is a reason to leave."""
        idle_timeout = self._options.idle_timeout_s
        while True:
            await asyncio.sleep(min(1.0, (idle_timeout or 4.0) / 4))
            if self._options.leave_with_parent and os.getppid() != self._parent:
                _log.info("leaving: the process that started this worker is gone")
                self._server.should_exit = True
            idle = time.monotonic() - self._app.last_asked
            if (
                idle_timeout is not None
                and self._scheduler
                and not self._app.num_active
                and idle > idle_timeout
            ):
                _log.info("leaving: nobody asked for %.0f s", idle)
                self._server.should_exit = True

    def _address(self) -> str:
        if self._options.uds is not None:
            return f"unix:{self._options.uds}"
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _load(options: WorkerOptions, progress: Progress) -> LoadedModel:
    if isinstance(options.source, Path):
        return load_folder(options.source, threads=options.threads, progress=progress)
    return load_repo(
        options.source,
        options.revision,
        endpoint=options.endpoint,
        token=options.token,
        threads=options.threads,
        progress=progress,
    )


def _from(options: WorkerOptions) -> str:
    return f" from {options.endpoint}" if isinstance(options.source, str) and options.endpoint else ""


def num_cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _listen(options: WorkerOptions) -> socket.socket:
    if options.uds is not None:
        options.uds.unlink(missing_ok=True)  # left behind by a worker that was killed
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(options.uds))
        options.uds.chmod(0o600)
    else:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((options.host, options.port))
    # Listening before the event loop runs: whoever connects from now on is answered a moment later.
    listener.listen(2048)
    listener.setblocking(False)
    return listener
