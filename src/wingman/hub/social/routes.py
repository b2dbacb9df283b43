"""Likes and followers over HTTP."""

from collections.abc import Callable, Sequence

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.access.model import require_user
from wingman.hub.accounts.model import Organization, User
from wingman.hub.accounts.store import AccountMissing
from wingman.hub.accounts.wire import user_json
from wingman.hub.http.dates import iso
from wingman.hub.http.paging import next_link, number_cursor
from wingman.hub.http.repos import API_REPO, repo_in
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.repos.model import RepoMissing
from wingman.hub.social.model import Fan

MAX_PAGE = 1000


def like(request: HubRequest) -> Response:
    request.hub.social.like(request.caller, repo_in(request))
    return JSONResponse({})


def unlike(request: HubRequest) -> Response:
    request.hub.social.unlike(request.caller, repo_in(request))
    return JSONResponse({})


def bare_name(request: HubRequest) -> Response:
    """Clients still ask for repositories without a namespace; here all have one."""
    require_user(request.caller)
    raise RepoMissing(request.path_params["kind"], request.segment("name"))


def likers(request: HubRequest) -> Response:
    repo = repo_in(request)
    return _fans(request, lambda after, limit: request.hub.social.likers(repo, after=after, limit=limit))


def likes(request: HubRequest) -> Response:
    limit = request.number("limit", MAX_PAGE, low=1, high=MAX_PAGE)
    found = request.hub.social.likes(
        request.caller, request.segment("name"), after=number_cursor(request), limit=limit + 1
    )
    rows = [
        {"createdAt": iso(item.at), "repo": {"name": item.repo.full_name, "type": item.repo.kind.value}}
        for item in found[:limit]
    ]
    return JSONResponse(rows, headers=next_link(request, found[limit - 1].id) if len(found) > limit else {})


def follow(request: HubRequest) -> Response:
    request.hub.social.follow(request.caller, _account(request))
    return JSONResponse({})


def unfollow(request: HubRequest) -> Response:
    request.hub.social.unfollow(request.caller, _account(request))
    return JSONResponse({})


def followers(request: HubRequest) -> Response:
    account = _account(request)
    return _fans(
        request, lambda after, limit: request.hub.social.followers(account, after=after, limit=limit)
    )


def following(request: HubRequest) -> Response:
    account = _account(request)
    assert isinstance(account, User)
    return _fans(
        request, lambda after, limit: request.hub.social.following(account, after=after, limit=limit)
    )


def _fans(request: HubRequest, find: Callable[[int | None, int], Sequence[Fan]]) -> Response:
    limit = request.number("limit", MAX_PAGE, low=1, high=MAX_PAGE)
    found = find(number_cursor(request), limit + 1)
    rows = [user_json(fan.user, base_url=request.base) for fan in found[:limit]]
    return JSONResponse(rows, headers=next_link(request, found[limit - 1].id) if len(found) > limit else {})


def _account(request: HubRequest) -> User | Organization:
    """The user or organisation that the path names. Raises `AccountMissing`."""
    name = request.segment("name")
    account = request.hub.accounts.find(name)
    wanted = Organization if request.scope["path"].startswith("/api/organizations/") else User
    if not isinstance(account, wanted):
        raise AccountMissing(name)
    return account


routes: list[Route] = [
    route(f"{API_REPO}/like", like, "POST"),
    route(f"{API_REPO}/like", unlike, "DELETE"),
    route("/api/{kind:repo_kind}/{name}/like", bare_name, "POST", "DELETE"),
    route(f"{API_REPO}/likers", likers),
    route("/api/users/{name}/likes", likes),
    route("/api/users/{name}/followers", followers),
    route("/api/users/{name}/following", following),
    route("/api/organizations/{name}/followers", followers),
    route("/api/users/{name}/follow", follow, "POST"),
    route("/api/users/{name}/follow", unfollow, "DELETE"),
    route("/api/organizations/{name}/follow", follow, "POST"),
    route("/api/organizations/{name}/follow", unfollow, "DELETE"),
]
