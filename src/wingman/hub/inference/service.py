"""Which workers run: started when a model is asked, a bounded number, the one asked longest ago leaves first.

Lives on the event loop of the application. A worker belongs to one commit: when `main` has moved on, the next
question starts a worker for the new commit and the old one leaves after its last answer.
"""

import asyncio
import importlib.util
import itertools
import logging
import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from wingman.hub.access.model import Caller
from wingman.hub.accounts.model import TokenRole
from wingman.hub.accounts.service import AccountService
from wingman.hub.inference.callers import RecentCallers
from wingman.hub.inference.client import WorkerAnswer, WorkerGone
from wingman.hub.inference.errors import InferenceError, ServeNotInstalled, StillLoading, WorkersBusy
from wingman.hub.inference.process import WorkerOrder, WorkerProcess
from wingman.hub.repos.model import Repo, RepoId

log = logging.getLogger("wingman.hub.inference")

NEEDED_MODULES = ("onnxruntime", "tokenizers", "huggingface_hub")
READY_TIMEOUT_S = 600.0
PATIENCE_S = 60.0
"""How long a question waits for its model to be loaded before it is asked to come again."""
FAILURE_STAYS_S = 15.0
"""For so long a failed start is answered from memory, so that questions do not start a process each."""
TOKEN_LIFE = timedelta(hours=1)

Key: TypeAlias = tuple[RepoId, str]


@dataclass(frozen=True, slots=True)
class _Failure:
    error: InferenceError
    until: float


class InferenceService:
    """max_workers: models in memory at the same time. folder: for the workers' downloads; emptied at the start."""

    def __init__(
        self, accounts: AccountService, *, folder: Path, max_workers: int, idle_timeout_s: float
    ) -> None:
        self._accounts = accounts
        self._folder = folder
        self._max_workers = max_workers
        self._idle_timeout_s = idle_timeout_s
        self._workers: dict[Key, WorkerProcess] = {}
        self._starting: dict[Key, asyncio.Task[WorkerProcess]] = {}
        self._failures: dict[Key, _Failure] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._placing = asyncio.Lock()
        self.recent_callers = RecentCallers()
        self._numbers = itertools.count()
        _remove_leftovers(folder)

    async def ask(self, repo: Repo, commit: str, caller: Caller, endpoint: str, body: bytes) -> WorkerAnswer:
        """Pass a question on to the model and bring back its answer, whatever its status.

        The caller must be allowed to read the repository; that is not checked here.
        endpoint: this Hub's address as seen from this machine.
        Raises the errors of this package.
        """
        for last_try in (False, True):
            worker = await self._ready_worker(repo, commit, caller, endpoint)
            worker.num_active += 1
            try:
                return await worker.client.post("/", body)
            except WorkerGone as error:
                # It may have left for idleness in this very moment: that is not the caller's concern, once.
                await self._forget((repo.id, commit), worker)
                if last_try:
                    raise worker.failure() from error
            finally:
                worker.num_active -= 1
                worker.last_asked = time.monotonic()
        raise AssertionError("unreachable")

    async def health(self, repo: Repo, commit: str) -> dict[str, Any] | WorkerAnswer:
        """The worker's own words if there is one, else what is the matter; starts nothing."""
        key = (repo.id, commit)
        worker = self._workers.get(key)
        if worker is not None and not worker.has_ended:
            try:
                return await worker.client.get("/health")
            except WorkerGone:
                pass  # it has only just begun, or is just leaving
        failure = self._recent_failure(key)
        if failure is not None:
            return {"status": "failed", "error": str(failure)}
        return {"status": "loading" if key in self._starting else "asleep"}

    async def close(self) -> None:
        """Let every worker finish and wait until all are gone."""
        for start in self._starting.values():
            start.cancel()
        workers = list(self._workers.values())
        self._workers.clear()
        stops = [worker.stop() for worker in workers]
        await asyncio.gather(*stops, *self._starting.values(), *self._leaving, return_exceptions=True)

    async def _ready_worker(self, repo: Repo, commit: str, caller: Caller, endpoint: str) -> WorkerProcess:
        key = (repo.id, commit)
        worker = self._workers.get(key)
        if worker is not None and worker.is_ready and not worker.has_ended:
            return worker
        failure = self._recent_failure(key)
        if failure is not None:
            raise failure
        start = self._starting.get(key)
        if start is None:
            start = asyncio.create_task(self._start(repo, commit, caller, endpoint))
            self._starting[key] = start
            start.add_done_callback(lambda task: self._started(key, task))
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(start)
        except TimeoutError as error:
            raise StillLoading(repo.full_name) from error

    def _started(self, key: Key, start: asyncio.Task[WorkerProcess]) -> None:
        del self._starting[key]
        if start.cancelled():
            return
        error = start.exception()
        if isinstance(error, InferenceError) and not isinstance(error, WorkersBusy):
            self._failures[key] = _Failure(error, time.monotonic() + FAILURE_STAYS_S)

    def _recent_failure(self, key: Key) -> InferenceError | None:
        moment = time.monotonic()
        self._failures = {
            known: failure for known, failure in self._failures.items() if failure.until > moment
        }
        failure = self._failures.get(key)
        return failure.error if failure else None

    async def _start(self, repo: Repo, commit: str, caller: Caller, endpoint: str) -> WorkerProcess:
        _check_installed()
        key = (repo.id, commit)
        token_id, secret = await asyncio.to_thread(self._create_token, repo, caller)
        order = WorkerOrder(
            full_name=repo.full_name,
            commit=commit,
            endpoint=endpoint,
            token=secret,
            idle_timeout_s=self._idle_timeout_s,
        )
        try:
            worker = await self._place(key, order)
            try:
                await worker.wait_until_ready(READY_TIMEOUT_S)
            except BaseException:
                await asyncio.shield(self._forget(key, worker))
                raise
        finally:
            # It has read its files, or never will.
            if token_id is not None and caller.user is not None:
                await asyncio.to_thread(self._accounts.revoke_token, caller.user.id, token_id)
        self._let_predecessors_leave(key)
        return worker

    async def _place(self, key: Key, order: WorkerOrder) -> WorkerProcess:
        """Start the process as soon as there is room for it."""
        async with self._placing:
            await self._make_room(key[0])
            worker = WorkerProcess(order, self._folder / f"{os.getpid()}-{next(self._numbers)}")
            log.info("starting a worker for %s at %s", order.full_name, order.commit)
            await worker.start()
            self._workers[key] = worker
            return worker

    def _create_token(self, repo: Repo, caller: Caller) -> tuple[int | None, str | None]:
        """A token that reads this repository alone, in the caller's name; a public one needs none."""
        if caller.user is None:
            return None, None
        secret, token = self._accounts.create_token(
            caller.user.id,
            name=f"inference worker of {repo.full_name}",
            role=TokenRole.READ,
            expires_at=datetime.now(UTC) + TOKEN_LIFE,
            repo_scope=repo.scope,
        )
        return token.id, secret

    async def _make_room(self, repo_id: RepoId) -> None:
        """Wait until one more worker may run; others leave for it. Raises `WorkersBusy`."""
        while True:
            self._drop_ended()
            if len(self._workers) < self._max_workers:
                return
            idle = [
                (key[0] != repo_id, worker.last_asked, key)
                for key, worker in self._workers.items()
                if worker.is_ready and worker.num_active == 0
            ]
            if not idle:
                raise WorkersBusy(self._max_workers)
            # A predecessor of the same model first, then the one asked longest ago.
            *_, key = min(idle)
            await self._forget(key, self._workers[key])

    def _drop_ended(self) -> None:
        self._workers = {key: worker for key, worker in self._workers.items() if not worker.has_ended}

    def _let_predecessors_leave(self, key: Key) -> None:
        for other in [other for other in self._workers if other[0] == key[0] and other != key]:
            leave = asyncio.create_task(self._forget(other, self._workers[other]))
            self._leaving.add(leave)
            leave.add_done_callback(self._leaving.discard)

    async def _forget(self, key: Key, worker: WorkerProcess) -> None:
        """No new question goes to it from now on; returns when it is gone."""
        if self._workers.get(key) is worker:
            del self._workers[key]
        await worker.stop()


def _check_installed() -> None:
    """Looks without importing: the Hub itself stays light."""
    for module in NEEDED_MODULES:
        if importlib.util.find_spec(module) is None:
            raise ServeNotInstalled(module)


def _remove_leftovers(folder: Path) -> None:
    """Downloads of workers whose Hub was killed: their folders are named `<process of the Hub>-<number>`."""
    for left in folder.glob("*-*"):
        owner = left.name.partition("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
