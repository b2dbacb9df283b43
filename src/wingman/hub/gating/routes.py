"""Access requests over HTTP."""

from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wingman.hub.errors import Invalid
from wingman.hub.gating.model import AccessRequest, AccessStatus
from wingman.hub.http.dates import iso
from wingman.hub.http.fields import optional
from wingman.hub.http.paging import next_link, number_cursor
from wingman.hub.http.repos import API_REPO, repo_in
from wingman.hub.http.requests import HubRequest, route
from wingman.hub.ids import number_of, wire_id

MAX_PAGE = 1000


def ask(request: HubRequest) -> Response:
    if request.headers.get("content-type", "").startswith("application/json"):
        fields: dict[str, Any] = request.json_object
    else:
        fields = {name: values[-1] for name, values in request.form_fields.items()}
    asked = request.hub.access_requests.ask(request.caller, repo_in(request), fields)
    return JSONResponse({"requestId": wire_id(asked.id), "status": asked.status.value})


def list_requests(request: HubRequest) -> Response:
    limit = request.number("limit", MAX_PAGE, low=1, high=MAX_PAGE)
    status = _status(request.segment("status"))
    found = request.hub.access_requests.list(
        request.caller, repo_in(request), status, after=number_cursor(request), limit=limit + 1
    )
    headers = next_link(request, found[limit - 1].id) if len(found) > limit else {}
    rows = [_request_json(item, base_url=request.base) for item in found[:limit]]
    return JSONResponse(rows, headers=headers)


def handle(request: HubRequest) -> Response:
    body = request.json_object
    request_id = body.get("requestId")
    if not body.get("user") and not request_id:
        raise Invalid("The request body needs a 'user' or a 'requestId'.")
    request.hub.access_requests.handle(
        request.caller,
        repo_in(request),
        _status(body.get("status")),
        user_name=optional(body, "user", str) or None,
        request_id=number_of(str(request_id)),
        rejection_reason=str(body.get("rejectionReason") or ""),
    )
    return JSONResponse({})


def grant(request: HubRequest) -> Response:
    name = request.json_object.get("user")
    if not isinstance(name, str):
        raise Invalid("The request body needs a text 'user'.")
    granted = request.hub.access_requests.grant(request.caller, repo_in(request), name)
    return JSONResponse(_request_json(granted, base_url=request.base))


def _request_json(item: AccessRequest, *, base_url: str) -> dict[str, Any]:
    user: dict[str, Any] = {
        "_id": wire_id(item.user.id),
        "user": item.user.name,
        "fullname": item.user.full_name,
        "avatarUrl": f"{base_url}/avatars/{item.user.name}.svg",
        "type": "user",
    }
    if item.asked and item.user.email:
        user["email"] = item.user.email
    answer: dict[str, Any] = {
        "requestId": wire_id(item.id),
        "status": item.status.value,
        "timestamp": iso(item.at),
        "user": user,
    }
    if item.fields:
        answer["fields"] = dict(item.fields)
    if item.rejection_reason:
        answer["rejectionReason"] = item.rejection_reason
    return answer


def _status(value: Any) -> AccessStatus:
    try:
        return AccessStatus(value)
    except ValueError as error:
        raise Invalid(f"status is {value!r}; it must be one of {', '.join(AccessStatus)}.") from error


routes: list[Route] = [
    route(f"{API_REPO}/user-access-request/handle", handle, "POST"),
    route(f"{API_REPO}/user-access-request/grant", grant, "POST"),
    route(f"{API_REPO}/user-access-request/{{status}}", list_requests),
    route(f"{API_REPO}/ask-access", ask, "POST"),
    route("/{kind:web_kind}/{namespace}/{name}/ask-access", ask, "POST"),
    route("/{namespace}/{name}/ask-access", ask, "POST"),
]
