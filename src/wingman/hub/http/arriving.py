"""A request body as it arrives. Whoever says nothing for too long is not waited for."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from wingman.hub.errors import HubError, Invalid

IDLE_S = 120.0


class Stalled(HubError):
    """The client announced more bytes than it sends."""

    def __init__(self, received: int, idle_s: float) -> None:
        super().__init__(
            f"No data came for {idle_s:g} seconds after {received} bytes; nothing of it was kept. Try again."
        )


async def arriving(request: Request, *, idle_s: float = IDLE_S) -> AsyncIterator[bytes]:
    """The pieces of the body, none of them empty. Raises `Stalled`, `Invalid` (cut off)."""
    stream, received = request.stream(), 0
    while True:
        try:
            async with asyncio.timeout(idle_s):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Stalled(received, idle_s) from error
        except ClientDisconnect as error:
            raise Invalid(
                f"The request ended after {received} bytes, before its body was complete."
            ) from error
        received += len(piece)
        if piece:
            yield piece
