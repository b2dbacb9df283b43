"""Requests as the Hub's routes see them, and how a plain function becomes an endpoint.

An endpoint is a plain function of a `HubRequest`. The body is read before, with a limit; the function runs
in a worker thread, because stores block. This is the one place where that happens.
"""

import base64
import binascii
import gzip
import zlib
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wingman.hub.access.model import ANONYMOUS, Caller
from wingman.hub.accounts.service import InvalidToken, SignedIn
from wingman.hub.errors import HubError, Invalid, TooLarge
from wingman.hub.http.arriving import IDLE_S, arriving
from wingman.hub.http.errors import error_response
from wingman.hub.json_text import load_json, whole_number

if TYPE_CHECKING:
    from wingman.hub.app import Hub

SESSION_COOKIE = "wingman_session"
CSRF_HEADER = "X-CSRF-Token"
BODY_LIMIT = 16 << 20
MAX_FIELDS = 10_000
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off", ""}


class HubRequest(Request):
    """A request with the Hub behind it."""

    body_bytes: bytes = b""

    @property
    def hub(self) -> "Hub":
        return self.app.state.hub

    @cached_property
    def base(self) -> str:
        """The base URL for every address in an answer: the configured one, else the one the client used."""
        if public := self.hub.settings.public_url:
            return public
        return f"{self.url.scheme}://{self.headers.get('host') or self.url.netloc}"

    @property
    def local_base(self) -> str:
        """Where a process on this machine reaches this Hub: the socket that this very request came in on."""
        server = self.scope.get("server")
        if server and server[1] is not None:
            host, port = server
            return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        # Never from the Host header: whoever asks would choose where a worker takes its token and its model.
        settings = self.hub.settings
        return settings.public_url or f"http://127.0.0.1:{settings.port}"

    @cached_property
    def signed_in(self) -> SignedIn | None:
        """The browser session, if its cookie is good."""
        secret = self.cookies.get(SESSION_COOKIE)
        return self.hub.accounts.caller_for_session(secret) if secret else None

    @cached_property
    def caller(self) -> Caller:
        """Who asks: a bearer token, a basic password that is a token (git), or a browser session.

        A session counts for changes only together with its CSRF token. Raises `InvalidToken`.
        """
        secret = _token_in(self.headers.get("authorization"))
        if secret is not None:
            return self.hub.accounts.caller_for_token(secret)
        session = self.signed_in
        if session is None:
            return ANONYMOUS
        if self.method not in _SAFE_METHODS and self.headers.get(CSRF_HEADER) != session.csrf:
            return ANONYMOUS
        return session.caller

    def segment(self, name: str) -> str:
        """A path parameter, decoded once (routes match the encoded path, so `%2F` is not a separator).

        It is text without NUL: `EdgeMiddleware` lets no other address in.
        """
        return unquote(self.path_params[name])

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean query parameter in any of the clients' spellings. Raises `Invalid`."""
        value = self.query_params.get(name)
        if value is None:
            return default
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        raise Invalid(f"The parameter {name!r} is {value!r}; it must be true or false.")

    def number(self, name: str, default: int, *, low: int = 0, high: int) -> int:
        """An integer query parameter, cut to `low`..`high`. Raises `Invalid`."""
        value = self.query_params.get(name)
        if value is None or value == "":
            return default
        try:
            return max(low, min(high, int(value)))
        except ValueError as error:
            raise Invalid(f"The parameter {name!r} is {value!r}; it must be a number.") from error

    def many(self, name: str) -> list[str]:
        """A repeated query parameter, also in its `name[]` spelling."""
        return [*self.query_params.getlist(name), *self.query_params.getlist(f"{name}[]")]

    @cached_property
    def json_value(self) -> Any:
        """The body as JSON; an empty body is an empty object. Raises `Invalid`."""
        if not self.body_bytes:
            return {}
        try:
            if b"\\u0000" in self.body_bytes:
                raise ValueError("it has a NUL character, which no text here may have")
            return load_json(self.body_bytes, parse_int=whole_number)
        except ValueError as error:
            raise Invalid(f"The request body is not valid JSON: {error}") from error

    @cached_property
    def form_fields(self) -> dict[str, list[str]]:
        """The body as a URL-encoded form: every value of every name. Raises `Invalid`, `TooLarge`."""
        if b"%00" in self.body_bytes or b"\0" in self.body_bytes:
            raise Invalid("The form has a NUL character, which no text here may have.")
        # Each field takes some hundred times the few bytes it is sent in.
        if (num_fields := 1 + self.body_bytes.count(b"&")) > MAX_FIELDS:
            raise TooLarge(f"The form has {num_fields} fields; at most {MAX_FIELDS} are read.")
        return parse_qs(self.body_bytes.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object. Raises `Invalid`."""
        if not isinstance(self.json_value, dict):
            raise Invalid("The request body must be a JSON object.")
        return self.json_value


def _token_in(header: str | None) -> str | None:
    if not header:
        return None
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidToken from error
        return password
    raise InvalidToken


Endpoint = Callable[[HubRequest], Response]
StreamingEndpoint = Callable[[HubRequest], Awaitable[Response]]


def route(
    path: str,
    endpoint: Endpoint,
    *methods: str,
    body_limit: int = BODY_LIMIT,
    admit: Callable[[HubRequest], object] | None = None,
) -> Route:
    """A route to a plain function. HEAD comes with GET.

    admit: raises what refuses the request before its body is read, for bodies that not everybody may fill memory with.
    """

    async def run(request: Request) -> Response:
        asked = HubRequest(request.scope, request.receive)
        try:
            if admit is not None:
                await run_in_threadpool(admit, asked)
            if asked.method not in _SAFE_METHODS:
                asked.body_bytes = await read_body(asked, body_limit)
            return await run_in_threadpool(endpoint, asked)
        except HubError as error:
            return error_response(error, base_url=asked.base)

    return Route(path, run, methods=list(methods) or ["GET"])


def streaming_route(path: str, endpoint: StreamingEndpoint, *methods: str) -> Route:
    """A route to a coroutine that reads the body itself, piece by piece."""

    async def run(request: Request) -> Response:
        asked = HubRequest(request.scope, request.receive)
        try:
            return await endpoint(asked)
        except HubError as error:
            return error_response(error, base_url=asked.base)

    return Route(path, run, methods=list(methods))


async def read_body(request: Request, limit: int, *, idle_s: float = IDLE_S) -> bytes:
    """The whole body, unzipped if it is sent so. Raises `TooLarge`, `Invalid` (cut off), `Stalled`."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"The request body has {announced} bytes; at most {limit} are accepted here.")
    pieces, size = [], 0
    async for piece in arriving(request, idle_s=idle_s):
        size += len(piece)
        if size > limit:
            raise TooLarge(f"The request body is larger than the {limit} bytes accepted here.")
        pieces.append(piece)
    body = b"".join(pieces)
    if request.headers.get("content-encoding", "").lower() != "gzip":
        return body
    return await run_in_threadpool(_unzipped, body, limit)


def _unzipped(body: bytes, limit: int) -> bytes:
    """Not on the event loop: a small body may unzip to a very large one."""
    try:
        unzipped = zlib.decompressobj(wbits=31).decompress(body, limit + 1)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise Invalid("The request body is not valid gzip.") from error
    if len(unzipped) > limit:
        raise TooLarge(f"The request body is larger than the {limit} bytes accepted here.")
    return unzipped
