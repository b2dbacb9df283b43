"""Xet over HTTP: tokens below a repository's address, and the CAS below an address per epoch and tenant.

    /xet/{epoch}/{tenant}/…    the CAS; clients key their caches by this address
    /xet/data?signature=…      stored bytes, for whoever holds the link (which the access log leaves out)

Older clients leave out the version in CAS paths. Whatever the CAS does not have must answer 404: on some
addresses clients take 405 for a failure.
"""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wingman.hub.access.model import Permission
from wingman.hub.errors import Forbidden, HubError, NotFound, OutOfSpace
from wingman.hub.http.repos import (
    API_REPO,
    DOWNLOAD_MARK,
    content_repo_in,
    count_download,
    reads_content,
    repo_in,
)
from wingman.hub.http.requests import HubRequest, route, streaming_route
from wingman.hub.repos.model import Repo
from wingman.hub.xet.hashes import from_text
from wingman.hub.xet.model import Grant
from wingman.hub.xet.reconstruction import Reconstruction
from wingman.hub.xet.registration import Interrupted, Progress
from wingman.hub.xet.service import Connection, Link, path_of
from wingman.hub.xet.shards import MAX_SHARD_BYTES
from wingman.hub.xet.xorbs import MAX_XORB_BYTES

log = logging.getLogger("wingman.hub")

HEARTBEAT_SECONDS = 2.0
_FOOTER_BYTES = 512 * 1024
_FILE_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})\Z")
_EXACT_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})\Z")
_CAS = "/xet/{epoch:number}/{tenant:number}"
_ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")


# --- access ---------------------------------------------------------------------------------------------


def write_token(request: HubRequest) -> Response:
    revision = request.segment("revision")
    repo = repo_in(request, permission_to_upload(revision, create_pr=request.flag("create_pr")))
    return _connection_response(request, repo, may_write=True)


def read_token(request: HubRequest) -> Response:
    repo = content_repo_in(request)
    if DOWNLOAD_MARK in request.headers:  # with the hashes of a tree, a client asks for no file by name
        count_download(request, repo)
    return _connection_response(request, repo, may_write=False)


def permission_to_upload(revision: str | None, *, create_pr: bool = False) -> Permission:
    """Bytes for a pull request may come from whoever may contribute. The client says `None` for a new one."""
    is_offer = create_pr or revision in (None, "None") or str(revision).startswith("refs/pr/")
    return Permission.REPO_CONTRIBUTE if is_offer else Permission.REPO_CONTENT_WRITE


def connection_headers(base: str, connection: Connection) -> dict[str, str]:
    return {
        "X-Xet-Cas-Url": f"{base}{path_of(connection.epoch, connection.tenant)}",
        "X-Xet-Access-Token": connection.token,
        "X-Xet-Token-Expiration": str(connection.expires_at),
    }


def _connection_response(request: HubRequest, repo: Repo, *, may_write: bool) -> Response:
    """The same twice, because clients have two readers: one of the body, one of the headers."""
    connection = request.hub.xet.connect(
        request.caller, repo, may_write=may_write, may_read=reads_content(request, repo)
    )
    headers = connection_headers(request.base, connection)
    body = {
        "casUrl": headers["X-Xet-Cas-Url"],
        "accessToken": connection.token,
        "exp": connection.expires_at,
    }
    return JSONResponse(body, headers={**headers, "Cache-Control": "no-store"})


def _grant(request: HubRequest, *, write: bool) -> Grant:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else None
    return request.hub.xet.grant_for(given, request.path_params["tenant"], write=write)


# --- uploads --------------------------------------------------------------------------------------------


def xorb_grant(request: HubRequest) -> Response:
    """200: it is here, send nothing. 404: we hand out no direct access to storage, send it to us."""
    grant = _grant(request, write=True)
    if request.hub.xet.has_xorb(grant, from_text(request.segment("hash"))):
        return JSONResponse({})
    raise NotFound("This xorb is not here yet; upload it directly.")


async def upload_xorb(request: HubRequest) -> Response:
    grant = _grant(request, write=True)
    xorb = from_text(request.segment("hash"))
    open_upload = partial(request.hub.xet.receive_xorb, grant, xorb)
    was_inserted = await request.hub.intake.take(request, open_upload, limit=MAX_XORB_BYTES + _FOOTER_BYTES)
    return JSONResponse({"was_inserted": was_inserted})


async def upload_shard_v1(request: HubRequest) -> Response:
    working, _ = await _start_registration(request)
    return JSONResponse({"result": int(await asyncio.shield(working))})


async def upload_shard_v2(request: HubRequest) -> Response:
    working, progress = await _start_registration(request)
    return StreamingResponse(_shard_events(working, progress), media_type="application/x-ndjson")


async def _start_registration(request: HubRequest) -> tuple[asyncio.Future[bool], Progress]:
    grant, progress = _grant(request, write=True), Progress()
    register = partial(request.hub.shards.register, grant, progress=progress)
    return await request.hub.intake.start(request, register, limit=MAX_SHARD_BYTES), progress


async def _shard_events(working: asyncio.Future[bool], progress: Progress) -> AsyncIterator[bytes]:
    """One JSON object a line; heartbeats while files are read, then how it ended."""
    while not working.done():
        await asyncio.wait([working], timeout=HEARTBEAT_SECONDS)
        if not working.done():
            # In MiB: whatever width clients read the numbers with, a file of any size fits.
            yield _line(type="validating", verified=progress.verified >> 20, total=progress.total >> 20)
    yield _line(**_outcome(working))


def _outcome(working: asyncio.Future[bool]) -> dict[str, Any]:
    error = Interrupted() if working.cancelled() else working.exception()
    if isinstance(error, HubError):
        retryable = isinstance(error, OutOfSpace | Interrupted)
        return {"type": "error", "message": str(error), "retryable": retryable}
    if error is not None:
        log.error("registering a shard failed", exc_info=error)
        return {
            "type": "error",
            "message": "The Hub made a mistake; its log has the details.",
            "retryable": False,
        }
    return {"type": "result", "result": int(working.result())}


def _line(**event: Any) -> bytes:
    return json.dumps(event).encode() + b"\n"


# --- downloads ------------------------------------------------------------------------------------------


def dedup_query(request: HubRequest) -> Response:
    grant = _grant(request, write=False)
    answer = request.hub.xet.dedup_answer(grant, from_text(request.segment("hash")))
    if answer is None:
        raise NotFound("No such chunk is known here.")
    return Response(answer, media_type="application/octet-stream")


def reconstruction_v1(request: HubRequest) -> Response:
    return _reconstruction(request, Reconstruction.to_v1)


def reconstruction_v2(request: HubRequest) -> Response:
    return _reconstruction(request, Reconstruction.to_v2)


def _reconstruction(request: HubRequest, render: Callable[..., dict[str, Any]]) -> Response:
    grant = _grant(request, write=False)
    asked = _FILE_RANGE.match(request.headers.get("range", "").replace(" ", ""))
    start = int(asked[1]) if asked else 0
    end = int(asked[2]) + 1 if asked and asked[2] else None
    plan, xorbs = request.hub.xet.reconstruction(grant, from_text(request.segment("hash")), start, end)

    def url_for(xorb: bytes, start: int, end: int) -> str:
        signed = request.hub.xet.sign_link(Link(xorbs[xorb].blob_key, start, end))
        return f"{request.base}/xet/data?signature={signed}"

    return JSONResponse(render(plan, url_for))


def data(request: HubRequest) -> Response:
    """Bytes of a stored xorb, never more of it than the link allows: others' chunks lie beside them."""
    link = request.hub.xet.open_link(request.query_params.get("signature", ""))
    start, end = link.start, link.end
    if header := request.headers.get("range"):
        asked = _EXACT_RANGE.match(header.replace(" ", ""))
        if asked is None or not link.start <= int(asked[1]) <= int(asked[2]) < link.end:
            raise Forbidden(f"This link is for bytes {link.start}-{link.end - 1} and not for {header!r}.")
        start, end = int(asked[1]), int(asked[2]) + 1
    headers = {
        "Content-Range": f"bytes {start}-{end - 1}/*",
        "Content-Length": str(end - start),
        "Cache-Control": "private, max-age=3600, immutable",
    }
    stored = request.hub.blobs.stream(link.blob_key, start, end)
    return StreamingResponse(stored, 206, headers, media_type="application/octet-stream")


# --- the rest -------------------------------------------------------------------------------------------


def telemetry(request: HubRequest) -> Response:
    """Clients report transfers to the root of the host; nothing is kept."""
    return Response(status_code=202)


def unknown(request: HubRequest) -> Response:
    raise NotFound("The Xet store has no such address.")


def _cas_routes(version: str) -> list[Route]:
    reconstruction = reconstruction_v2 if version == "/v2" else reconstruction_v1
    upload_shard = upload_shard_v2 if version == "/v2" else upload_shard_v1
    return [
        route(f"{_CAS}{version}/chunks/{{prefix}}/{{hash}}", dedup_query),
        route(f"{_CAS}{version}/xorb-grants/{{prefix}}/{{hash}}", xorb_grant, "POST"),
        streaming_route(f"{_CAS}{version}/xorbs/{{prefix}}/{{hash}}", upload_xorb, "POST"),
        streaming_route(f"{_CAS}{version}/shards", upload_shard, "POST"),
        route(f"{_CAS}{version}/reconstructions/{{hash}}", reconstruction),
        route(f"{_CAS}{version}/telemetry", telemetry, "POST"),
    ]


routes: list[Route] = [
    route(f"{API_REPO}/xet-write-token/{{revision}}", write_token),
    route(f"{API_REPO}/xet-read-token/{{revision}}", read_token),
    *_cas_routes("/v2"),
    *_cas_routes("/v1"),
    *_cas_routes(""),
    route(f"{_CAS}/{{rest:path}}", unknown, *_ANY_METHOD),
    route("/xet/data", data),
    route("/v1/telemetry", telemetry, "POST"),
]
