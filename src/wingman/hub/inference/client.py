"""A small HTTP/1.1 client for our own workers on their unix sockets: short JSON both ways, connections kept.

Only what two ends of the same project need: a known length in each direction, no redirects, no encodings.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import httptools

MAX_ANSWER_BYTES = 32 << 20
_READ_BYTES = 1 << 16


class WorkerGone(ConnectionError):
    """Nothing listens there, or the connection ended before an answer was complete."""


@dataclass(slots=True)
class WorkerAnswer:
    """What the worker said. Header names are in lower case."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_complete: bool = False

    # What httptools calls while it parses.
    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.is_complete = True


@dataclass(frozen=True, slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class WorkerClient:
    """Talks to one worker. Any number of requests at the same time, each on a connection of its own."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._idle: list[_Connection] = []

    async def get(self, path: str) -> WorkerAnswer:
        """Raises `WorkerGone`."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nhost: worker\r\n\r\n".encode())

    async def post(self, path: str, body: bytes) -> WorkerAnswer:
        """Raises `WorkerGone`."""
        head = f"POST {path} HTTP/1.1\r\nhost: worker\r\ncontent-length: {len(body)}\r\n\r\n"
        return await self._ask(head.encode() + body)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().writer.close()

    async def _ask(self, request: bytes) -> WorkerAnswer:
        while self._idle:
            kept = self._idle.pop()
            try:
                return await self._exchange(kept, request)
            except WorkerGone:
                continue  # it was closed while it lay idle; predictions may be repeated
        return await self._exchange(await self._connect(), request)

    async def _connect(self) -> _Connection:
        try:
            return _Connection(*await asyncio.open_unix_connection(str(self._socket_path)))
        except OSError as error:
            raise WorkerGone(f"nothing listens on {self._socket_path}") from error

    async def _exchange(self, connection: _Connection, request: bytes) -> WorkerAnswer:
        answer = WorkerAnswer()
        try:
            connection.writer.write(request)
            await connection.writer.drain()
            await _read(connection.reader, answer)
        except OSError as error:
            connection.writer.close()
            raise WorkerGone("the connection broke") from error
        except BaseException:  # cancelled half-way: an answer nobody reads must not meet the next question
            connection.writer.close()
            raise
        if answer.headers.get("connection") == "close":
            connection.writer.close()
        else:
            self._idle.append(connection)
        return answer


async def _read(reader: asyncio.StreamReader, answer: WorkerAnswer) -> None:
    parser = httptools.HttpResponseParser(answer)
    while not answer.is_complete:
        piece = await reader.read(_READ_BYTES)
        if not piece:
            raise WorkerGone("the connection ended before the answer was complete")
        try:
            parser.feed_data(piece)
        except httptools.HttpParserError as error:
            raise WorkerGone(f"the answer is not HTTP: {error}") from error
        if len(answer.body) > MAX_ANSWER_BYTES:
            raise WorkerGone(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    answer.status = parser.get_status_code()
