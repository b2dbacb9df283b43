"""Writing over HTTP: the upload check, commits, branches, tags."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import Permission
from wingman.hub.commits.model import (
    AddFile,
    AddLargeFile,
    CommitRequest,
    CopyFile,
    DeleteFile,
    DeleteFolder,
    Operation,
)
from wingman.hub.commits.sizing import is_large
from wingman.hub.discussions.service import contributor
from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.git.attributes import Attributes, parse_attributes
from wingman.hub.git.ignoring import IgnoreRules
from wingman.hub.git.revisions import RevisionMissing
from wingman.hub.git.trees import check_path
from wingman.hub.http.fields import optional
from wingman.hub.http.repos import API_REPO, repo_in
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.json_text import load_json, whole_number
from wingman.hub.repos.card import card_problems
from wingman.hub.repos.model import Repo, RepoKind

COMMIT_BODY_LIMIT = 1 << 30
MAX_PREUPLOAD_FILES = 1000
MAX_OPERATIONS = 100_000
MAX_MATCHES = 50_000_000
"""Of rules with parts of paths, for one check before an upload: some ten seconds of work."""


def validate_yaml(request: HubRequest) -> Response:
    body = request.json_object
    asked = body.get("repoType")
    kind = RepoKind(asked) if asked in list(RepoKind) else RepoKind.MODEL
    errors, warnings = card_problems(str(body.get("content", "")), kind)
    if request.headers.get("accept") == "text/plain":
        lines = [*(f"- Error: {text}" for text in errors), *(f"- Warning: {text}" for text in warnings)]
        return PlainTextResponse("\n".join(lines), 400 if errors else 200)
    answer = {
        "errors": [{"message": text} for text in errors],
        "warnings": [{"message": text} for text in warnings],
    }
    return JSONResponse(answer, 400 if errors else 200)


def preupload(request: HubRequest) -> Response:
    create_pr = request.flag("create_pr")
    repo = repo_in(request, Permission.REPO_CONTRIBUTE if create_pr else Permission.REPO_CONTENT_READ)
    revision = request.segment("revision")
    if not create_pr:
        request.hub.commits.require_pusher(request.caller, repo, revision)
    body = request.json_object
    files = body.get("files") or []
    if not isinstance(files, list) or len(files) > MAX_PREUPLOAD_FILES:
        raise Invalid(f"files must be a list of at most {MAX_PREUPLOAD_FILES}.")
    if not all(isinstance(item, dict) for item in files):
        raise Invalid("Each of the files must be an object with its path, size and sample.")
    contents = request.hub.contents
    try:
        _, entries = contents.paths(repo, revision, [str(item.get("path", "")) for item in files])
    except RevisionMissing:
        if revision == "main" and repo.head is None:
            entries = []
        else:
            raise
    known = {entry.path: entry for entry in entries}
    attributes = _attributes(request, repo, revision, body)
    ignored = _ignore_rules(request, repo, revision, body)
    _check_matches(files, attributes, ignored)
    answers = []
    for item in files:
        path = str(item.get("path", ""))
        entry = known.get(path)
        large = is_large(path, optional(item, "size", int) or 0, _sample(item), attributes)
        answers.append(
            {
                "path": path,
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": ignored.ignores(path),
                "oid": None if entry is None else entry.pointer.sha256 if entry.pointer else entry.oid,
            }
        )
    if any(answer["uploadMode"] == "lfs" and not answer["shouldIgnore"] for answer in answers):
        request.hub.xet.require_room()
    return JSONResponse({"files": answers})


def _check_matches(files: list[Any], attributes: Attributes, ignored: IgnoreRules) -> None:
    """Raises `TooLarge`: the client words rules and paths, and each rule is held against each folder of a path."""
    depths = [str(item.get("path", "")).count("/") + 1 for item in files]
    matches = attributes.num_rules * sum(depths) + ignored.num_rules * sum(depth * depth for depth in depths)
    if matches > MAX_MATCHES:
        raise TooLarge("There are too many rules for so many paths: ask about fewer files at once.")


def _attributes(request: HubRequest, repo: Repo, revision: str, body: Mapping[str, Any]) -> Attributes:
    if isinstance(body.get("gitAttributes"), str):
        return parse_attributes(body["gitAttributes"].encode())
    return request.hub.contents.attributes(repo, revision)


def _sample(item: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(item.get("sample") or "")
    except (ValueError, TypeError) as error:
        raise Invalid(f"The sample of {item.get('path')!r} is not base64.") from error


def _ignore_rules(request: HubRequest, repo: Repo, revision: str, body: Mapping[str, Any]) -> IgnoreRules:
    """The rules that travel with the request, else those of the repository."""
    if isinstance(body.get("gitIgnore"), str):
        return IgnoreRules(body["gitIgnore"].encode())
    return request.hub.contents.ignore_rules(repo, revision)


def require_committer(request: HubRequest) -> None:
    """Who may commit, asked before a body of a gigabyte is read. Raises what `commit` would."""
    repo = repo_in(request)
    if request.flag("create_pr"):
        contributor(request.caller, repo)
    else:
        request.hub.commits.require_pusher(request.caller, repo, request.segment("revision"))


def commit(request: HubRequest) -> Response:
    repo = repo_in(request)
    revision = request.segment("revision")
    wanted = parse_commit_body(request.body_bytes)
    if request.flag("create_pr"):
        discussion, result = request.hub.pull_requests.open_with(request.caller, repo, revision, wanted)
        url = f"{request.base}/{repo.path}/discussions/{discussion.num}"
        return JSONResponse(commit_json(request, repo, result.oid) | {"pullRequestUrl": url})
    result = request.hub.commits.commit(request.caller, repo, revision, wanted)
    return JSONResponse(commit_json(request, repo, result.oid))


def commit_json(request: HubRequest, repo: Repo, oid: str) -> dict[str, Any]:
    return {
        "success": True,
        "commitOid": oid,
        "commitUrl": f"{request.base}/{repo.path}/commit/{oid}",
        "hookOutput": "",
    }


def parse_commit_body(body: bytes) -> CommitRequest:
    """NDJSON: a `header` line, then a line for each operation. Raises `Invalid` with the line's number."""
    header: Mapping[str, Any] = {}
    operations: list[Operation] = []
    for number, line in _lines(body):
        if len(operations) >= MAX_OPERATIONS:
            raise TooLarge(f"A commit has at most {MAX_OPERATIONS} operations: make several of it.")
        try:
            item = load_json(line, parse_int=whole_number)
            key, value = item["key"], item["value"]
            if not isinstance(value, dict):
                raise TypeError("its value must be an object")
            if key == "header":
                header = value
            else:
                operations.append(_operation(key, value))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, Invalid):
                raise
            raise Invalid(
                f"Line {number} of the commit is not an operation this Hub knows: {error!r}"
            ) from error
    summary = str(header.get("summary") or "").strip()
    if not summary:
        raise Invalid("The commit has no summary: its first line must be a header with one.")
    return CommitRequest(
        summary=summary,
        description=str(header.get("description") or ""),
        parent_commit=optional(header, "parentCommit", str) or None,
        operations=tuple(operations),
    )


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _operation(key: str, value: Mapping[str, Any]) -> Operation:
    path = value["path"]
    if not isinstance(path, str):
        raise Invalid(f"A path must be text; {path!r} was given.")
    match key:
        case "file":
            return AddFile(path, decoded(value))
        case "lfsFile":
            size = value.get("size")
            if value.get("algo", "sha256") not in ("sha256", "sha_256"):
                raise Invalid(f"{path}: large files are named by sha256, not {value['algo']!r}.")
            return AddLargeFile(path, str(value["oid"]), None if size is None else int(size))
        case "deletedFile":
            return DeleteFile(path)
        case "deletedFolder":
            return DeleteFolder(path)
        case "deletedEntry":
            return DeleteFolder(path) if path.endswith("/") else DeleteFile(path)
        case "copyFile":
            return CopyFile(path, str(value["srcPath"]), optional(value, "srcRevision", str))
    raise Invalid(
        f"A commit cannot do {key!r}; it knows file, lfsFile, deletedFile, deletedFolder and copyFile."
    )


def decoded(value: Mapping[str, Any]) -> bytes:
    """The bytes of an inline file. Raises `Invalid`."""
    check_path(value["path"])
    content, encoding = value["content"], value.get("encoding", "utf-8")
    if encoding != "base64":
        return str(content).encode()
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"The content of {value['path']!r} is not base64.") from error


def create_branch(request: HubRequest) -> Response:
    body = request.json_object
    request.hub.commits.create_branch(
        request.caller,
        repo_in(request),
        request.segment("ref"),
        starting_point=optional(body, "startingPoint", str),
        empty=bool(body.get("emptyBranch")),
        overwrite=bool(body.get("overwrite")),
    )
    return JSONResponse({}, 201)


def delete_branch(request: HubRequest) -> Response:
    request.hub.commits.delete_branch(request.caller, repo_in(request), request.segment("ref"))
    return JSONResponse({})


def create_tag(request: HubRequest) -> Response:
    body = request.json_object
    name = body.get("tag")
    if not isinstance(name, str):
        raise Invalid("The request body needs a text 'tag'.")
    request.hub.commits.create_tag(
        request.caller,
        repo_in(request),
        name,
        revision=request.segment("ref"),
        message=optional(body, "message", str),
    )
    return JSONResponse({}, 201)


def delete_tag(request: HubRequest) -> Response:
    request.hub.commits.delete_tag(request.caller, repo_in(request), request.segment("ref"))
    return JSONResponse({})


def squash(request: HubRequest) -> Response:
    request.hub.commits.squash(
        request.caller,
        repo_in(request),
        request.segment("ref"),
        message=optional(request.json_object, "message", str),
    )
    return JSONResponse({})


routes: list[Route] = [
    route("/api/validate-yaml", validate_yaml, "POST"),
    route(f"{API_REPO}/preupload/{{revision}}", preupload, "POST"),
    route(
        f"{API_REPO}/commit/{{revision}}", commit, "POST", body_limit=COMMIT_BODY_LIMIT, admit=require_committer
    ),
    route(f"{API_REPO}/branch/{{ref}}", create_branch, "POST"),
    route(f"{API_REPO}/branch/{{ref}}", delete_branch, "DELETE"),
    route(f"{API_REPO}/tag/{{ref}}", create_tag, "POST"),
    route(f"{API_REPO}/tag/{{ref}}", delete_tag, "DELETE"),
    route(f"{API_REPO}/super-squash/{{ref}}", squash, "POST"),
]
