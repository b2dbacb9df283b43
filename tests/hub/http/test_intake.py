"""Large bodies come in with bounded memory, in bounded numbers, or not at all."""

import asyncio

import pytest
from starlette.requests import Request

from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.http.arriving import Stalled
from wingman.hub.http.intake import PIECE_BYTES, Busy, Intake
from wingman.hub.http.requests import read_body


class Sink:
    """Remembers what happened to it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.finished = self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.aborted, "written to after it was dropped"
        self.pieces.append(data)

    def finish(self) -> int:
        self.finished = True
        return sum(map(len, self.pieces))

    def abort(self) -> None:
        self.aborted = True


def request_of(*pieces: bytes, length: int | None = None, ends: str = "complete") -> Request:
    """A request that sends these pieces and then is complete, cut off, or silent."""
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    if ends == "complete":
        messages.append({"type": "http.request", "body": b"", "more_body": False})
    elif ends == "cut":
        messages.append({"type": "http.disconnect"})

    async def receive() -> dict:
        if not messages:
            await asyncio.sleep(60)
        return messages.pop(0)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request({"type": "http", "method": "PUT", "path": "/", "headers": headers}, receive)


def take(intake: Intake, request: Request, sink: Sink, **limits: int | None) -> int:
    async def run() -> int:
        return await intake.take(request, lambda: sink, **({"limit": 1 << 30} | limits))

    try:
        return asyncio.run(run())
    finally:
        intake.close()


def test_a_body_is_handed_on_in_pieces_of_about_a_megabyte():
    sink = Sink()

    assert take(Intake(), request_of(*[b"x" * 65_536] * 100), sink) == 100 * 65_536

    assert sink.finished
    assert max(map(len, sink.pieces)) == PIECE_BYTES


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (request_of(b"x" * 10, ends="cut"), Invalid),
        (request_of(b"x" * 10, ends="silent"), Stalled),
        (request_of(b"x" * 11), TooLarge),
        (request_of(b"x" * 9), Invalid),
    ],
    ids=["cut off", "silent", "too long", "too short"],
)
def test_what_is_not_whole_is_dropped(request_, error):
    sink = Sink()

    with pytest.raises(error):
        take(Intake(idle_s=0.05), request_, sink, limit=10, exact=10)

    assert sink.aborted
    assert not sink.finished


def test_an_announced_length_that_does_not_fit_is_refused_at_once():
    sink = Sink()

    with pytest.raises(TooLarge):
        take(Intake(), request_of(length=10_000_000_000, ends="silent"), sink, limit=1000)

    assert not sink.aborted  # it was not even opened


def test_an_error_of_the_sink_reaches_the_caller_and_drops_the_body():
    class Refusing(Sink):
        def write(self, data: bytes) -> None:
            raise Invalid("not what it should be")

    sink = Refusing()

    with pytest.raises(Invalid, match="not what it should be"):
        take(Intake(), request_of(*[b"x" * PIECE_BYTES] * 3), sink)

    assert sink.aborted


def test_more_uploads_than_are_taken_at_a_time_are_told_to_come_back():
    async def run() -> None:
        intake = Intake(max_uploads=1, idle_s=5)
        first = asyncio.create_task(intake.take(request_of(b"x", ends="silent"), Sink, limit=10))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy):
            await intake.take(request_of(b"x"), Sink, limit=10)
        first.cancel()
        await asyncio.wait([first])
        assert await intake.take(request_of(b"x"), Sink, limit=10) == 1
        intake.close()

    asyncio.run(run())


def test_bodies_in_memory_stay_within_a_budget_until_the_work_on_them_ends():
    async def run() -> None:
        intake, size = Intake(), 60 << 20
        release = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work(body: bytes) -> int:
            asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
            return len(body)

        working = await intake.start(request_of(b"x" * size, length=size), work, limit=1 << 30)
        with pytest.raises(Busy):
            await intake.start(request_of(b"x" * size, length=size), len, limit=1 << 30)
        release.set()
        assert await working == size
        assert await (await intake.start(request_of(b"x" * size, length=size), len, limit=1 << 30)) == size
        intake.close()

    asyncio.run(run())


@pytest.mark.parametrize(("ends", "error"), [("cut", Invalid), ("silent", Stalled)])
def test_a_small_body_is_not_waited_for_without_end(ends, error):
    with pytest.raises(error):
        asyncio.run(read_body(request_of(b"x" * 10, length=1000, ends=ends), 10_000, idle_s=0.05))


def test_a_small_body_is_read_whole():
    assert asyncio.run(read_body(request_of(b"ab", b"", b"c"), 3)) == b"abc"
    with pytest.raises(TooLarge):
        asyncio.run(read_body(request_of(b"ab", b"cd"), 3))
