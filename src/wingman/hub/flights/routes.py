"""Flights over HTTP: what a flight posts, what its watchers read, and starting one from here."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from wingman.hub.access.model import Caller
from wingman.hub.errors import Invalid
from wingman.hub.flights.errors import FlightMissing
from wingman.hub.flights.events import parse_events, storable
from wingman.hub.flights.model import Flight, FlightEvent, FlightNumber, FlightOrder, FlightStatus
from wingman.hub.flights.orders import read_order
from wingman.hub.flights.service import MAX_FILE_BYTES, FlightFacts, kinds_told
from wingman.hub.flights.wire import (
    comparison_json,
    event_json,
    file_json,
    files_json,
    flight_json,
    metrics_json,
    state_json,
)
from wingman.hub.http.paging import next_link, number_cursor
from wingman.hub.http.requests import HubRequest, read_body, route, streaming_route
from wingman.hub.repos.model import RepoKind

FLIGHTS = "/api/wingman/flights"
FLIGHT = f"{FLIGHTS}/{{id}}"
MAX_PAGE = 100
MAX_EVENTS_PAGE = 1000
EVENTS_BODY_LIMIT = 8 << 20
ORDER_BODY_LIMIT = 64_000
HEARTBEAT_S = 15.0
MAX_STREAM_S = 3600.0
"""Then the browser asks again, and whether it still may watch is looked up anew."""
_RECONNECT_MS = 2000
_MEDIA_TYPES = {
    "json": "application/json",
    "yaml": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "md": "text/plain; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}
# What a flight sends is shown, never run, even when it is opened as a page of its own.
_FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def register(request: HubRequest) -> Response:
    document = request.json_object
    facts = {name: _text(document, name) for name in ("task", "data", "base", "method", "host")}
    flight = request.hub.flights.register(
        request.caller, _text(document, "id"), FlightFacts(to=_text(document, "to") or None, **facts)
    )
    return JSONResponse(flight_json(flight))


def record(request: HubRequest) -> Response:
    events = parse_events(request.body_bytes)
    flight = request.hub.flights.record(request.caller, request.segment("id"), events)
    return JSONResponse({"status": flight.status.value, "num_events": flight.num_events})


def put_file(request: HubRequest) -> Response:
    file = request.hub.flights.put_file(
        request.caller, request.segment("id"), request.segment("name"), request.body_bytes
    )
    return JSONResponse(file_json(file))


def get_file(request: HubRequest) -> Response:
    name = request.segment("name")
    content = request.hub.flights.read_file(request.caller, _flight(request), name)
    headers = {"Content-Security-Policy": _FILE_POLICY, "Cache-Control": "private, no-cache"}
    return Response(content, media_type=_MEDIA_TYPES[name.rpartition(".")[2]], headers=headers)


def page(request: HubRequest) -> Response:
    limit = request.number("limit", 50, low=1, high=MAX_PAGE)
    repo = request.query_params.get("repo")
    cursor = number_cursor(request)
    found = request.hub.flights.page(
        request.caller,
        owner=request.query_params.get("owner"),
        repo=request.hub.repos.find(request.caller, RepoKind.MODEL, repo) if repo else None,
        data=request.query_params.get("data"),
        statuses=tuple(_status(name) for name in request.many("status")),
        after=None if cursor is None else FlightNumber(cursor),
        limit=limit + 1,
    )
    shown = found[:limit]
    headers = next_link(request, shown[-1].number) if len(found) > limit else {}
    return JSONResponse([flight_json(flight) for flight in shown], headers=headers)


def state(request: HubRequest) -> Response:
    flight = _flight(request)
    flights = request.hub.flights
    repo = flights.published_repo(flight)
    return JSONResponse(
        {
            **flight_json(flight),
            "repo": repo.full_name if repo else None,
            "metrics": metrics_json(flights.metrics(flight)),
            "files": files_json(flights.files(request.caller, flight)),
        }
    )


def events(request: HubRequest) -> Response:
    flight = _flight(request)
    limit = request.number("limit", MAX_EVENTS_PAGE, low=1, high=MAX_EVENTS_PAGE)
    kinds = kinds_told(request.caller, flight)
    found = request.hub.flights.events(flight, after=_after(request), limit=limit, kinds=kinds)
    return JSONResponse({"status": flight.status.value, "events": [event_json(event) for event in found]})


async def stream(request: HubRequest) -> Response:
    """Server-sent events: each event of the flight (its number as id), `state` when that changes, `end` at last."""
    after = _after(request)
    caller = await run_in_threadpool(lambda: request.caller)
    flight = await run_in_threadpool(request.hub.flights.find, caller, request.segment("id"))
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _messages(request, caller, flight.id, after), media_type="text/event-stream", headers=headers
    )


async def plan(request: HubRequest) -> Response:
    caller, order = await _ordered(request)
    return JSONResponse(await request.hub.flight_worker.plan(caller, order))


async def start(request: HubRequest) -> Response:
    caller, order = await _ordered(request)
    return JSONResponse(flight_json(await request.hub.flight_worker.queue(caller, order)), 202)


async def stop(request: HubRequest) -> Response:
    caller = await run_in_threadpool(lambda: request.caller)
    return JSONResponse(flight_json(await request.hub.flight_worker.stop(caller, request.segment("id"))), 202)


async def resume(request: HubRequest) -> Response:
    caller = await run_in_threadpool(lambda: request.caller)
    flight = await request.hub.flight_worker.resume(
        caller, request.segment("id"), endpoint=request.local_base
    )
    return JSONResponse(flight_json(flight), 202)


async def delete(request: HubRequest) -> Response:
    caller = await run_in_threadpool(lambda: request.caller)
    await request.hub.flight_worker.delete(caller, request.segment("id"))
    return JSONResponse({})


def compare(request: HubRequest) -> Response:
    first, second = (request.query_params.get(name, "") for name in ("first", "second"))
    return JSONResponse(comparison_json(request.hub.flights.compare(request.caller, first, second)))


async def _messages(request: HubRequest, caller: Caller, flight_id: str, after: int) -> AsyncIterator[str]:
    """Between two messages neither a thread nor a connection is held."""
    watch, shown, until = request.hub.flight_watch, None, time.monotonic() + MAX_STREAM_S
    yield f"retry: {_RECONNECT_MS}\n\n"
    while True:
        try:
            flight, found = await run_in_threadpool(_news, request, caller, flight_id, after)
        except FlightMissing:  # deleted, or not to be seen any more
            yield _message("end", {})
            return
        for event in found:
            yield _message(None, event_json(event), number=event.number)
            after = event.number
        if len(found) == MAX_EVENTS_PAGE:
            continue
        if shown != flight.version:
            shown = flight.version
            yield _message("state", state_json(flight))
        if flight.status.has_ended:
            yield _message("end", {})
            return
        if not await watch.wait(flight.number, flight.version, HEARTBEAT_S):
            if watch.is_closing or time.monotonic() > until:
                return
            yield ": still here\n\n"


def _news(
    request: HubRequest, caller: Caller, flight_id: str, after: int
) -> tuple[Flight, list[FlightEvent]]:
    flight = request.hub.flights.find(caller, flight_id)
    kinds = kinds_told(caller, flight)
    return flight, list(request.hub.flights.events(flight, after=after, limit=MAX_EVENTS_PAGE, kinds=kinds))


def _message(name: str | None, document: dict[str, Any], *, number: int | None = None) -> str:
    head = f"event: {name}\n" if name else ""
    head += f"id: {number}\n" if number is not None else ""
    return f"{head}data: {json.dumps(document)}\n\n"


def _flight(request: HubRequest) -> Flight:
    return request.hub.flights.find(request.caller, request.segment("id"))


def _after(request: HubRequest) -> int:
    """The number of the last event known: of a first call in the address, of a reconnecting browser in a header."""
    last = request.headers.get("last-event-id", "")
    if last.isdigit():
        return min(int(last), (1 << 31) - 1)
    return request.number("after", 0, high=(1 << 31) - 1)


async def _ordered(request: HubRequest) -> tuple[Caller, FlightOrder]:
    request.body_bytes = await read_body(request, ORDER_BODY_LIMIT)
    order = read_order(request.json_object, endpoint=request.local_base)
    return await run_in_threadpool(lambda: request.caller), order


def _text(document: dict[str, Any], name: str) -> str:
    """A short text. Raises `Invalid`."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Invalid(f"{name!r} of a flight must be a text.")
    return storable(value)[:500]


def _status(name: str) -> FlightStatus:
    try:
        return FlightStatus(name)
    except ValueError as error:
        raise Invalid(f"There is no status {name!r}; there are: {', '.join(FlightStatus)}.") from error


routes: list[Route] = [
    route(FLIGHTS, register, "POST", body_limit=ORDER_BODY_LIMIT),
    route(FLIGHTS, page),
    route(f"{FLIGHTS}/compare", compare),
    streaming_route(f"{FLIGHTS}/plan", plan, "POST"),
    streaming_route(f"{FLIGHTS}/start", start, "POST"),
    route(FLIGHT, state),
    streaming_route(FLIGHT, delete, "DELETE"),
    route(f"{FLIGHT}/events", record, "POST", body_limit=EVENTS_BODY_LIMIT),
    route(f"{FLIGHT}/events", events),
    streaming_route(f"{FLIGHT}/events/stream", stream, "GET"),
    route(f"{FLIGHT}/files/{{name}}", put_file, "PUT", body_limit=MAX_FILE_BYTES),
    route(f"{FLIGHT}/files/{{name}}", get_file),
    streaming_route(f"{FLIGHT}/stop", stop, "POST"),
    streaming_route(f"{FLIGHT}/resume", resume, "POST"),
]
