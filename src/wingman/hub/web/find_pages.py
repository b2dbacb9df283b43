"""Home, the find pages, the search over everything, and an owner's page."""

import base64
import json
from typing import Any

from starlette.responses import JSONResponse, Response

from wingman.hub.access.model import visibility
from wingman.hub.accounts.model import Organization
from wingman.hub.http.paging import pair_cursor
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.repos.store import RepoFilter, sort_value
from wingman.hub.web.counted import Counted
from wingman.hub.web.finding import SORTS, Search, build_facets, facet_prefixes, parse_search
from wingman.hub.web.page import PAGE_HEADERS, PageRequest, page, show

PAGE_SIZE = 30
_JUMP_SIZE = 5
_TRENDING_SIZE = 5
_FRESH_SIZE = 9
COUNT_PATIENCE_S = 0.06
"""For so long a list waits for its facets; then it is shown without, and the page asks again by itself."""
_counts: Counted[tuple[Any, Any, int]] = Counted()


def home(request: PageRequest) -> Response:
    lists = {kind: _page(request, kind, limit=_TRENDING_SIZE) for kind in RepoKind}
    # What nobody has asked for yet is new, not trending.
    trending = {kind: [repo for repo in repos if repo.trending > 0] for kind, repos in lists.items()}
    fresh = sorted(
        (repo for kind in RepoKind for repo in _page(request, kind, sort="lastModified", limit=_FRESH_SIZE)),
        key=lambda repo: repo.updated_at,
        reverse=True,
    )
    user = request.caller.user
    mine = _owned(request, user.name, limit=8) if user else []
    flights = request.hub.flights.page(request.caller, owner=user.name, limit=5) if user else []
    return show(
        request,
        "home.html",
        trending={kind: repos for kind, repos in trending.items() if repos},
        fresh=fresh[:_FRESH_SIZE],
        mine=mine,
        flights=flights,
        is_empty=not any(lists.values()),
    )


def _owned(request: PageRequest, name: str, *, limit: int) -> list[Repo]:
    found = [
        repo
        for kind in RepoKind
        for repo in _page(request, kind, namespace=name, sort="lastModified", limit=limit)
    ]
    return sorted(found, key=lambda repo: repo.updated_at, reverse=True)[:limit]


def _page(request: PageRequest, kind: RepoKind, **wanted: Any) -> list[Repo]:
    return list(
        request.hub.repos.page(RepoFilter(kind=kind, visible_to=visibility(request.caller), **wanted))
    )


def find(request: PageRequest) -> Response:
    search = parse_search(request.path_params["kind"], request.query_params)
    cursor = pair_cursor(request, float)
    wanted = RepoFilter(
        kind=search.kind,
        visible_to=visibility(request.caller),
        text=search.words,
        namespace=search.chosen.get("owner"),
        tags=search.tags,
        sort=search.sort,
        limit=PAGE_SIZE + 1,
        after=cursor,
    )
    found = request.hub.repos.page(wanted)
    repos = found[:PAGE_SIZE]
    counted = _counted(request, search)
    counts, owners, number = counted or ({}, {}, None)
    more = ""
    if len(found) > PAGE_SIZE:
        after = json.dumps([sort_value(repos[-1], search.sort), repos[-1].id])
        more = search.address(cursor=base64.urlsafe_b64encode(after.encode()).decode())
    return show(
        request,
        "find.html",
        search=search,
        kind=search.kind,
        repos=repos,
        number=number,
        facets=build_facets(search, counts, owners),
        sorts=SORTS,
        more=more,
        first=search.address() if cursor else "",
    )


def _counted(request: PageRequest, search: Search) -> tuple[Any, Any, int] | None:
    """Tags, owners and the number of what is found; None where that is still being counted."""
    visible_to = visibility(request.caller)
    wanted = RepoFilter(
        kind=search.kind,
        visible_to=visible_to,
        text=search.words,
        namespace=search.chosen.get("owner"),
        tags=search.tags,
    )
    repos = request.hub.repos
    # The service is part of the key: tests and embedders run more than one Hub in a process.
    return _counts.get(
        (id(repos), wanted),
        lambda: repos.survey(wanted, facet_prefixes(search.kind), limit=200),
        patience_s=COUNT_PATIENCE_S,
    )


def search_everything(request: PageRequest) -> Response:
    words = tuple(request.query("q").split())[:8]
    found = {kind: _page(request, kind, text=words, limit=8) for kind in RepoKind} if words else {}
    return show(
        request,
        "search.html",
        query=request.query("q"),
        found={kind: repos for kind, repos in found.items() if repos},
    )


def jump(request: PageRequest) -> Response:
    """What the jump box shows while one types: names first, then cards."""
    words = tuple(request.query("q").split())[:8]
    repos: dict[tuple[RepoKind, str], Repo] = {}
    for condition in ("search", "text") if words else ():
        for kind in RepoKind:
            for repo in _page(request, kind, limit=_JUMP_SIZE, **{condition: words}):
                repos.setdefault((kind, repo.full_name), repo)
    answers = [
        {"kind": repo.kind.value, "name": repo.full_name, "href": f"/{repo.path}"} for repo in repos.values()
    ]
    return JSONResponse(answers[:12], headers={**PAGE_HEADERS, "Vary": "Cookie"})


def account(request: PageRequest) -> Response:
    """A user's or an organisation's page."""
    owner = request.hub.accounts.find(request.segment("name"))
    repos = {
        kind: _page(request, kind, namespace=owner.name, sort="lastModified", limit=12) for kind in RepoKind
    }
    is_organization = isinstance(owner, Organization)
    return show(
        request,
        "account.html",
        owner=owner,
        is_organization=is_organization,
        repos={kind: found for kind, found in repos.items() if found},
        counts={kind: request.hub.repos.num_repos(request.caller, owner.id, kind) for kind in RepoKind},
        members=request.hub.accounts.members(owner.id) if is_organization else [],
        memberships=[] if is_organization else request.hub.accounts.memberships(owner.id),
    )


_AVATAR_HUES = ("#0072b2", "#a34100", "#00775a", "#7b2d83", "#8a6100", "#47515d")


def avatar(request: PageRequest) -> Response:
    """A letter on a colour, both taken from the name: the same for every name, whether anybody has it or not."""
    name = request.segment("name")
    letter = next((char for char in name if char.isalnum() and char.isascii()), "?").upper()
    hue = _AVATAR_HUES[sum(name.lower().encode()) % len(_AVATAR_HUES)]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="40" height="40">'
        f'<rect width="40" height="40" fill="{hue}"/><text x="20" y="27.500" font-family="sans-serif" font-size="20" '
        f'font-weight="600" text-anchor="middle" fill="#fff">{letter}</text></svg>'
    )
    return Response(svg, headers={"Cache-Control": "public, max-age=86400"}, media_type="image/svg+xml")


routes = [
    page("/", home),
    page("/{kind:repo_kind}", find),
    page("/search", search_everything),
    page("/search/jump.json", jump),
    page("/avatars/{name}.svg", avatar),
]
account_routes = [page("/{name}", account)]
"""Last of all: it matches every single segment."""
