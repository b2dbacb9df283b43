"""The folder of one flight: its recipe, its events, and a record of each finished step.

    <home>/runs/<run-id>/
        request.json   what was asked         recipe.yaml   every choice, pinned
        events.jsonl   what happened          records/<step>.json   that a step is done, with which inputs
        prepared/ baseline/ model/ checkpoints/ evaluation/ onnx/ card/ …   what the steps made

A step counts as done only when its record is there, names the same inputs, and all its outputs exist. The
record is written last and atomically, so a flight killed at any moment repeats at most the step it was in.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wingman.lab.errors import RecipeError
from wingman.lab.events import Events, now, write_atomically
from wingman.lab.recipe import Recipe, recipe_from_yaml
from wingman.lab.room import explain_full_disk
from wingman.lab.strict_json import dump_strictly


class Run:
    """One flight's folder. Paths below it are made by the steps that own them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._holds = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other process, and every other `Run` of this one, from working in the folder meanwhile.

        May be nested. Ends with the process, however that ends. Raises `RecipeError` when another one holds it.
        """
        if self._holds:
            yield
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.path("lock"), "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                who = lock.read().strip() or "unknown"
                raise RecipeError(
                    f"Run {self.id} is at work already (process {who}). Wait for it, or stop it first; or fly beside "
                    "it under another name: --run-id NAME."
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._holds += 1
            try:
                yield
            finally:
                self._holds -= 1

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def recipe(self) -> Recipe:
        return recipe_from_yaml(
            (self.folder / "recipe.yaml").read_text("utf-8"), where=f"the recipe of run {self.id}"
        )

    @property
    def request(self) -> dict[str, Any]:
        """What was asked: the local paths of data and base, the Hub, the repository to publish to."""
        return json.loads((self.folder / "request.json").read_text("utf-8"))

    def path(self, *names: str) -> Path:
        return self.folder.joinpath(*names)

    def read_json(self, *names: str) -> Any:
        return json.loads(self.path(*names).read_text("utf-8"))

    def write_json(self, value: Any, *names: str) -> Path:
        write_atomically(self.path(*names), dump_strictly(value, indent=1, ensure_ascii=False) + "\n")
        return self.path(*names)

    def record(self, step: str) -> dict[str, Any] | None:
        """The record of a finished step, or None."""
        path = self.path("records", f"{step}.json")
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def forget(self, step: str) -> None:
        """Let the step count as not done."""
        self.path("records", f"{step}.json").unlink(missing_ok=True)

    def require(self, step: str) -> dict[str, Any]:
        """The record of a step that must be done. Raises `RecipeError` saying which command does it."""
        record = self.record(step)
        if record is None:
            raise RecipeError(f"Run {self.id} has no {step} step yet. Run: wingman {step} {self.id}")
        return record

    def do(
        self,
        step: str,
        inputs: dict[str, Any],
        work: Callable[[], dict[str, Any]],
        outputs: Iterable[str],
        events: Events,
    ) -> dict[str, Any]:
        """Do a step, or take it as done. Returns its record.

        inputs:  what determines the result; hashed.
        work:    does it and returns a summary.
        outputs: names in the run's folder.
        """
        wanted = hash_of(inputs)
        events.step_started(step)
        record = self.record(step)
        if (
            record is not None
            and record["inputs"] == wanted
            and all(self.path(name).exists() for name in record["outputs"])
        ):
            events.step_finished(record["seconds"], record["summary"], reused=True)
            return record
        started = time.perf_counter()
        try:
            summary = work()
        except Exception as error:
            explain_full_disk(error, self.folder)
            raise
        record = {
            "step": step,
            "inputs": wanted,
            "outputs": list(outputs),
            "made": hash_of({name: digest_of(self.path(name)) for name in outputs}),
            "summary": summary,
            "seconds": round(time.perf_counter() - started, 2),
            "finished_at": now(),
        }
        self.write_json(record, "records", f"{step}.json")
        events.step_finished(record["seconds"], summary)
        return record


def hash_of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def digest_of(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files."""
    if path.is_file():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    files = sorted(found for found in path.rglob("*") if found.is_file())
    return hash_of({str(found.relative_to(path)): digest_of(found) for found in files})


def open_run(home: Path, run_id: str | None = None) -> Run:
    """An existing run by id, or the latest. Raises `RecipeError` when there is none."""
    runs = home / "runs"
    if run_id is not None:
        folder = runs / run_id
        if not (folder / "recipe.yaml").is_file():
            raise RecipeError(f"There is no run {run_id!r} in {runs}.")
        return Run(folder)
    found = sorted(runs.glob("*/recipe.yaml"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RecipeError(f"There is no run in {runs} yet. Begin one: wingman prepare my.csv")
    return Run(found[-1].parent)
