"""The events of a flight: one JSON object a line, the only seam between the lab and whoever watches.

    {"time": "2026-01-31T09:00:00.000Z", "event": "step_started", "step": "train"}

`event` is one of flight_started, step_started, progress, metric, log, warning, step_finished,
flight_finished, flight_failed. Terminal progress bars, a run's page and TensorBoard all read this stream;
nothing in the lab prints.
"""

import os
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from wingman.lab.strict_json import dump_strictly

Listener = Callable[[dict[str, Any]], None]
_PROGRESS_EVERY_SECONDS = 0.2
_REMEMBERED = 500  # more than a dry run emits; what comes later goes to those already listening


def now() -> str:
    """The time as ISO-8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def memory_in_use() -> int:
    """The memory of the machine that this process holds at the moment, in bytes."""
    return psutil.Process().memory_info().rss


class Events:
    """Writes each event to a file (if there is one) and hands it to every listener, in order."""

    def __init__(self, path: Path | None = None, listeners: Iterable[Listener] = ()) -> None:
        self._path = path
        self._listeners = list(listeners)
        self._step: str | None = None
        self._past: list[dict[str, Any]] = []
        self._progress_at = 0.0

    def listen(self, listener: Listener, *, replay: bool = False) -> None:
        """Add a listener; with `replay` it is first told what has happened since this object was made."""
        if replay:
            for line in self._past:
                listener(line)
        self._listeners.append(listener)

    def write_to(self, path: Path) -> None:
        """Write from now on to `path`, first what has happened before there was a file."""
        if path == self._path:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        for line in self._past:
            self._write(line)

    def emit(self, event: str, **facts: Any) -> None:
        line = {"time": now(), "event": event, "step": self._step, **facts}
        if len(self._past) < _REMEMBERED:
            self._past.append(line)
        self._write(line)
        for listener in self._listeners:
            listener(line)

    def _write(self, line: dict[str, Any]) -> None:
        if self._path is not None:
            # One write call on a file opened for appending: a killed flight leaves whole lines.
            with open(self._path, "ab", buffering=0) as file:
                file.write(dump_strictly(line, default=str).encode() + b"\n")

    def step_started(self, step: str) -> None:
        self._step = step
        self._progress_at = 0.0
        self.emit("step_started")

    def step_finished(self, seconds: float, summary: dict[str, Any], *, reused: bool = False) -> None:
        self.emit(
            "step_finished",
            seconds=round(seconds, 2),
            summary=summary,
            reused=reused,
            memory_bytes=memory_in_use(),
        )
        self._step = None

    def progress(self, done: int, total: int, unit: str) -> None:
        """May be called for every row: a few a second are passed on, and the last one."""
        moment = time.monotonic()
        if done < total and moment - self._progress_at < _PROGRESS_EVERY_SECONDS:
            return
        self._progress_at = moment
        self.emit("progress", done=done, total=total, unit=unit, memory_bytes=memory_in_use())

    def metric(self, name: str, value: float, at: int) -> None:
        self.emit("metric", name=name, value=value, at=at)

    def log(self, message: str) -> None:
        self.emit("log", message=message)

    def warning(self, message: str) -> None:
        self.emit("warning", message=message)


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write beside the target, flush to disk, rename: a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "wb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
