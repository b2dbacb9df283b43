"""Taking large request bodies in: bounded memory, bounded numbers, and no hashing on the event loop.

The loop only collects pieces; worker threads hash and write them. While one piece is worked on, the next is
received, so that an upload holds about two pieces, whatever its length.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from starlette.requests import Request

from wingman.hub.errors import HubError, Invalid, TooLarge
from wingman.hub.http.arriving import IDLE_S, arriving

PIECE_BYTES = 1 << 20
_WHOLE_BODIES_BYTES = 96 << 20
_Result = TypeVar("_Result", covariant=True)
_Returned = TypeVar("_Returned")


class Busy(HubError):
    """As many uploads as we take at a time are under way; clients wait and come back."""

    def __init__(self, max_uploads: int) -> None:
        super().__init__(f"The Hub is taking in {max_uploads} uploads already; try again in a few seconds.")


class Sink(Protocol[_Result]):
    """Where a body goes. Its methods run in worker threads, one at a time."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> _Result:
        """The body is complete: check it and make it count."""

    def abort(self) -> None:
        """Drop what is not finished. Also called after `finish`, and then does nothing."""


class Intake:
    """One per app. `close` it at the end."""

    def __init__(self, *, max_uploads: int = 128, workers: int = 4, idle_s: float = IDLE_S) -> None:
        self._max_uploads = max_uploads
        self._under_way = 0
        self._free_bytes = _WHOLE_BODIES_BYTES
        self._idle_s = idle_s
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="intake")
        self._long_workers = ThreadPoolExecutor(2, thread_name_prefix="verify")

    async def take(
        self,
        request: Request,
        open_sink: Callable[[], Sink[_Returned]],
        *,
        limit: int,
        exact: int | None = None,
    ) -> _Returned:
        """Receive the body into a sink and finish it.

        limit: most bytes that are accepted. exact: how many there must be, where that is known.
        Raises `Busy`, `TooLarge`, `Invalid` (cut off, or not `exact`), `Stalled`, and what the sink raises.
        """
        announced = request.headers.get("content-length", "")
        if announced.isdigit():
            _check_size(int(announced), limit=limit, exact=exact)
        with self._slot():
            sink = await self.run(open_sink)
            try:
                received = await self._receive(request, sink.write, limit)
                _check_size(received, limit=limit, exact=exact)
                return await self.run(sink.finish)
            finally:
                await asyncio.shield(self.run(sink.abort))

    async def start(
        self, request: Request, work: Callable[[bytes], _Returned], *, limit: int
    ) -> asyncio.Future[_Returned]:
        """Receive a body that has to be in memory whole, and start work on it that may take minutes.

        All such bodies together stay within a budget until the work on them has ended.
        Raises `Busy` (the budget is spent), `TooLarge`, `Invalid` (no length, or cut off), `Stalled`.
        """
        announced = request.headers.get("content-length", "")
        if not announced.isdigit():
            raise Invalid("The request needs a Content-Length header.")
        size = int(announced)
        _check_size(size, limit=limit, exact=None)
        if size > self._free_bytes:
            raise Busy(self._max_uploads)
        self._free_bytes -= size
        try:
            body = b"".join([piece async for piece in arriving(request, idle_s=self._idle_s)])
            working = asyncio.get_running_loop().run_in_executor(self._long_workers, work, body)
        except BaseException:
            self._free_bytes += size
            raise
        working.add_done_callback(lambda done: self._release(done, size))
        return working

    def _release(self, done: asyncio.Future, size: int) -> None:
        self._free_bytes += size
        if not done.cancelled():
            done.exception()  # the client may be gone: then nobody else asks

    async def run(self, function: Callable[[], _Returned]) -> _Returned:
        """Run blocking work in one of the worker threads."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function)

    def close(self) -> None:
        for workers in (self._workers, self._long_workers):
            workers.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._under_way >= self._max_uploads:
            raise Busy(self._max_uploads)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _receive(self, request: Request, write: Callable[[bytes], None], limit: int) -> int:
        loop = asyncio.get_running_loop()
        working: asyncio.Future[None] | None = None
        pieces: list[bytes] = []
        waiting = received = 0
        try:
            async for piece in arriving(request, idle_s=self._idle_s):
                pieces.append(piece)
                waiting += len(piece)
                received += len(piece)
                if received > limit:
                    raise TooLarge(f"The request body is larger than the {limit} bytes accepted here.")
                if waiting >= PIECE_BYTES:
                    if working is not None:
                        await working
                    working = loop.run_in_executor(self._workers, write, b"".join(pieces))
                    pieces, waiting = [], 0
            if working is not None:
                await working
            working = None
            if pieces:
                await loop.run_in_executor(self._workers, write, b"".join(pieces))
            return received
        finally:
            # The sink may only be dropped once no thread works on it; what that one raises is old news.
            if working is not None and not working.done():
                await asyncio.wait([working])
            if working is not None and not working.cancelled():
                working.exception()


def _check_size(size: int, *, limit: int, exact: int | None) -> None:
    if exact is not None and size != exact:
        raise Invalid(f"The request body has {size} bytes; exactly {exact} are expected.")
    if size > limit:
        raise TooLarge(f"The request body has {size} bytes; at most {limit} are accepted here.")
