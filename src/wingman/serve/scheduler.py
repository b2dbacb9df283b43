"""An engine behind a batcher, for asyncio: awaited inputs become rows, and batches of them run on threads."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from wingman.serve.batching import Batch, Batcher, BatchLimits, Overloaded
from wingman.serve.engine import Engine, Logits, TextInput, TokenRow
from wingman.serve.errors import Busy, EngineFailed, ServeError

_log = logging.getLogger(__name__)

INLINE_CHARACTERS = 4_000
"""Up to here tokenising takes well under a millisecond and is not worth a change of thread."""


class Scheduler:
    """Runs up to `num_lanes` batches at the same time. Lives on one event loop; `close` when done."""

    def __init__(self, engine: Engine, limits: BatchLimits, *, num_lanes: int) -> None:
        self._engine = engine
        self._batcher: Batcher[TokenRow] = Batcher(limits)
        self._lanes = ThreadPoolExecutor(num_lanes, thread_name_prefix="lane")
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._num_idle_lanes = num_lanes
        self._results: dict[int, asyncio.Future[Logits]] = {}
        self._start_is_planned = False

    async def predict(self, inputs: Sequence[TextInput]) -> Logits:
        """The outputs, (inputs, labels), in the order of `inputs`. Raises `Busy` and `EngineFailed`."""
        loop = asyncio.get_running_loop()
        rows = await self._encode(inputs)
        offer = self._batcher.offer(rows, now=loop.time())
        if isinstance(offer, Overloaded):
            raise Busy(
                f"{offer.num_queued} inputs are waiting already. Try again later.",
                retry_after_s=offer.retry_after_s,
            )
        results = [loop.create_future() for _ in rows]
        self._results.update(zip(offer.positions, results, strict=True))
        self._plan_start()
        try:
            return np.stack(await asyncio.gather(*results))
        finally:
            self._batcher.withdraw(offer.positions)
            for position in offer.positions:
                self._results.pop(position, None)

    def close(self) -> None:
        """Wait for the batches that run and let the threads go."""
        self._lanes.shutdown()
        self._encoder.shutdown()

    async def _encode(self, inputs: Sequence[TextInput]) -> list[TokenRow]:
        if sum(_num_characters(text) for text in inputs) <= INLINE_CHARACTERS:
            return self._engine.encode(inputs)
        return await asyncio.get_running_loop().run_in_executor(self._encoder, self._engine.encode, inputs)

    def _plan_start(self) -> None:
        """Start batches once the loop has read every request already there, so that they go together."""
        if not self._start_is_planned:
            self._start_is_planned = True
            asyncio.get_running_loop().call_soon(self._start)

    def _start(self) -> None:
        self._start_is_planned = False
        loop = asyncio.get_running_loop()
        for position in self._batcher.expire(now=loop.time()):
            waited = Busy("This request waited too long for its turn. Try again later.", retry_after_s=5.0)
            self._settle(position, waited)
        while self._num_idle_lanes and (batch := self._batcher.take(shares=self._num_idle_lanes)) is not None:
            self._num_idle_lanes -= 1
            run = loop.run_in_executor(self._lanes, self._engine.run, batch.rows)
            run.add_done_callback(partial(self._finish, batch, loop.time()))

    def _finish(self, batch: Batch[TokenRow], started: float, run: asyncio.Future[Logits]) -> None:
        self._num_idle_lanes += 1
        error = run.exception()
        if error is None:
            self._batcher.finished(batch, seconds=asyncio.get_running_loop().time() - started)
            for position, logits in zip(batch.positions, run.result(), strict=True):
                self._settle(position, logits)
        else:
            _log.error("a batch of %d rows failed", len(batch.rows), exc_info=error)
            unexpected = EngineFailed("The model failed; the server's log says why.")
            shown = error if isinstance(error, ServeError) else unexpected
            for position in batch.positions:
                self._settle(position, shown)
        self._plan_start()

    def _settle(self, position: int, outcome: Logits | ServeError) -> None:
        result = self._results.get(position)
        if result is None or result.done():
            return  # nobody waits for it any more
        if isinstance(outcome, ServeError):
            result.set_exception(outcome)
        else:
            result.set_result(outcome)


def _num_characters(text: TextInput) -> int:
    return len(text) if isinstance(text, str) else len(text[0]) + len(text[1])
