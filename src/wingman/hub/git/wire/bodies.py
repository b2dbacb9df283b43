"""Request bodies of git clients, piece by piece: often gzipped, sometimes long in coming."""

import tempfile
import zlib
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import IO

from starlette.requests import Request

from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.http.arriving import arriving

MAX_QUESTION_BYTES = 64 << 20
_IDLE_S = 600.0
"""A client that compresses a large pack may say nothing for minutes."""
_UNZIPPED_BYTES = 1 << 20


async def body_pieces(request: Request) -> AsyncIterator[bytes]:
    """The body, unzipped where it is sent so. Raises `Invalid` (cut off, broken gzip), `Stalled`."""
    pieces = arriving(request, idle_s=_IDLE_S)
    if request.headers.get("content-encoding", "").lower() not in ("gzip", "x-gzip"):
        async for piece in pieces:
            yield piece
        return
    unzip = zlib.decompressobj(wbits=31)
    try:
        async for piece in pieces:
            while piece:
                # In steps: a small body may unzip to a very large one.
                yield unzip.decompress(piece, _UNZIPPED_BYTES)
                piece = unzip.unconsumed_tail
        yield unzip.flush()
    except zlib.error as error:
        raise Invalid("The request body is not valid gzip.") from error
    if not unzip.eof:
        raise Invalid("The request ended before its gzipped body was complete.")


async def spool_question(request: Request) -> IO[bytes]:
    """The whole body as a file, for a program to read. Raises `TooLarge`, `Invalid`, `Stalled`."""
    with ExitStack() as resources:
        question = resources.enter_context(tempfile.TemporaryFile())
        async for piece in body_pieces(request):
            question.write(piece)
            if question.tell() > MAX_QUESTION_BYTES:
                raise TooLarge(f"A question of over {MAX_QUESTION_BYTES} bytes is not answered.")
        question.seek(0)
        resources.pop_all()  # the caller closes it
        return question
