"""The life of repositories over HTTP: create, delete, move, settings, info, lists."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import Permission, require_user, visibility
from wingman.hub.contents.model import Entry
from wingman.hub.errors import Invalid
from wingman.hub.git.revisions import EntryMissing
from wingman.hub.http.dates import iso
from wingman.hub.http.fields import optional, text
from wingman.hub.http.paging import next_link, number_cursor, pair_cursor
from wingman.hub.http.repos import API_REPO, repo_in
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.json_text import load_json
from wingman.hub.repos.model import Repo, RepoId, RepoKind
from wingman.hub.repos.store import RepoFilter, sort_value
from wingman.hub.repos.tag_types import tag_type
from wingman.hub.repos.wire import (
    FULL_LIST_FIELDS,
    Related,
    check_expand,
    info_json,
    list_json,
    looked_up_json,
)

MAX_PAGE = 1000
MAX_SPACES = 100
MAX_CONDITIONS = 100
"""Each word and each tag that a list is narrowed by is a part of the question to the database."""
_MAX_CONFIG_BYTES = 1 << 20


def create(request: HubRequest) -> Response:
    body = request.json_object
    require_user(request.caller)
    repo = request.hub.repos.create(
        request.caller,
        kind=_kind(body.get("type")),
        name=text(body, "name"),
        namespace=optional(body, "organization", str) or None,
        private=_privacy(body),
        sdk=optional(body, "sdk", str),
        licence=optional(body, "license", str),
        files=_initial_files(body),
    )
    return JSONResponse(
        {"url": f"{request.base}/{repo.path}", "name": repo.full_name, "id": f"{repo.id:024x}"}
    )


def delete(request: HubRequest) -> Response:
    body = request.json_object
    namespace = optional(body, "organization", str) or require_user(request.caller).name
    request.hub.repos.delete(request.caller, _kind(body.get("type")), f"{namespace}/{text(body, 'name')}")
    return JSONResponse({})


def move(request: HubRequest) -> Response:
    body = request.json_object
    repo = request.hub.repos.move(
        request.caller, _kind(body.get("type")), text(body, "fromRepo"), text(body, "toRepo")
    )
    return JSONResponse({"url": f"{request.base}/{repo.path}"})


def duplicate(request: HubRequest) -> Response:
    body = request.json_object
    repo = request.hub.repos.duplicate(
        request.caller, repo_in(request), text(body, "repository"), private=_privacy(body)
    )
    return JSONResponse(
        {"url": f"{request.base}/{repo.path}", "id": repo.full_name, "filesCopyPending": False}
    )


def holdings(request: HubRequest) -> Response:
    """What one's own namespace, or an organisation's, holds and how large it is."""
    user = require_user(request.caller)
    name = request.segment("owner") if "owner" in request.path_params else user.name
    found, total = request.hub.repos.holdings(request.caller, name, after=_after(request), limit=MAX_PAGE + 1)
    rows = [
        {
            "id": repo.full_name,
            "type": repo.kind.value,
            "updatedAt": iso(repo.updated_at),
            "visibility": "private" if repo.private else "public",
            "storage": repo.facts.used_bytes,
            "storagePercent": 100 * repo.facts.used_bytes / total if total else 0,
        }
        for repo in found[:MAX_PAGE]
    ]
    headers = next_link(request, found[MAX_PAGE - 1].id) if len(found) > MAX_PAGE else {}
    return JSONResponse(rows, headers=headers)


def _after(request: HubRequest) -> RepoId | None:
    cursor = number_cursor(request)
    return None if cursor is None else RepoId(cursor)


def tags_by_type(request: HubRequest) -> Response:
    groups: dict[str, list[dict[str, str]]] = {}
    for tag in request.hub.repos.tags(request.caller, request.path_params["kind"], limit=MAX_PAGE):
        kind = tag_type(tag)
        label = tag.partition(":")[2] if tag.startswith(f"{kind}:") else tag
        groups.setdefault(kind, []).append({"id": tag, "label": label, "type": kind})
    return JSONResponse(groups)


def settings(request: HubRequest) -> Response:
    body = request.json_object
    repo = repo_in(request)
    changed = request.hub.repos.configure(
        request.caller,
        repo.kind,
        repo.full_name,
        private=_privacy(body),
        gated=(body["gated"] or "") if "gated" in body else None,
        discussions_disabled=optional(body, "discussionsDisabled", bool),
    )
    return JSONResponse(
        {
            "private": changed.private,
            "visibility": "private" if changed.private else "public",
            "gated": changed.gated or False,
            "discussionsDisabled": changed.discussions_disabled,
        }
    )


def auth_check(request: HubRequest) -> Response:
    request.hub.repos.require_content(request.caller, repo_in(request))
    return JSONResponse({})


def auth_check_write(request: HubRequest) -> Response:
    repo_in(request, Permission.REPO_CONTENT_WRITE)
    return JSONResponse({})


def info(request: HubRequest) -> Response:
    repo = repo_in(request)
    expand = list(dict.fromkeys(request.many("expand")))  # each may be a walk through the files
    check_expand(repo.kind, expand)
    revision = request.segment("revision") if "revision" in request.path_params else "main"
    if "revision" not in request.path_params and repo.head is None:
        return JSONResponse(
            info_json(
                repo,
                sha=None,
                config={},
                siblings=list,
                with_sizes=False,
                expand=expand,
                safetensors=dict,
                related=_related(request, repo),
            )
        )
    sha = request.hub.contents.resolve(repo, revision)
    return JSONResponse(
        info_json(
            repo,
            sha=sha,
            config=_config(request, repo, sha) if not expand or _needs_config(expand) else {},
            siblings=lambda: _files(request, repo, sha),
            with_sizes=request.flag("blobs"),
            expand=expand,
            safetensors=lambda: _safetensors(request, repo, sha),
            related=_related(request, repo),
        )
    )


def _related(request: HubRequest, repo: Repo) -> Related:
    """Counted among what this caller may see."""
    if repo.kind is not RepoKind.MODEL:
        return {}
    service, caller = request.hub.repos, request.caller
    return {
        "spaces": lambda: [space.full_name for space in service.spaces_with(caller, repo, limit=MAX_SPACES)],
        "childrenModelCount": lambda: service.num_children(caller, repo),
    }


def _files(request: HubRequest, repo: Repo, sha: str) -> list[Entry]:
    _, entries = request.hub.contents.tree(repo, sha, recursive=True)
    return [entry for entry in entries if not entry.is_directory]


def _needs_config(fields: Sequence[str]) -> bool:
    return "config" in fields or "transformersInfo" in fields


def _config(request: HubRequest, repo: Repo, sha: str) -> Mapping[str, Any]:
    if repo.kind is not RepoKind.MODEL:
        return {}
    try:
        file = request.hub.contents.open(repo, sha, "config.json")
    except EntryMissing:
        return {}
    try:
        value = load_json(file.data) if file.data is not None and file.size <= _MAX_CONFIG_BYTES else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _safetensors(request: HubRequest, repo: Repo, sha: str) -> Mapping[str, Any] | None:
    counts = request.hub.weights.count(repo, sha)
    return {"parameters": counts, "total": sum(counts.values())} if counts else None


def list_repos(request: HubRequest) -> Response:
    kind = request.path_params["kind"]
    query = request.query_params
    expand = list(dict.fromkeys(request.many("expand")))  # each may be a walk through the files
    check_expand(kind, expand)
    _require_known_filters(request, kind)
    limit = request.number("limit", MAX_PAGE, low=1, high=MAX_PAGE)
    wanted = RepoFilter(
        kind=kind,
        visible_to=visibility(request.caller),
        search=tuple(word for words in request.many("search") for word in words.split()),
        namespace=query.get("author"),
        tags=_tags(request),
        gated=request.flag("gated") if "gated" in query else None,
        parameters=_parameters(request),
        is_linked=request.flag("linked"),
        sort=query.get("sort") or "trendingScore",
        ascending=query.get("direction") == "1",
        limit=limit + 1,
        after=pair_cursor(request, float),
    )
    if (num_conditions := len(wanted.search) + len(wanted.tags)) > MAX_CONDITIONS:
        raise Invalid(f"A list is narrowed by {MAX_CONDITIONS} words and tags at most; {num_conditions} were given.")
    is_elsewhere = any(request.many(name) for name in ("inference", "inference_provider"))
    found = [] if is_elsewhere else request.hub.repos.page(wanted)  # no provider serves what lies here
    page = found[:limit]
    fields = expand or _fields_of_flags(request)
    rows = [
        list_json(repo, fields=fields, expanded=bool(expand)) | _looked_up(request, repo, fields)
        for repo in page
    ]
    headers = (
        next_link(request, [sort_value(page[-1], wanted.sort), page[-1].id]) if len(found) > limit else {}
    )
    return JSONResponse(rows, headers=headers)


def _fields_of_flags(request: HubRequest) -> list[str]:
    """What a list shows beyond its usual fields, for the clients that do not `expand`."""
    fields = list(
        FULL_LIST_FIELDS if request.flag("full") else ("cardData",) if request.flag("cardData") else ()
    )
    return [*fields, "config"] if request.flag("config") else fields


def _looked_up(request: HubRequest, repo: Repo, fields: Sequence[str]) -> dict[str, Any]:
    """What a row of a list tells of the files at the head of `main`, and of other repositories."""
    sha = repo.head
    if sha is None:
        return {"siblings": []} if "siblings" in fields else {}
    return looked_up_json(
        repo,
        fields=fields,
        config=_config(request, repo, sha) if _needs_config(fields) else {},
        siblings=lambda: _files(request, repo, sha),
        safetensors=lambda: _safetensors(request, repo, sha),
        related=_related(request, repo),
    )


_NOT_KNOWN_HERE = {
    "apps": "which local apps can run a model; filter by tags, such as gguf or safetensors, instead",
}


_PARAMETERS = re.compile(r"(min|max):(\d+(?:\.\d+)?)([KMBT]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


def _require_known_filters(request: HubRequest, kind: RepoKind) -> None:
    """Raises `Invalid`: a filter that is passed over would be answered with what was not asked for."""
    if kind is not RepoKind.MODEL and request.many("num_parameters"):
        raise Invalid("num_parameters narrows lists of models only.")
    for name, what in _NOT_KNOWN_HERE.items():
        if request.many(name):
            raise Invalid(f"This Hub cannot filter by {name!r}: it does not know {what}.")


def _parameters(request: HubRequest) -> tuple[int | None, int | None] | None:
    """`num_parameters=min:6B,max:128B` as numbers."""
    given = ",".join(request.many("num_parameters"))
    if not given:
        return None
    bounds: dict[str, int] = {}
    for part in given.split(","):
        match = _PARAMETERS.fullmatch(part.strip())
        if match is None:
            raise Invalid(f"num_parameters is {given!r}; it must be like min:6B,max:128B, with K, M, B or T.")
        number = min(Decimal(match[2]) * _UNITS[match[3].upper()], Decimal(2**63 - 1))
        bounds[match[1].lower()] = int(number)
    return bounds.get("min"), bounds.get("max")


def _tags(request: HubRequest) -> tuple[str, ...]:
    """`filter` and the older parameters that mean a tag too."""
    tags = [tag for value in request.many("filter") for tag in value.split(",") if tag]
    tags += [
        value for name in ("pipeline_tag", "library", "sdk") if (value := request.query_params.get(name))
    ]
    tags += [f"dataset:{value}" for value in request.many("trained_dataset") + request.many("datasets")]
    tags += [f"model:{value}" for value in request.many("models")]
    return tuple(tags)


def _kind(value: Any) -> RepoKind:
    try:
        return RepoKind(value or "model")
    except ValueError as error:
        raise Invalid(f"type is {value!r}; it must be model, dataset or space.") from error


def _privacy(body: Mapping[str, Any]) -> bool | None:
    visible = body.get("visibility")
    if visible is not None:
        if visible not in ("public", "private", "protected"):
            raise Invalid(f"visibility is {visible!r}; it must be public, private or protected.")
        return visible != "public"
    private = body.get("private")
    if private is not None and not isinstance(private, bool):
        raise Invalid(f"private is {private!r}; it must be true or false.")
    return private


def _initial_files(body: Mapping[str, Any]) -> dict[str, bytes]:
    from wingman.hub.commits.routes import decoded  # commits' routes build on these

    files = optional(body, "files", list) or []
    if not all(isinstance(item, dict) for item in files):
        raise Invalid("'files' must be a list of objects.")
    return {text(item, "path"): decoded(item) for item in files}


routes: list[Route] = [
    route("/api/repos/create", create, "POST"),
    route("/api/repos/delete", delete, "DELETE"),
    route("/api/repos/move", move, "POST"),
    route("/api/settings/repositories", holdings),
    route("/api/organizations/{owner}/settings/repositories", holdings),
    route("/api/{kind:repo_kind}-tags-by-type", tags_by_type),
    route("/api/{kind:repo_kind}", list_repos),
    route(f"{API_REPO}/duplicate", duplicate, "POST"),
    route(f"{API_REPO}/settings", settings, "PUT"),
    route(f"{API_REPO}/auth-check", auth_check),
    route(f"{API_REPO}/auth-check/write", auth_check_write),
    route(f"{API_REPO}/revision/{{revision}}", info),
    route(API_REPO, info),
]
