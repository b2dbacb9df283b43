"""What the routes work with: copies brought up to date without crowding the threads, and packs as they come."""

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TypeVar
from weakref import WeakValueDictionary

from wingman.hub.git.wire.cache import GitCache
from wingman.hub.git.wire.program import DiskRepo, find_git, last_words
from wingman.hub.git.wire.pushes import PushService
from wingman.hub.repos.model import Repo
from wingman.hub.store import Store

log = logging.getLogger("wingman.hub")

MAX_FETCHES = 64
"""So many clients may receive a pack at the same time; further ones wait."""

MAX_PACK_BYTES = 16 << 30
_PIECE_BYTES = 1 << 16
_UPLOAD_PACK_TIMEOUT_S = 600
_SWEEP_EVERY_S = 24 * 3600
# Old histories on GitHub have modes with a leading zero; git reads them without complaint.
_STRICT = "--strict=zeroPaddedFilemode=ignore"
_Returned = TypeVar("_Returned")


class GitWire:
    """One per app. `close` it at the end."""

    def __init__(self, store: Store, folder: Path, *, max_regular_bytes: int) -> None:
        self.cache = GitCache(folder, store)
        self.pushes = PushService(store, self.cache, max_regular_bytes=max_regular_bytes)
        self._workers = ThreadPoolExecutor(8, thread_name_prefix="git")
        self._fetches = asyncio.Semaphore(MAX_FETCHES)
        self._swept_at = float("-inf")
        self._updates: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def close(self) -> None:
        self._workers.shutdown(wait=True, cancel_futures=True)

    def start(self, function: Callable[[], _Returned]) -> asyncio.Future[_Returned]:
        """Start blocking work in one of the threads for git."""
        return asyncio.get_running_loop().run_in_executor(self._workers, function)

    async def current_copy(self, repo: Repo) -> DiskRepo:
        """A copy with all that SQL holds. Raises `GitMissing`, `GitFailed`."""
        find_git()
        if time.monotonic() - self._swept_at > _SWEEP_EVERY_S:
            self._swept_at = time.monotonic()
            self.start(self._sweep)
        # One thread a repository: clones of a large one that is read for the first time wait here, not in threads.
        lock = self._updates.setdefault(repo.id, asyncio.Lock())
        async with lock:
            return await self.start(lambda: self.cache.bring_up_to_date(repo))

    def _sweep(self) -> None:
        try:
            self.cache.sweep()
        except OSError as error:
            log.warning("Copies of repositories that nobody uses could not all be removed: %s", error)

    async def upload_pack(
        self, copy: DiskRepo, question: IO[bytes] | None, *, protocol: str
    ) -> AsyncIterator[bytes]:
        """What `git upload-pack` answers to `question`, a file with the whole of it, which gets closed.

        Without a question: what there is to fetch.
        """
        flags = ["--advertise-refs"] if question is None else []
        with question or nullcontext():
            async with self._fetches:
                process = await asyncio.create_subprocess_exec(
                    find_git(),
                    "upload-pack",
                    "--stateless-rpc",
                    "--strict",
                    f"--timeout={_UPLOAD_PACK_TIMEOUT_S}",
                    *flags,
                    str(copy.folder),
                    stdin=question or asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=copy.environment(protocol),
                )
                try:
                    assert process.stdout is not None
                    while piece := await process.stdout.read(_PIECE_BYTES):
                        yield piece
                    await process.wait()
                finally:
                    if process.returncode is None:
                        process.kill()


async def take_pack(quarantined: DiskRepo, first: bytes, rest: AsyncIterator[bytes]) -> str | None:
    """Hand a pack to `git index-pack` as it comes in; returns what is wrong with it, if anything is."""
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            find_git(),
            "index-pack",
            "--stdin",
            "--fix-thin",
            _STRICT,
            f"--max-input-size={MAX_PACK_BYTES}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=complaints,
            env=quarantined.environment(),
        )
        try:
            assert process.stdin is not None
            await _feed(process.stdin, first)
            async for piece in rest:
                await _feed(process.stdin, piece)
            process.stdin.close()
            if await process.wait() == 0:
                return None
            complaints.seek(0)
            return last_words(complaints.read())
        finally:
            if process.returncode is None:
                process.kill()


async def _feed(program: asyncio.StreamWriter, piece: bytes) -> None:
    """A program that gave up reads no more, but the client must still be heard out to be told why."""
    if program.is_closing():
        return
    try:
        program.write(piece)
        await program.drain()
    except (BrokenPipeError, ConnectionResetError):
        program.close()
