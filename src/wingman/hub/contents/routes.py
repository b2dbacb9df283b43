"""Reading over HTTP: trees, paths, history, refs, and the files themselves."""

import mimetypes
from typing import Any
from urllib.parse import quote

from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from wingman.hub.contents.model import Entry, OpenedFile
from wingman.hub.errors import Invalid, TooLarge
from wingman.hub.files.model import LargeFile
from wingman.hub.git.store import Ref
from wingman.hub.http.conditions import continues, is_unchanged
from wingman.hub.http.dates import iso
from wingman.hub.http.paging import next_link, number_cursor
from wingman.hub.http.ranges import parse_range
from wingman.hub.http.repos import API_REPO, DOWNLOAD_MARK, content_repo_in, count_download, repo_in
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.repos.model import Repo

MAX_PATHS = 1000
_XET_FILE_INFO = "application/vnd.xet-fileinfo+json"
_PLAIN_PAGE, _EXPANDED_PAGE = 1000, 50


def tree(request: HubRequest) -> Response:
    repo = repo_in(request)
    revision = request.segment("revision")
    path = request.segment("path").strip("/") if "path" in request.path_params else ""
    expand = request.flag("expand")
    page_size = _EXPANDED_PAGE if expand else _PLAIN_PAGE
    limit = request.number("limit", page_size, low=1, high=page_size)
    start = max(0, number_cursor(request) or 0)
    commit, entries = request.hub.contents.tree(repo, revision, path, recursive=request.flag("recursive"))
    page = entries[start : start + limit]
    if expand:
        page = request.hub.contents.describe(repo, commit, page)
    headers = next_link(request, start + limit) if len(entries) > start + limit else {}
    return JSONResponse([entry_json(entry) for entry in page], headers={"X-Repo-Commit": commit, **headers})


def paths_info(request: HubRequest) -> Response:
    repo = repo_in(request)
    paths, expand = _paths_asked(request)
    if len(paths) > MAX_PATHS:
        raise TooLarge(f"{len(paths)} paths were asked for; at most {MAX_PATHS} at once.")
    commit, entries = request.hub.contents.paths(
        repo, request.segment("revision"), paths, last_commits=expand
    )
    return JSONResponse([entry_json(entry) for entry in entries], headers={"X-Repo-Commit": commit})


def _paths_asked(request: HubRequest) -> tuple[list[str], bool]:
    """The Python client sends a form, the JavaScript client JSON."""
    if "json" in request.headers.get("content-type", ""):
        body = request.json_object
        paths, expand = body.get("paths") or [], bool(body.get("expand"))
        if not isinstance(paths, list | str):
            raise Invalid("'paths' must be a list of paths.")
    else:
        form = request.form_fields
        paths = [value for name in ("paths", "paths[]") for value in form.get(name, [])]
        expand = form.get("expand", ["false"])[0].lower() in ("true", "1")
    return [str(path) for path in ([paths] if isinstance(paths, str) else paths)], expand


def entry_json(entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "type": "directory" if entry.is_directory else "file",
        "oid": entry.oid,
        "size": entry.size,
        "path": entry.path,
    }
    if entry.pointer:
        shown["lfs"] = {
            "oid": entry.pointer.sha256,
            "size": entry.size,
            "pointerSize": len(entry.pointer.text),
        }
    if entry.xet_hash:
        shown["xetHash"] = entry.xet_hash
    if entry.last_commit:
        last = entry.last_commit
        shown["lastCommit"] = {"id": last.oid, "title": last.title, "date": iso(last.at)}
    return shown


def commits(request: HubRequest) -> Response:
    repo = repo_in(request)
    revision = request.segment("revision")
    limit = request.number("limit", 50, low=1, high=1000)
    page = request.number("p", 0, high=1_000_000)
    entries, more = request.hub.contents.history(repo, revision, skip=page * limit, limit=limit)
    formatted = "formatted" in request.many("expand")
    rows = []
    for entry in entries:
        row: dict[str, Any] = {
            "id": entry.oid,
            "title": entry.title,
            "message": entry.message,
            "authors": [{"user": entry.author}],
            "date": iso(entry.at),
        }
        if formatted:
            row["formatted"] = {"title": entry.title, "message": entry.message}
        rows.append(row)
    headers = {"X-Total-Count": str(request.hub.contents.num_commits(repo, revision))}
    if more:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "p"]
        query = "&".join(f"{quote(name)}={quote(value)}" for name, value in [*kept, ("p", str(page + 1))])
        headers["Link"] = f'<{request.base}{request.scope["path"]}?{query}>; rel="next"'
    return JSONResponse(rows, headers=headers)


def refs(request: HubRequest) -> Response:
    repo = repo_in(request)
    found = request.hub.contents.refs(repo)
    answer: dict[str, Any] = {
        "branches": _refs_json(found, "refs/heads/"),
        "converts": _refs_json(found, "refs/convert/"),
        "tags": _refs_json(found, "refs/tags/"),
    }
    if request.flag("include_prs"):
        answer["pullRequests"] = _refs_json(found, "refs/pr/")
    return JSONResponse(answer)


def _refs_json(refs: Any, prefix: str) -> list[dict[str, str]]:
    chosen: list[Ref] = [ref for ref in refs if ref.name.startswith(prefix)]
    return [
        {"name": ref.name.removeprefix(prefix), "ref": ref.name, "targetCommit": ref.commit} for ref in chosen
    ]


def tree_size(request: HubRequest) -> Response:
    path = request.segment("path").strip("/") if "path" in request.path_params else ""
    size = request.hub.contents.tree_size(repo_in(request), request.segment("revision"), path)
    return JSONResponse({"path": path, "size": size})


def compare(request: HubRequest) -> Response:
    """`a..b`: from one to the other; `a...b`: what came to `b` since it left `a`."""
    repo, spec = content_repo_in(request), request.segment("spec")
    dots = "..." if "..." in spec else ".."
    before, found, after = spec.partition(dots)
    if not (before and found and after):
        raise Invalid(f"{spec!r} does not name two revisions; write a..b.")
    diff = request.hub.contents.compare(repo, before, after, since_fork=dots == "...")
    return PlainTextResponse(diff)


def resolve(request: HubRequest) -> Response:
    repo = content_repo_in(request)
    file = request.hub.contents.open(repo, request.segment("revision"), request.segment("path"))
    if request.method == "GET" or DOWNLOAD_MARK in request.headers:
        count_download(request, repo)
    return file_response(request, repo, file)


def raw(request: HubRequest) -> Response:
    repo = content_repo_in(request)
    file = request.hub.contents.open_raw(repo, request.segment("revision"), request.segment("path"))
    return file_response(request, repo, file)


def file_response(request: HubRequest, repo: Repo, file: OpenedFile) -> Response:
    """The bytes (or, for HEAD, what describes them), whole or one range."""
    headers = {
        "X-Repo-Commit": file.commit,
        "ETag": f'"{file.etag}"',
        "Accept-Ranges": "bytes",
        "Content-Type": _content_type(file.path),
        # What others uploaded must never run with the rights of these pages.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        "Vary": "Authorization, Cookie, Accept",
    }
    if not request.query_params.get("noContentDisposition"):
        name = file.path.rpartition("/")[2]
        headers["Content-Disposition"] = (
            f"inline; filename*=UTF-8''{quote(name, errors='surrogateescape')}; "
            f'filename="{name.encode("ascii", "replace").decode().replace(chr(34), "_")}";'
        )
    if file.large is not None:
        headers |= {"X-Linked-ETag": f'"{file.large.sha256}"', "X-Linked-Size": str(file.size)}
        if file.large.xet_hash:
            headers |= _xet_headers(request, repo, file, file.large.xet_hash)
            if request.method == "GET" and _XET_FILE_INFO in request.headers.get("accept", ""):
                return _xet_file_info(request, repo, file.large, headers)
    if is_unchanged(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    wanted = request.headers.get("range")
    if not continues(request.headers.get("if-range"), headers["ETag"]):
        wanted = None
    chosen = parse_range(wanted, file.size)
    start, end = (chosen.start, chosen.end) if chosen else (0, file.size)
    if chosen:
        headers["Content-Range"] = chosen.content_range
    elif file.size == 0 and wanted is not None:
        headers["Content-Range"] = "bytes */0"  # where @huggingface/hub 2.17 looks for the size, whatever the status
    headers["Content-Length"] = str(end - start)
    status = 206 if chosen else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if file.large is None:
        assert file.data is not None
        return Response(file.data[start:end], status, headers)
    return StreamingResponse(request.hub.stream_large_file(file.large, start, end), status, headers)


def _xet_headers(request: HubRequest, repo: Repo, file: OpenedFile, xet_hash: str) -> dict[str, str]:
    api = f"{request.base}/api/{repo.scope}"
    return {
        "X-Xet-Hash": xet_hash,
        "Link": f'<{api}/xet-read-token/{file.commit}>; rel="xet-auth"',
    }


def _xet_file_info(request: HubRequest, repo: Repo, file: LargeFile, headers: dict[str, str]) -> Response:
    """Where the chunks are, for those who ask for that and not for the bytes: `@huggingface/hub` does."""
    assert file.xet_hash is not None
    place = request.hub.xet.place_of(request.caller, repo)
    chunks = f"{request.base}{place}/v1/reconstructions/{file.xet_hash}"
    links = f'{headers["Link"]}, <{chunks}>; rel="xet-reconstruction-info"'
    headers.pop("Content-Disposition", None)
    body = {"hash": file.xet_hash, "size": file.size, "reconstructionUrl": chunks}
    return JSONResponse(body, headers={**headers, "Content-Type": _XET_FILE_INFO, "Link": links})


_TEXT_TYPES = {
    ".md",
    ".txt",
    ".py",
    ".yaml",
    ".yml",
    ".toml",
    ".cfg",
    ".ini",
    ".jsonl",
    ".csv",
    ".tsv",
    ".sh",
}


def _content_type(path: str) -> str:
    """A type that a browser shows without running anything."""
    suffix = "." + path.rpartition(".")[2].lower()
    if suffix in _TEXT_TYPES or path.startswith("."):
        return "text/plain; charset=utf-8"
    guessed = mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


_WEB_REPOS = ("/{namespace}/{name}", "/{kind:web_kind}/{namespace}/{name}")

routes: list[Route] = [
    route(f"{API_REPO}/tree/{{revision}}/{{path:path}}", tree),
    route(f"{API_REPO}/tree/{{revision}}", tree),
    route(f"{API_REPO}/paths-info/{{revision}}", paths_info, "POST"),
    route(f"{API_REPO}/commits/{{revision}}", commits),
    route(f"{API_REPO}/refs", refs),
    route(f"{API_REPO}/treesize/{{revision}}/{{path:path}}", tree_size),
    route(f"{API_REPO}/treesize/{{revision}}", tree_size),
    route(f"{API_REPO}/compare/{{spec}}", compare),
    *(route(f"{repo}/resolve/{{revision}}/{{path:path}}", resolve) for repo in reversed(_WEB_REPOS)),
    *(route(f"{repo}/raw/{{revision}}/{{path:path}}", raw) for repo in reversed(_WEB_REPOS)),
]
