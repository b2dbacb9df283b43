"""What happens around every request, as plain ASGI: encoded paths, request ids, security headers, the log."""

import logging
import re
import time
import uuid
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

access_log = logging.getLogger("wingman.access")
_SANE_ID = re.compile(r"[\w.;=:/+-]{1,200}\Z")

EXPOSED_HEADERS = (
    "X-Repo-Commit, X-Request-Id, X-Error-Code, X-Error-Message, X-Total-Count, ETag, Link, Accept-Ranges, "
    "Content-Range, X-Linked-Size, X-Linked-ETag, X-Xet-Hash"
)
_PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    # The wildcard does not cover Authorization (Fetch standard, "CORS-preflight fetch"): it must be named.
    "Access-Control-Allow-Headers": "Authorization, *",
    "Access-Control-Max-Age": "86400",
}


class EdgeMiddleware:
    """Gives routes the encoded path, every answer a request id, and every request a line in the log.

    Answers by itself what no route need see: malformed addresses, and browsers that ask whether a script of
    another site may send a request. Usually it may: without a token, which no browser adds, it is a stranger's.

    allowed_origins: the sites whose scripts may; "*" means every one. A Hub inside a network that outsiders cannot
    reach names them, as a visitor's browser would carry what is public there to any page that asks.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: Sequence[str] = ("*",)) -> None:
        self._app = app
        self._origins = frozenset(origin.lower() for origin in allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        scope["wingman.request_id"] = request_id = _request_id(headers)
        # Routes must see `refs%2Fpr%2F1` as one segment; each parameter is decoded where it is read.
        scope["path"] = (
            scope["raw_path"].decode("ascii", "replace") if scope.get("raw_path") else scope["path"]
        )
        sharing = self._sharing_headers(headers)
        started, status, sent = time.perf_counter(), 500, 0

        async def send_marked(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *sharing,
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                ]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            if problem := _malformed(scope):
                refusal = JSONResponse({"error": problem}, 400, {"X-Error-Message": problem})
                await refusal(scope, receive, send_marked)
            elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await Response(status_code=204, headers=_PREFLIGHT_HEADERS)(scope, receive, send_marked)
            else:
                await self._app(scope, receive, send_marked)
        finally:
            access_log.info(
                "%s %s %d %d bytes %.1f ms %s",
                scope["method"],
                scope["path"],
                status,
                sent,
                (time.perf_counter() - started) * 1000,
                request_id,
            )

    def _sharing_headers(self, headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """What tells the browser that the script which asks may read the answer."""
        exposed = (b"access-control-expose-headers", EXPOSED_HEADERS.encode())
        if "*" in self._origins:
            return [(b"access-control-allow-origin", b"*"), exposed]
        origin = headers.get(b"origin", b"")
        allowed = origin.decode("latin-1").lower() in self._origins
        varies = (b"vary", b"Origin")  # a cache must not give one site the answer for another
        return [(b"access-control-allow-origin", origin), exposed, varies] if allowed else [varies]


def _malformed(scope: Scope) -> str | None:
    """What is wrong with an address that means nothing to any route: no name here is other than text without NUL."""
    path, query = scope["path"], scope.get("query_string", b"")
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return "The address is not UTF-8."
    if "\0" in decoded or b"%00" in query or b"\0" in query:
        return "The address has a NUL character."
    return None


def _request_id(headers: dict[bytes, bytes]) -> str:
    for name in (b"x-request-id", b"x-amzn-trace-id"):
        value = headers.get(name, b"").decode("latin-1")
        if _SANE_ID.match(value):
            return value
    return uuid.uuid4().hex
