"""Collections over HTTP. Source: reference of the wire contract, section 11."""

import html
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.collections.model import Collection, FilledCollection, Item, ItemKind
from wingman.hub.collections.service import CollectionQuery, NewItem
from wingman.hub.errors import Invalid
from wingman.hub.http.dates import iso
from wingman.hub.http.fields import optional
from wingman.hub.http.paging import next_link, pair_cursor
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.ids import wire_id
from wingman.hub.repos.wire import list_json

MAX_PAGE = 100
ITEMS_IN_LISTS = 4
"""Rows of a list show this many; the collection itself shows all."""


def list_collections(request: HubRequest) -> Response:
    limit = request.number("limit", MAX_PAGE, low=1, high=MAX_PAGE)
    query = CollectionQuery(
        owners=tuple(request.many("owner")),
        items=tuple(request.many("item")),
        search=request.query_params.get("q") or "",
        sort=request.query_params.get("sort") or "lastModified",
        limit=limit + 1,
        after=pair_cursor(request, int),
    )
    found = request.hub.collections.list(request.caller, query)
    headers = {}
    if len(found) > limit:
        last = found[limit - 1].collection
        headers = next_link(request, [int(last.updated_at.timestamp() * 1000), last.id])
    rows = [_row_json(item, base_url=request.base) for item in found[:limit]]
    return JSONResponse(rows, headers=headers)


def create(request: HubRequest) -> Response:
    body = request.json_object
    title = body.get("title")
    if not isinstance(title, str):
        raise Invalid("The request body needs a text 'title'.")
    created = request.hub.collections.create(
        request.caller,
        title=title,
        namespace=optional(body, "namespace", str),
        description=str(body.get("description") or ""),
        private=bool(body.get("private")),
        item=_new_item(body) if body.get("item") else None,
    )
    return JSONResponse(_collection_json(created, base_url=request.base))


def details(request: HubRequest) -> Response:
    found = request.hub.collections.find(request.caller, _slug(request))
    return JSONResponse(_collection_json(found, base_url=request.base))


def update(request: HubRequest) -> Response:
    body = request.json_object
    changed = request.hub.collections.update(
        request.caller,
        _slug(request),
        title=optional(body, "title", str),
        description=optional(body, "description", str),
        private=optional(body, "private", bool),
        theme=optional(body, "theme", str),
        position=optional(body, "position", int),
    )
    return JSONResponse({"success": True, "data": _collection_json(changed, base_url=request.base)})


def delete(request: HubRequest) -> Response:
    request.hub.collections.delete(request.caller, _slug(request))
    return JSONResponse({})


def add_item(request: HubRequest) -> Response:
    changed = request.hub.collections.add_item(request.caller, _slug(request), _new_item(request.json_object))
    return JSONResponse(_collection_json(changed, base_url=request.base))


def update_item(request: HubRequest) -> Response:
    body = request.json_object
    request.hub.collections.update_item(
        request.caller,
        _slug(request),
        request.segment("item_id"),
        note=optional(body, "note", str),
        position=optional(body, "position", int),
    )
    return JSONResponse({"success": True})


def remove_item(request: HubRequest) -> Response:
    request.hub.collections.remove_item(request.caller, _slug(request), request.segment("item_id"))
    return JSONResponse({"success": True})


def _collection_json(filled: FilledCollection, *, base_url: str) -> dict[str, Any]:
    answer = _head_json(filled.collection, base_url=base_url)
    answer["position"] = filled.collection.position
    answer["items"] = [
        _item_json(item, position, base_url=base_url) for position, item in enumerate(filled.items)
    ]
    return answer


def _row_json(filled: FilledCollection, *, base_url: str) -> dict[str, Any]:
    """Without a position: clients number the rows themselves."""
    answer = _head_json(filled.collection, base_url=base_url)
    answer["items"] = [
        _item_json(item, position, base_url=base_url)
        for position, item in enumerate(filled.items[:ITEMS_IN_LISTS])
    ]
    return answer


def _head_json(collection: Collection, *, base_url: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "slug": collection.slug,
        "title": collection.title,
        "owner": {
            "name": collection.owner,
            "avatarUrl": f"{base_url}/avatars/{collection.owner}.svg",
        },
        "lastUpdated": iso(collection.updated_at),
        "private": collection.private,
        "gating": False,
        "theme": collection.theme,
        "upvotes": 0,
    }
    if collection.description:
        answer["description"] = collection.description
    return answer


def _item_json(item: Item, position: int, *, base_url: str) -> dict[str, Any]:
    """`position` counts what the caller sees."""
    if item.repo is not None:
        answer = list_json(item.repo, fields=(), expanded=False)
    else:
        assert item.collection is not None
        answer = _head_json(item.collection, base_url=base_url) | {"id": wire_id(item.collection.id)}
    answer |= {"_id": wire_id(item.id), "type": item.kind.value, "position": position}
    if item.note:
        answer["note"] = {"text": item.note, "html": html.escape(item.note)}
    return answer


def _new_item(body: dict[str, Any]) -> NewItem:
    item = body.get("item")
    if not isinstance(item, dict) or not isinstance(item.get("id"), str):
        raise Invalid('The request body needs an \'item\': {"id", "type"}.')
    try:
        kind = ItemKind(str(item.get("type")))
    except ValueError as error:
        known = ", ".join(ItemKind)
        raise Invalid(f"A collection here holds {known}; {item.get('type')!r} was given.") from error
    return NewItem(kind, item["id"], str(body.get("note") or ""))


def _slug(request: HubRequest) -> str:
    return f"{request.segment('namespace')}/{request.segment('slug')}"


_ONE = "/api/collections/{namespace}/{slug}"

routes: list[Route] = [
    route("/api/collections", list_collections),
    route("/api/collections", create, "POST"),
    route(_ONE, details),
    route(_ONE, update, "PATCH"),
    route(_ONE, delete, "DELETE"),
    route(f"{_ONE}/items", add_item, "POST"),
    route(f"{_ONE}/items/{{item_id}}", update_item, "PATCH"),
    route(f"{_ONE}/items/{{item_id}}", remove_item, "DELETE"),
]
