"""Git LFS over HTTP, below `{repo}.git/info/lfs` and `{repo}/info/lfs`, and the Hub's own list of large files.

Links that an answer contains prove themselves: the Python client sends no credentials to them.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wingman.hub.access.model import Permission
from wingman.hub.errors import Forbidden, HubError, Invalid, Unauthorized
from wingman.hub.files.model import LargeFile
from wingman.hub.git.pointers import SHA256
from wingman.hub.http.dates import iso
from wingman.hub.http.errors import answer_for, header_text
from wingman.hub.http.fields import optional
from wingman.hub.http.paging import UnknownCursor, next_link, text_cursor
from wingman.hub.http.ranges import parse_range
from wingman.hub.http.repos import API_REPO, content_repo_in, reads_content, repo_in
from wingman.hub.http.requests import Endpoint, HubRequest, StreamingEndpoint, route, streaming_route
from wingman.hub.lfs.model import Lock, LockExists, LockId, ObjectDiffers, ObjectSpec, PlannedUpload, Ticket
from wingman.hub.repos.model import Repo, RepoKind, RepoMissing
from wingman.hub.xet.routes import connection_headers, permission_to_upload

MEDIA_TYPE = "application/vnd.git-lfs+json"
MAX_OBJECTS = 1000
MAX_COPIES = 500
_PAGE = 1000
_LOCK_PAGE = 100
_LOCK_ID = re.compile(r"[0-9]{1,18}\Z")


# --- batch ----------------------------------------------------------------------------------------------


def batch(request: HubRequest) -> Response:
    body = request.json_object
    operation, objects = body.get("operation"), body.get("objects")
    if not isinstance(objects, list) or len(objects) > MAX_OBJECTS:
        raise Invalid(f"'objects' must be a list of at most {MAX_OBJECTS} objects.")
    if str(body.get("hash_algo") or "sha256").replace("_", "") != "sha256":
        raise Invalid(f"The hash algorithm is {body['hash_algo']!r}; only sha256 is known here.")
    specs = [ObjectSpec.from_json(value) for value in objects]
    if operation == "download":
        return _lfs_json({"transfer": "basic", "objects": _downloads(request, specs), "hash_algo": "sha256"})
    if operation == "upload":
        return _lfs_json(_uploads(request, specs, body) | {"hash_algo": "sha256"})
    raise Invalid(f"The operation is {operation!r}; it must be 'upload' or 'download'.")


def _downloads(request: HubRequest, specs: list[ObjectSpec]) -> list[dict[str, Any]]:
    repo = content_repo_in(request)
    found = request.hub.lfs.find(repo, specs)
    answers = []
    for spec in specs:
        answer: dict[str, Any] = {"oid": spec.sha256, "size": spec.size}
        if spec.sha256 in found:
            href = f"{_objects(request, repo)}/{spec.sha256}?signature={request.hub.lfs.sign_download(repo, spec)}"
            answer["actions"] = {"download": {"href": href, "expires_in": request.hub.lfs.link_seconds}}
        else:
            answer["error"] = {"code": 404, "message": f"This repository has no LFS object {spec.sha256}."}
        answers.append(answer)
    return answers


def _uploads(request: HubRequest, specs: list[ObjectSpec], body: dict[str, Any]) -> dict[str, Any]:
    revision = _revision(body)
    repo = repo_in(request, permission_to_upload(revision))
    plans = request.hub.lfs.plan_uploads(repo, specs)
    offered = optional(body, "transfers", list) or ["basic"]
    if "xet" in offered:
        transfer, actions = "xet", partial(_xet_actions, request, repo, revision or "None")
    elif "multipart" in offered and request.hub.lfs.wants_parts(specs):
        # One transfer for the whole answer: git-lfs hands every object of it to the same agent.
        transfer, actions = "multipart", partial(_multipart_actions, request, repo)
    else:
        transfer, actions = "basic", partial(_basic_actions, request, repo)
    return {"transfer": transfer, "objects": [_planned(plan, actions) for plan in plans]}


def _revision(body: dict[str, Any]) -> str | None:
    """What the objects are for; nothing where the client is about to open a pull request."""
    ref = body.get("ref")
    name = ref.get("name") if isinstance(ref, dict) else None
    return str(name).removeprefix("refs/heads/") if name else None


def _planned(plan: PlannedUpload, actions: Callable[[ObjectSpec], dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"oid": plan.spec.sha256, "size": plan.spec.size}
    if plan.problem is not None:
        status = answer_for(plan.problem, base_url="").status
        answer["error"] = {"code": status, "message": str(plan.problem)}
    elif not plan.is_stored:
        answer["actions"] = actions(plan.spec)
    return answer


def _basic_actions(request: HubRequest, repo: Repo, spec: ObjectSpec) -> dict[str, Any]:
    _, signed = request.hub.lfs.sign_upload(repo, spec)
    expires_in = request.hub.lfs.link_seconds
    upload = {"href": f"{_objects(request, repo)}/{spec.sha256}?signature={signed}", "expires_in": expires_in}
    return {"upload": upload, "verify": _verify_action(request, repo, signed)}


def _multipart_actions(request: HubRequest, repo: Repo, spec: ObjectSpec) -> dict[str, Any]:
    ticket, signed = request.hub.lfs.sign_upload(repo, spec, in_parts=True)
    here = f"{_objects(request, repo)}/{spec.sha256}"
    header = {"chunk_size": str(ticket.part_bytes)}
    for number in range(1, ticket.num_parts + 1):
        header[f"{number:05d}"] = f"{here}/parts/{number}?signature={signed}"
    upload = {"href": f"{here}/complete?signature={signed}", "header": header}
    return {"upload": upload, "verify": _verify_action(request, repo, signed)}


def _xet_actions(request: HubRequest, repo: Repo, revision: str, spec: ObjectSpec) -> dict[str, Any]:
    connection = request.hub.xet.connect(
        request.caller, repo, may_write=True, may_read=reads_content(request, repo)
    )
    refresh = f"{request.base}/api/{repo.scope}/xet-write-token/{revision.replace('/', '%2F')}"
    upload = {"href": refresh, "header": connection_headers(request.base, connection)}
    _, signed = request.hub.lfs.sign_upload(repo, spec)
    return {"upload": upload, "verify": _verify_action(request, repo, signed)}


def _verify_action(request: HubRequest, repo: Repo, signed: str) -> dict[str, Any]:
    return {"href": f"{_lfs_base(request, repo)}/verify?signature={signed}"}


def _objects(request: HubRequest, repo: Repo) -> str:
    return f"{_lfs_base(request, repo)}/objects"


def _lfs_base(request: HubRequest, repo: Repo) -> str:
    return f"{request.base}/{repo.path}.git/info/lfs"


# --- objects --------------------------------------------------------------------------------------------


def _upload_ticket(request: HubRequest) -> Ticket:
    ticket = request.hub.lfs.open_upload_ticket(request.query_params.get("signature", ""))
    if "oid" in request.path_params and request.path_params["oid"] != ticket.spec.sha256:
        raise Forbidden("This link is for another object.")
    return ticket


async def upload(request: HubRequest) -> Response:
    ticket = _upload_ticket(request)
    size = ticket.spec.size
    await request.hub.intake.take(request, partial(request.hub.lfs.receive, ticket), limit=size, exact=size)
    request.hub.ingestor.nudge()
    return Response(status_code=200)


async def upload_part(request: HubRequest) -> Response:
    ticket, number = _upload_ticket(request), request.path_params["number"]
    size = ticket.bytes_of_part(number)
    receive = partial(request.hub.lfs.receive_part, ticket, number)
    tag = await request.hub.intake.take(request, receive, limit=size, exact=size)
    return Response(status_code=200, headers={"ETag": f'"{tag}"'})


def complete(request: HubRequest) -> Response:
    ticket = _upload_ticket(request)
    if ticket.upload_id is None:
        raise Invalid("This upload does not come in parts.")
    parts = request.json_object.get("parts")
    try:
        named = [(int(part["partNumber"]), str(part["etag"])) for part in parts or []]
    except (TypeError, KeyError, ValueError) as error:
        raise Invalid("'parts' must be a list of objects with partNumber and etag.") from error
    request.hub.lfs.complete(ticket, named)
    request.hub.ingestor.nudge()
    return _lfs_json({})


def verify(request: HubRequest) -> Response:
    """Signed, because git-lfs only sends credentials along where it was asked for some before."""
    ticket = _upload_ticket(request)
    spec = ObjectSpec.from_json(request.json_object)
    if spec.sha256 != ticket.spec.sha256:
        raise Forbidden("This link is for another object.")
    request.hub.lfs.verify(ticket.repo_id, spec)
    return _lfs_json({})


def download(request: HubRequest) -> Response:
    """By a signed link, or by the caller's own right to read the repository."""
    sha256 = request.path_params["oid"]
    if signed := request.query_params.get("signature"):
        ticket = request.hub.lfs.open_download_ticket(signed)
        if ticket.spec.sha256 != sha256:
            raise Forbidden("This link is for another object.")
        repo_id = ticket.repo_id
    else:
        repo_id = content_repo_in(request).id
    return _file_response(request, request.hub.lfs.object(repo_id, sha256))


def _file_response(request: HubRequest, file: LargeFile) -> Response:
    headers = {
        "ETag": f'"{file.sha256}"',
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
    }
    chosen = parse_range(request.headers.get("range"), file.size)
    start, end = (chosen.start, chosen.end) if chosen else (0, file.size)
    if chosen:
        headers["Content-Range"] = chosen.content_range
    headers["Content-Length"] = str(end - start)
    status = 206 if chosen else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(request.hub.stream_large_file(file, start, end), status, headers)


# --- locks ----------------------------------------------------------------------------------------------


def list_locks(request: HubRequest) -> Response:
    repo = content_repo_in(request)
    if lock_id := request.query_params.get("id"):
        return _lfs_json({"locks": [_lock_json(request.hub.lfs.find_lock(repo, _lock_id(lock_id)))]})
    path = request.query_params.get("path")
    limit = request.number("limit", _LOCK_PAGE, low=1, high=_LOCK_PAGE)
    locks, more = _lock_page(request, repo, path, request.query_params.get("cursor"), limit)
    return _lfs_json({"locks": [_lock_json(lock) for lock in locks]} | more)


def verify_locks(request: HubRequest) -> Response:
    """Which locks stand, ours and theirs; git-lfs asks before each push."""
    repo = repo_in(request, Permission.REPO_CONTENT_WRITE)
    body, user = request.json_object, request.caller.user
    limit = optional(body, "limit", int) or _LOCK_PAGE
    locks, more = _lock_page(request, repo, None, body.get("cursor"), max(1, min(limit, _LOCK_PAGE)))
    assert user is not None, "who may write is somebody"
    ours = [_lock_json(lock) for lock in locks if lock.owner_id == user.id]
    theirs = [_lock_json(lock) for lock in locks if lock.owner_id != user.id]
    return _lfs_json({"ours": ours, "theirs": theirs} | more)


def _lock_page(
    request: HubRequest, repo: Repo, path: str | None, cursor: object, limit: int
) -> tuple[list[Lock], dict[str, str]]:
    after = _lock_id(cursor) if cursor else None
    locks = list(request.hub.lfs.locks(repo, path=path, after=after, limit=limit + 1))
    more = {"next_cursor": str(locks[limit - 1].id)} if len(locks) > limit else {}
    return locks[:limit], more


def create_lock(request: HubRequest) -> Response:
    repo = repo_in(request, Permission.REPO_CONTENT_WRITE)
    path = str(request.json_object.get("path") or "")
    try:
        return _lfs_json({"lock": _lock_json(request.hub.lfs.lock(request.caller, repo, path))}, 201)
    except LockExists as error:
        return _lfs_json({"lock": _lock_json(error.lock), "message": str(error)}, 409)


def remove_lock(request: HubRequest) -> Response:
    repo = repo_in(request, Permission.REPO_CONTENT_WRITE)
    force = bool(request.json_object.get("force"))
    lock = request.hub.lfs.unlock(request.caller, repo, _lock_id(request.path_params["id"]), force=force)
    return _lfs_json({"lock": _lock_json(lock)})


def _lock_id(value: object) -> LockId:
    if not _LOCK_ID.match(str(value)):
        raise Invalid(f"{value!r} is not the id of a lock.")
    return LockId(int(str(value)))


def _lock_json(lock: Lock) -> dict[str, Any]:
    return {
        "id": str(lock.id),
        "path": lock.path,
        "locked_at": iso(lock.locked_at),
        "owner": {"name": lock.owner},
    }


# --- the Hub's own list of large files ------------------------------------------------------------------


def list_files(request: HubRequest) -> Response:
    repo = content_repo_in(request)
    files = request.hub.lfs.list_files(repo, after=_sha256_in(text_cursor(request)), limit=_PAGE + 1)
    page = files[:_PAGE]
    places = request.hub.contents.places_of(repo, {item.file.sha256 for item in page})
    rows = []
    for item in page:
        row = {"fileOid": item.file.sha256, "oid": item.file.sha256, "filename": ""}
        if place := places.get(item.file.sha256):
            row |= {"ref": place[0], "filename": place[1]}
        rows.append(row | {"size": item.file.size, "pushedAt": iso(item.added_at)})
    headers = next_link(request, page[-1].file.sha256) if len(files) > _PAGE else {}
    return JSONResponse(rows, headers=headers)


def _sha256_in(cursor: str | None) -> str | None:
    if cursor is not None and not SHA256.match(cursor):
        raise UnknownCursor
    return cursor


def duplicate_files(request: HubRequest) -> Response:
    """Let another repository have some of this one's files; the caller may read here and write there."""
    source = content_repo_in(request)
    body = request.json_object
    target = _target(request, body.get("target"))
    files = body.get("files")
    if not isinstance(files, list) or len(files) > MAX_COPIES:
        raise Invalid(f"'files' must be a list of at most {MAX_COPIES} files.")
    named = [file.get("sha256") if isinstance(file, dict) else None for file in files]
    specs = [ObjectSpec.from_json({"oid": sha256, "size": 0}).sha256 for sha256 in named]
    missing = request.hub.lfs.copy(source, target, specs)
    failed = [{"sha256": sha256, "error": f"{source.full_name} has no such file."} for sha256 in missing]
    return JSONResponse({"failed": failed})


def _target(request: HubRequest, value: Any) -> Repo:
    kind, name = (value.get("type"), value.get("name")) if isinstance(value, dict) else (None, None)
    if kind not in list(RepoKind) or not isinstance(name, str):
        raise Invalid("'target' must be an object with the 'type' and 'name' of a repository.")
    # Contributing is enough: the commit that will name the files asks for the right to its branch.
    return request.hub.repos.find_for(request.caller, Permission.REPO_CONTRIBUTE, RepoKind(kind), name)


def delete_files(request: HubRequest) -> Response:
    repo = repo_in(request, Permission.REPO_SETTINGS_WRITE)
    deletions = request.json_object.get("deletions")
    shas = deletions.get("sha") if isinstance(deletions, dict) else None
    if not isinstance(deletions, dict) or not isinstance(shas, list):
        raise Invalid("'deletions' must be an object with a list 'sha'.")
    sha256s = [ObjectSpec.from_json({"oid": sha, "size": 0}).sha256 for sha in shas]
    if deletions.get("rewriteHistory"):
        request.hub.commits.remove_large_files(request.caller, repo, sha256s)
    else:
        request.hub.lfs.forget(repo, sha256s)
    return JSONResponse({})


# --- form -----------------------------------------------------------------------------------------------


def _lfs_json(body: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(body, status, media_type=MEDIA_TYPE)


def _lfs_error(error: HubError, request: HubRequest) -> Response:
    """git-lfs shows `message`, the Python client `error`; both ask for a password only if told how."""
    answer = answer_for(error, base_url=request.base)
    status = 422 if isinstance(error, ObjectDiffers) else answer.status
    headers = {"X-Error-Message": header_text(str(error)), **answer.headers}
    if answer.code is not None:
        headers["X-Error-Code"] = answer.code.value
    if isinstance(error, Unauthorized) or (isinstance(error, RepoMissing) and error.anonymous):
        status = 401
        headers |= dict.fromkeys(("LFS-Authenticate", "WWW-Authenticate"), 'Basic realm="Wingman"')
    return JSONResponse({"message": str(error), "error": str(error)}, status, headers, media_type=MEDIA_TYPE)


def _answering(endpoint: Endpoint) -> Endpoint:
    def run(request: HubRequest) -> Response:
        try:
            return endpoint(request)
        except HubError as error:
            return _lfs_error(error, request)

    return run


def _answering_stream(endpoint: StreamingEndpoint) -> StreamingEndpoint:
    async def run(request: HubRequest) -> Response:
        try:
            return await endpoint(request)
        except HubError as error:
            return _lfs_error(error, request)

    return run


def _lfs_routes(repo: str) -> list[Route]:
    lfs = f"{repo}/info/lfs"
    one = f"{lfs}/objects/{{oid}}"
    return [
        route(f"{lfs}/objects/batch", _answering(batch), "POST"),
        streaming_route(f"{one}/parts/{{number:number}}", _answering_stream(upload_part), "PUT"),
        route(f"{one}/complete", _answering(complete), "POST"),
        streaming_route(one, _answering_stream(upload), "PUT"),
        route(one, _answering(download)),
        route(f"{lfs}/verify", _answering(verify), "POST"),
        route(f"{lfs}/locks", _answering(list_locks)),
        route(f"{lfs}/locks", _answering(create_lock), "POST"),
        route(f"{lfs}/locks/verify", _answering(verify_locks), "POST"),
        route(f"{lfs}/locks/{{id}}/unlock", _answering(remove_lock), "POST"),
    ]


routes: list[Route] = [
    *_lfs_routes("/{kind:web_kind}/{namespace}/{name}"),
    *_lfs_routes("/{namespace}/{name}"),
    route(f"{API_REPO}/lfs-files", list_files),
    route(f"{API_REPO}/lfs-files/duplicate", duplicate_files, "POST"),
    route(f"{API_REPO}/lfs-files/batch", delete_files, "POST"),
]
