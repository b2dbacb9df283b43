"""All pages, in the order in which addresses are tried: fixed ones, repositories, and last whoever owns a name."""

from starlette.routing import BaseRoute

from wingman.hub.http import convertors  # noqa: F401 - registers `repo_kind` and `web_kind`
from wingman.hub.http.requests import route
from wingman.hub.web import (
    account_pages,
    change_pages,
    docs_pages,
    file_pages,
    find_pages,
    flight_pages,
    repo_pages,
    session_pages,
    table_pages,
)
from wingman.hub.web.assets import serve_asset

fixed: list[BaseRoute] = [
    route("/static/{name:path}", serve_asset),
    *session_pages.routes,
    *account_pages.routes,
    *docs_pages.routes,
    *flight_pages.routes,
    *find_pages.routes,
]
of_repositories: list[BaseRoute] = [
    *change_pages.routes,
    *table_pages.routes,
    *flight_pages.repo_routes,
    *file_pages.routes,
    *repo_pages.routes,
    *find_pages.account_routes,
]
routes: list[BaseRoute] = [*fixed, *of_repositories]
