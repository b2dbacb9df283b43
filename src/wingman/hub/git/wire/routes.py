"""Git's smart HTTP protocol.

Source: git, Documentation/gitprotocol-http.txt, and http-backend.c for what goes without saying there.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from wingman.hub.access.model import require_user
from wingman.hub.errors import HubError, Invalid
from wingman.hub.git.wire.bodies import body_pieces, spool_question
from wingman.hub.git.wire.commands import PushHead, PushOutcome, PushRequest, advertise, report
from wingman.hub.git.wire.pktline import FLUSH, KEEPALIVE, pkt
from wingman.hub.git.wire.program import find_git
from wingman.hub.git.wire.service import take_pack
from wingman.hub.http.errors import answer_for
from wingman.hub.http.repos import content_repo_in
from wingman.hub.http.requests import HubRequest
from wingman.hub.repos.model import Repo

UPLOAD_PACK, RECEIVE_PACK = "git-upload-pack", "git-receive-pack"
_NEVER_CACHED = {
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "Pragma": "no-cache",
}
_PROTOCOL = re.compile(r"[a-z0-9=:.-]{1,100}\Z")
_KEEPALIVE_S = 5.0


async def info_refs(request: HubRequest) -> Response:
    """What there is to fetch, or to push to."""
    service = request.query_params.get("service")
    if service == UPLOAD_PACK:
        return await _fetchable_refs(request)
    if service == RECEIVE_PACK:
        return await _pushable_refs(request)
    raise Invalid("This address speaks git's smart HTTP protocol alone: use it with `git clone`.")


async def _fetchable_refs(request: HubRequest) -> Response:
    wire = request.hub.git_wire
    repo = await run_in_threadpool(content_repo_in, request)
    copy = await wire.current_copy(repo)
    protocol = _protocol(request)
    answer = wire.upload_pack(copy, None, protocol=protocol)
    if "version=2" not in protocol:
        answer = _after(pkt(b"# service=git-upload-pack\n") + FLUSH, answer)
    return StreamingResponse(
        answer, headers=_NEVER_CACHED, media_type=f"application/x-{UPLOAD_PACK}-advertisement"
    )


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _pushable_repo(request: HubRequest) -> Repo:
    """For those who may write, and for whoever opened a pull request; what they may move is checked by ref."""
    repo = content_repo_in(request)  # what one may not read, one may not build on either
    request.hub.pull_requests.require_push(request.caller, repo)
    return repo


def _require_refs(request: HubRequest, repo: Repo, wanted: PushRequest) -> None:
    for command in wanted.commands:
        request.hub.commits.require_pusher(request.caller, repo, command.ref)


async def _pushable_refs(request: HubRequest) -> Response:
    find_git()

    def read() -> bytes:
        repo = _pushable_repo(request)
        with request.hub.store.read() as tx:
            return advertise(tx.git.refs(repo.id))

    body = await run_in_threadpool(read)
    return Response(body, headers=_NEVER_CACHED, media_type=f"application/x-{RECEIVE_PACK}-advertisement")


async def upload_pack(request: HubRequest) -> Response:
    wire = request.hub.git_wire
    repo = await run_in_threadpool(content_repo_in, request)
    question = await spool_question(request)
    copy = await wire.current_copy(repo)
    answer = wire.upload_pack(copy, question, protocol=_protocol(request))
    return StreamingResponse(answer, headers=_NEVER_CACHED, media_type=f"application/x-{UPLOAD_PACK}-result")


async def receive_pack(request: HubRequest) -> Response:
    wire = request.hub.git_wire
    repo = await wire.start(lambda: _pushable_repo(request))
    user = require_user(request.caller)
    head, pieces = PushHead(), body_pieces(request)
    wanted = await _read_head(head, pieces)
    if not wanted.commands:
        # Clients ask so whether their credentials are good, before they send a large pack.
        return _push_answer(_nothing())
    await wire.start(lambda: _require_refs(request, repo, wanted))
    await wire.current_copy(repo)
    resources = ExitStack()
    try:
        quarantined = await wire.start(lambda: resources.enter_context(wire.cache.quarantine(repo)))
        problem = await take_pack(quarantined, head.rest, pieces) if wanted.has_pack else None
    except BaseException:
        wire.start(resources.close)
        raise

    def settle() -> PushOutcome:
        with resources:
            if problem is not None:
                refs = tuple((command.ref, "its objects cannot be read") for command in wanted.commands)
                return PushOutcome(f"index-pack failed: {problem}", refs)
            return wire.pushes.settle(wanted, repo, quarantined, user_id=user.id)

    return _push_answer(_told(wanted, wire.start(settle)))


async def _read_head(head: PushHead, pieces: AsyncIterator[bytes]) -> PushRequest:
    async for piece in pieces:
        if wanted := head.feed(piece):
            return wanted
    raise Invalid("The push ended before it said what to push.")


async def _told(wanted: PushRequest, settling: asyncio.Future[PushOutcome]) -> AsyncIterator[bytes]:
    """The report, and signs of life until it is ready. A client that leaves does not stop the push."""
    banded = "side-band-64k" in wanted.capabilities
    while not (await asyncio.wait([settling], timeout=_KEEPALIVE_S))[0]:
        if banded:
            yield KEEPALIVE
    for piece in report(settling.result(), wanted.capabilities):
        yield piece


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def _push_answer(body: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(body, headers=_NEVER_CACHED, media_type=f"application/x-{RECEIVE_PACK}-result")


def _protocol(request: HubRequest) -> str:
    """The version that the client asks for, fit to go into an environment variable."""
    wanted = request.headers.get("git-protocol", "")
    return wanted if _PROTOCOL.match(wanted) else ""


def _routes_to(
    endpoint: Callable[[HubRequest], Awaitable[Response]], suffix: str, method: str
) -> list[Route]:
    """For models and for the kinds with a prefix. Errors are text, which git shows behind "remote:"."""

    async def run(request: Request) -> Response:
        asked = HubRequest(request.scope, request.receive)
        try:
            return await endpoint(asked)
        except HubError as error:
            status = answer_for(error, base_url=asked.base).status
            # Without this header git does not ask for a user name and token, nor try those it knows.
            headers = {"WWW-Authenticate": 'Basic realm="Wingman", charset="UTF-8"'} if status == 401 else {}
            return PlainTextResponse(f"{error}\n", status, headers | _NEVER_CACHED)

    prefixes = ("/{namespace}/{name}", "/{kind:web_kind}/{namespace}/{name}")
    return [Route(f"{prefix}/{suffix}", run, methods=[method]) for prefix in prefixes]


routes: list[Route] = [
    *_routes_to(info_refs, "info/refs", "GET"),
    *_routes_to(upload_pack, UPLOAD_PACK, "POST"),
    *_routes_to(receive_pack, RECEIVE_PACK, "POST"),
]
