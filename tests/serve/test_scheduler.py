"""Requests that arrive together run together, and each gets its own answer back."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from wingman.serve.batching import BatchLimits
from wingman.serve.engine import Logits, TextInput, TokenRow
from wingman.serve.errors import Busy, EngineFailed
from wingman.serve.scheduler import INLINE_CHARACTERS, Scheduler


class LengthEngine:
    """Answers each text with its length. Runs wait for `gate`; the text "broken" breaks its batch."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[int] = []

    def encode(self, inputs: Sequence[TextInput]) -> list[TokenRow]:
        return [TokenRow((len(text),), (int(text == "broken"),)) for text in inputs]

    def run(self, rows: Sequence[TokenRow]) -> Logits:
        assert self.gate.wait(10)
        self.batches.append(len(rows))
        if any(row.type_ids[0] for row in rows):
            raise RuntimeError("this text breaks the engine")
        return np.array([[row.ids[0]] for row in rows], dtype=np.float32)


@pytest.mark.parametrize(("num_lanes", "batches"), [(1, [10]), (2, [5, 5])])
def test_requests_that_arrive_together_share_the_runs(num_lanes: int, batches: list[int]) -> None:
    engine = LengthEngine()

    async def ask() -> list[Logits]:
        scheduler = Scheduler(engine, BatchLimits(), num_lanes=num_lanes)
        try:
            return await asyncio.gather(*(scheduler.predict(["x" * length]) for length in range(10)))
        finally:
            scheduler.close()

    answers = asyncio.run(ask())

    assert [answer.tolist() for answer in answers] == [[[length]] for length in range(10)]
    assert engine.batches == batches


def test_a_request_of_many_rows_keeps_their_order_over_several_runs() -> None:
    engine = LengthEngine()
    lengths = [7, 1, 9000, 3, 5, 2]

    async def ask() -> Logits:
        scheduler = Scheduler(engine, BatchLimits(max_rows=2), num_lanes=1)
        try:
            return await scheduler.predict(["x" * length for length in lengths])
        finally:
            scheduler.close()

    assert asyncio.run(ask()).ravel().tolist() == lengths
    assert sum(lengths) > INLINE_CHARACTERS  # so that tokenising took the other thread
    assert engine.batches == [2, 2, 2]


def test_more_than_the_queue_holds_is_refused_with_advice() -> None:
    engine = LengthEngine()
    engine.gate.clear()

    async def ask() -> list[Logits | BaseException]:
        scheduler = Scheduler(engine, BatchLimits(max_rows=1, max_queued=2), num_lanes=1)
        try:
            first = asyncio.create_task(scheduler.predict(["a"]))
            await asyncio.sleep(0.05)  # its run has begun, so it waits no more
            rest = [asyncio.create_task(scheduler.predict(["b"])) for _ in range(3)]
            await asyncio.sleep(0.05)
            engine.gate.set()
            return await asyncio.gather(first, *rest, return_exceptions=True)
        finally:
            scheduler.close()

    *answered, refused = asyncio.run(ask())

    assert all(isinstance(answer, np.ndarray) for answer in answered)
    assert isinstance(refused, Busy)
    assert refused.retry_after_s >= 1


def test_a_request_that_waited_too_long_is_told_so() -> None:
    engine = LengthEngine()
    engine.gate.clear()

    async def ask() -> list[Logits | BaseException]:
        scheduler = Scheduler(engine, BatchLimits(max_rows=1, max_wait_s=0.02), num_lanes=1)
        try:
            asking = [asyncio.create_task(scheduler.predict([text])) for text in ("a", "b")]
            await asyncio.sleep(0.1)
            engine.gate.set()
            return await asyncio.gather(*asking, return_exceptions=True)
        finally:
            scheduler.close()

    answered, given_up = asyncio.run(ask())

    assert isinstance(answered, np.ndarray)
    assert isinstance(given_up, Busy)


def test_a_caller_that_left_is_not_answered_at_others_cost() -> None:
    engine = LengthEngine()
    engine.gate.clear()

    async def ask() -> Logits:
        scheduler = Scheduler(engine, BatchLimits(max_rows=1), num_lanes=1)
        try:
            first, left, last = (
                asyncio.create_task(scheduler.predict([text])) for text in ("a", "bb", "ccc")
            )
            await asyncio.sleep(0.05)
            left.cancel()
            await asyncio.sleep(0)
            engine.gate.set()
            await first
            return await last
        finally:
            scheduler.close()

    assert asyncio.run(ask()).tolist() == [[3]]
    assert engine.batches == [1, 1]


def test_a_failed_batch_is_an_error_for_its_own_requests_only(caplog: pytest.LogCaptureFixture) -> None:
    engine = LengthEngine()

    async def ask() -> Logits:
        scheduler = Scheduler(engine, BatchLimits(), num_lanes=1)
        try:
            with pytest.raises(EngineFailed, match="the server's log says why"):
                await scheduler.predict(["broken"])
            return await scheduler.predict(["fine"])
        finally:
            scheduler.close()

    assert asyncio.run(ask()).tolist() == [[4]]
    assert "this text breaks the engine" in caplog.text
