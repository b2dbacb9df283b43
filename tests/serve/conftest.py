"""Tiny models on disk, made once a session, and worker processes that serve them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serve.tiny_model import write_tiny_model
from tests.serve.worker_process import WorkerProcess


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with three labels, with ONNX and serving.json."""
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_model(folder)
    return folder


@pytest.fixture(scope="session")
def worker(tiny_model: Path) -> Iterator[WorkerProcess]:
    """A worker that serves `tiny_model` on a port and is ready."""
    process = WorkerProcess("--folder", str(tiny_model), "--port", "0")
    process.wait_until_ready()
    yield process
    process.stop()


@pytest.fixture
def start_worker() -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers with arguments of the test's own; those still running are stopped."""
    started: list[WorkerProcess] = []

    def start(*arguments: str, **environment: str) -> WorkerProcess:
        started.append(WorkerProcess(*arguments, **environment))
        return started[-1]

    yield start
    for process in started:
        process.stop()
