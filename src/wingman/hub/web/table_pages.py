"""The rows of a dataset: paging, sorting, searching, and what each column looks like."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from wingman.hub.errors import HubError
from wingman.hub.viewer.model import (
    QueryTooSlow,
    RowsPage,
    RowsQuery,
    StillPreparing,
    Table,
    TableFacts,
    TableUnreadable,
)
from wingman.hub.web.page import PageRequest, show
from wingman.hub.web.repo_pages import both, readable_repo_page
from wingman.hub.web.templating import segment_quote

ROWS_A_PAGE = 50
MAX_COUNTED = 10_000
MAX_TABS = 40


def viewer(request: PageRequest) -> Response:
    shown = readable_repo_page(request)
    revision = request.segment("revision") if "revision" in request.path_params else "main"
    service = request.hub.viewer
    tables = service.list_tables(shown.repo, revision)
    values: dict[str, Any] = {"tab": "viewer", "shown": shown, "repo": shown.repo, "revision": revision}
    values["tables"] = tables
    if not tables:
        return show(request, "rows.html", table=None, problem="", **values)
    table = service.find_table(shown.repo, revision, request.query("file") or tables[0].path)
    num_rows = _known_rows(request, tables[:MAX_TABS])
    values |= {"table": table, "num_rows": num_rows}
    try:
        facts = service.facts(shown.repo, revision, table)
        num_rows[table.path] = facts.num_rows
    except StillPreparing:
        return show(request, "rows_preparing.html", headers={"Refresh": "2"}, **values)
    except HubError as error:
        return show(request, "rows.html", 422, problem=str(error), facts=None, **values)
    query = _query(request, facts)
    problem = ""
    try:
        page = service.rows(table, facts, query)
    except QueryTooSlow as error:
        page, problem = RowsPage((), 0), str(error)
    address = shown.address + "/viewer" + ("" if revision == "main" else f"/{segment_quote(revision)}")
    return show(
        request,
        "rows.html",
        problem=problem,
        facts=facts,
        query=query,
        page=page,
        address=address,
        links=_links(address, table.path, query, facts, page),
        has_more_found=bool(query.search) and page.num_found > MAX_COUNTED,
        **values,
    )


def _known_rows(request: PageRequest, tables: Sequence[Table]) -> dict[str, int]:
    """The number of rows of each table that was looked at before."""
    known = {}
    for table in tables:
        with suppress(TableUnreadable):
            if facts := request.hub.viewer.known_facts(table):
                known[table.path] = facts.num_rows
    return known


def _query(request: PageRequest, facts: TableFacts) -> RowsQuery:
    sort = request.query("sort")
    return RowsQuery(
        sort=sort if any(column.name == sort for column in facts.columns) else "",
        descending=request.query("order") == "desc",
        search=request.query("q").strip()[:200],
        offset=request.number("from", 0, high=10**12),
        limit=ROWS_A_PAGE,
    )


def _links(address: str, path: str, query: RowsQuery, facts: TableFacts, page: RowsPage) -> dict[str, object]:
    """Every state of the viewer is an address."""

    def link(**changes: object) -> str:
        state: dict[str, object] = {
            "file": path,
            "q": query.search,
            "sort": query.sort,
            "order": "desc" if query.descending else "",
            "from": query.offset,
            **changes,
        }
        return f"{address}?{urlencode([(name, value) for name, value in state.items() if value])}"

    sorts = {}
    for column in facts.columns:
        if column.kind == "nested":
            continue
        is_sorted = query.sort == column.name
        if is_sorted and query.descending:
            sorts[column.name] = link(sort="", order="", **{"from": 0})
        else:
            sorts[column.name] = link(sort=column.name, order="desc" if is_sorted else "", **{"from": 0})
    has_more = len(page.rows) == ROWS_A_PAGE and query.offset + ROWS_A_PAGE < max(
        page.num_found, MAX_COUNTED + 1
    )
    if not query.search:
        has_more = query.offset + ROWS_A_PAGE < facts.num_rows
    return {
        "sorts": sorts,
        "newer": link(**{"from": max(0, query.offset - ROWS_A_PAGE)}) if query.offset else "",
        "older": link(**{"from": query.offset + ROWS_A_PAGE}) if has_more else "",
        "first": link(**{"from": 0}) if query.offset else "",
        "last": link(**{"from": (facts.num_rows - 1) // ROWS_A_PAGE * ROWS_A_PAGE})
        if not query.search
        else "",
    }


routes: list[Route] = [*both("/viewer/{revision}", viewer), *both("/viewer", viewer)]
