"""Discussions and pull requests over HTTP."""

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.discussions.model import DiscussionEvent, Status
from wingman.hub.discussions.pull_requests import Proposal
from wingman.hub.discussions.store import DiscussionFilter
from wingman.hub.discussions.wire import details_json, discussion_json, event_json
from wingman.hub.errors import Invalid
from wingman.hub.http.repos import API_REPO, content_repo_in, repo_in
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.repos.model import Repo, RepoGated

PAGE = 50
_KINDS = {"all": None, "discussion": False, "pull_request": True}
_STATUSES: dict[str, tuple[Status, ...] | None] = {
    "all": None,
    "open": (Status.OPEN, Status.DRAFT),
    "closed": (Status.CLOSED, Status.MERGED),
}


def list_discussions(request: HubRequest) -> Response:
    repo = repo_in(request)
    page = request.number("p", 0, high=1_000_000)
    query = request.query_params
    wanted = DiscussionFilter(
        is_pull_request=_chosen(_KINDS, "type", query.get("type") or "all"),
        statuses=_chosen(_STATUSES, "status", query.get("status") or "all"),
        author=query.get("author"),
    )
    found, count = request.hub.discussions.list(repo, wanted, skip=page * PAGE, limit=PAGE)
    rows = [discussion_json(discussion, repo, base_url=request.base) for discussion in found]
    return JSONResponse({"discussions": rows, "count": count, "start": page * PAGE})


def create(request: HubRequest) -> Response:
    repo, body = repo_in(request), request.json_object
    texts = {"title": _text(body, "title"), "description": str(body.get("description") or "")}
    if body.get("pullRequest"):
        discussion = request.hub.pull_requests.open_draft(request.caller, repo, **texts)
    else:
        discussion = request.hub.discussions.open(request.caller, repo, **texts)
    url = f"{request.base}/{repo.path}/discussions/{discussion.num}"
    answer = {"num": discussion.num, "url": url, "pullRequest": discussion.is_pull_request}
    return JSONResponse(answer, 201)


def details(request: HubRequest) -> Response:
    repo = repo_in(request)
    discussion, events = request.hub.discussions.find(repo, _num(request))
    proposal = None
    if discussion.is_pull_request and request.flag("diff"):
        proposal = _readable_proposal(request, repo, discussion)
    return JSONResponse(details_json(discussion, repo, events, proposal=proposal, base_url=request.base))


def _readable_proposal(request: HubRequest, repo: Repo, discussion: Any) -> Proposal | None:
    try:
        request.hub.repos.require_content(request.caller, repo)
    except RepoGated:
        # The discussion may be read by everybody, the changed files only by those who were let in.
        return None
    return request.hub.pull_requests.proposal(repo, discussion)


def comment(request: HubRequest) -> Response:
    text = _text(request.json_object, "comment")
    event = request.hub.discussions.comment(request.caller, repo_in(request), _num(request), text)
    return _event_answer(request, "newMessage", event, 201)


def edit_comment(request: HubRequest) -> Response:
    event = request.hub.discussions.edit_comment(
        request.caller,
        repo_in(request),
        _num(request),
        request.segment("comment_id"),
        _text(request.json_object, "content"),
    )
    return _event_answer(request, "updatedComment", event)


def hide_comment(request: HubRequest) -> Response:
    event = request.hub.discussions.hide_comment(
        request.caller, repo_in(request), _num(request), request.segment("comment_id")
    )
    return _event_answer(request, "updatedComment", event)


def rename(request: HubRequest) -> Response:
    title = _text(request.json_object, "title")
    event = request.hub.discussions.rename(request.caller, repo_in(request), _num(request), title)
    return _event_answer(request, "newTitle", event)


def set_status(request: HubRequest) -> Response:
    body = request.json_object
    wanted = _text(body, "status")
    try:
        status = Status(wanted)
    except ValueError as error:
        raise Invalid(f"status is {wanted!r}; it must be open or closed.") from error
    event = request.hub.discussions.set_status(
        request.caller, repo_in(request), _num(request), status, comment=body.get("comment")
    )
    return _event_answer(request, "newStatus", event)


def merge(request: HubRequest) -> Response:
    body = request.json_value or {}
    note = body.get("comment") if isinstance(body, dict) else None
    # Merging writes, and shows in its conflicts what files there are: only those who may read them get so far.
    repo = content_repo_in(request)
    commit = request.hub.pull_requests.merge(request.caller, repo, _num(request), comment=note)
    return JSONResponse({"mergeCommitId": commit})


def _event_answer(request: HubRequest, name: str, event: DiscussionEvent, status: int = 200) -> Response:
    return JSONResponse({name: event_json(event, base_url=request.base)}, status)


def _num(request: HubRequest) -> int:
    return int(request.path_params["num"])


def _chosen(choices: dict[str, Any], name: str, value: str) -> Any:
    if value not in choices:
        raise Invalid(f"The parameter {name!r} is {value!r}; it must be one of {', '.join(choices)}.")
    return choices[value]


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise Invalid(f"The request body needs a text {name!r}.")
    return value


_ONE = f"{API_REPO}/discussions/{{num:number}}"

routes: list[Route] = [
    route(f"{API_REPO}/discussions", list_discussions),
    route(f"{API_REPO}/discussions", create, "POST"),
    route(_ONE, details),
    route(f"{_ONE}/comment", comment, "POST"),
    route(f"{_ONE}/comment/{{comment_id}}/edit", edit_comment, "POST"),
    route(f"{_ONE}/comment/{{comment_id}}/hide", hide_comment, "POST"),
    route(f"{_ONE}/title", rename, "POST"),
    route(f"{_ONE}/status", set_status, "POST"),
    route(f"{_ONE}/merge", merge, "POST"),
]
