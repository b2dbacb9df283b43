"""Flights: their list, a run while it flies and after, two runs side by side, and starting one from a dataset."""

import base64
import json
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wingman.hub.access.model import Caller, may_create_in, visibility
from wingman.hub.database import now
from wingman.hub.errors import HubError
from wingman.hub.flights.errors import FlightMissing
from wingman.hub.flights.model import EventKind, Flight, FlightNumber, FlightOrder, FlightStatus
from wingman.hub.flights.orders import METHODS, read_order
from wingman.hub.flights.service import is_own
from wingman.hub.http.paging import number_cursor
from wingman.hub.json_text import load_json
from wingman.hub.repos.model import Repo, RepoKind
from wingman.hub.repos.store import RepoFilter
from wingman.hub.web.charts import Scale, line_chart, scale_over, shade
from wingman.hub.web.page import PageRequest, async_page, go_to, page, show, show_part
from wingman.hub.web.repo_pages import readable_repo_page
from wingman.hub.web.results import estimate
from wingman.hub.web.templating import segment_quote

FLIGHTS_A_PAGE = 30
LOG_LINES = 200
HEARTBEAT_S = 15.0
MAX_STREAM_S = 3600.0
KNOWN_STEPS = (
    "choose",
    "prepare",
    "baseline",
    "train",
    "evaluate",
    "export",
    "compare",
    "card",
    "publish",
    "serve",
)
_DATASET = "/{kind:web_kind}/{namespace}/{name}"
_LOSSES = ("loss", "eval_loss")
_MAX_LABELS = 30
MAX_COLUMNS = 200
MAX_SAID = 60
"""What is longer is a sentence, and stands elsewhere on the page."""
_ERRORS = ("calibration error", "calibration_error", "brier")


def flights(request: PageRequest) -> Response:
    asked = request.query("status")
    statuses = (FlightStatus(asked),) if asked in {*FlightStatus} else ()
    cursor = number_cursor(request)
    found = request.hub.flights.page(
        request.caller,
        statuses=statuses,
        after=None if cursor is None else FlightNumber(cursor),
        limit=FLIGHTS_A_PAGE + 1,
    )
    shown = found[:FLIGHTS_A_PAGE]
    more = ""
    if len(found) > FLIGHTS_A_PAGE:
        more = "/flights?" + (f"status={asked}&" if statuses else "") + f"cursor={_cursor(shown[-1].number)}"
    return show(
        request,
        "flights.html",
        flights=shown,
        statuses=list(FlightStatus),
        chosen=asked if statuses else "",
        more=more,
    )


def _cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def flight(request: PageRequest) -> Response:
    found = request.hub.flights.find(request.caller, request.segment("id"))
    return show(
        request, "flight.html", **live_values(request, request.caller, found), **_outcome(request, found)
    )


def live_values(request: PageRequest, caller: Caller, found: Flight) -> dict[str, Any]:
    """What changes while it flies."""
    service = request.hub.flights
    metrics = service.metrics(found)
    losses = {name: [(point.at, point.value) for point in metrics.get(name, ())] for name in _LOSSES}
    quality = {
        name.removeprefix("eval_"): [(point.at, point.value) for point in points]
        for name, points in metrics.items()
        if name in ("eval_accuracy", "eval_f1", "eval_f1_macro")
    }
    is_owner = is_own(caller, found)
    kinds = (EventKind.LOG, EventKind.WARNING)
    # The log may quote lines of the data: it stays with whoever flies.
    lines = service.events(found, limit=LOG_LINES, kinds=kinds, newest=True) if is_owner else []
    return {
        "flight": found,
        "is_owner": is_owner,
        "is_silent": found.is_silent(now()),
        "steps": _steps(found),
        "loss_chart": line_chart(losses),
        "quality_chart": line_chart(quality),
        "lines": lines,
        "warnings": [event for event in lines if event.kind is EventKind.WARNING],
        "seconds": _seconds(found),
        "seconds_left": _seconds_left(found),
    }


def _seconds(found: Flight) -> float | None:
    if found.started_at is None:
        return None
    return ((found.finished_at or now()) - found.started_at).total_seconds()


def _seconds_left(found: Flight) -> float | None:
    """Of the whole flight, by the dry run's estimate; None where it made none or the time is over."""
    expected, gone = found.estimate.get("seconds"), _seconds(found)
    if found.status is not FlightStatus.RUNNING or gone is None or not isinstance(expected, int | float):
        return None
    return expected - gone if expected > gone else None


def _steps(found: Flight) -> list[dict[str, Any]]:
    """The steps that were seen, and those that are known to come."""
    seen = {step.name: step for step in found.steps}
    names = [
        *seen,
        *(
            name
            for name in KNOWN_STEPS
            if name not in seen and name != "compare" and not found.status.has_ended
        ),
    ]
    names.sort(key=lambda name: KNOWN_STEPS.index(name) if name in KNOWN_STEPS else len(KNOWN_STEPS))
    current = found.step.name if found.step else ""
    rows = []
    for name in names:
        step = seen.get(name)
        if step is None:
            state = "waiting"
        elif step.finished_at is not None:
            state = "done"
        else:
            state = "running" if name == current else "failed"
        rows.append(
            {"name": name, "state": state, "step": step, "summary": _summary(step.summary if step else {})}
        )
    return rows


def _summary(summary: Mapping[str, Any]) -> str:
    """The few facts of a step that fit into a line."""
    said = []
    for name, value in summary.items():
        label = name.replace("_", " ")
        if isinstance(value, Mapping) and "value" in value:
            value = value["value"]
        elif isinstance(value, Mapping) and value and all(type(count) is int for count in value.values()):
            value = ", ".join(f"{count:,} {part}" for part, count in value.items())
        is_long = isinstance(value, str) and (value.startswith("http") or len(value) > MAX_SAID)
        if isinstance(value, bool) or value is None or isinstance(value, (list, dict)) or is_long:
            continue
        said.append(f"{label} {value:.4g}" if isinstance(value, float) else f"{label} {value}")
    return ", ".join(said)[:240]


def _outcome(request: PageRequest, found: Flight) -> dict[str, Any]:
    """What a flight left: the evaluation, plots, worst rows, recipe; and flights it may be compared with."""
    service, caller = request.hub.flights, request.caller
    names = {file.name for file in service.files(caller, found)}
    report = _json_file(request, found, names, "report.json")
    worst = _json_file(request, found, names, "worst_rows.json")
    recipe = (
        service.read_file(caller, found, "recipe.yaml").decode("utf-8", "replace")
        if "recipe.yaml" in names
        else ""
    )
    repo = service.published_repo(found)
    others = [
        other
        for other in service.page(caller, statuses=(FlightStatus.FINISHED,), limit=30)
        if other.id != found.id and other.task == found.task
    ]
    metrics = _metric_rows(report) if isinstance(report, dict) else []
    return {
        "verdict": _verdict(report),
        "metrics": metrics,
        "scale": _scale((row["name"], (row["model"], row["baseline"])) for row in metrics),
        "confusion": _confusion(report) if isinstance(report, dict) else None,
        "worst_rows": [row for row in worst if _is_worst_row(row)][:50] if isinstance(worst, list) else [],
        "plots": sorted(name for name in names if name.endswith(".svg")),
        "recipe": recipe,
        "published": repo if repo is not None and _may_see(request, repo) else None,
        "others": others,
    }


def _verdict(report: Any) -> str:
    compared = report.get("mcnemar") if isinstance(report, dict) else None
    words = compared.get("words") if isinstance(compared, dict) else None
    return words if isinstance(words, str) else ""


def _may_see(request: PageRequest, repo: Any) -> bool:
    try:
        request.hub.repos.find(request.caller, repo.kind, repo.full_name)
    except HubError:
        return False
    return True


def _is_worst_row(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("confidence", 0), int | float | None)


def _json_file(request: PageRequest, found: Flight, names: set[str], name: str) -> Any:
    if name not in names:
        return None
    try:
        return load_json(request.hub.flights.read_file(request.caller, found, name), nan_is_null=True)
    except ValueError:
        return None


def _metric_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each metric of the model beside the baseline's. Passes over what is no figure."""
    metrics, baseline = report.get("metrics"), report.get("baseline")
    classic = baseline.get("metrics") if isinstance(baseline, dict) else {}
    rows = []
    for name, figure in metrics.items() if isinstance(metrics, dict) else ():
        model = estimate(figure)
        if model is not None:
            other = estimate(classic.get(name)) if isinstance(classic, dict) else None
            rows.append({"name": name.replace("_", " "), "model": model, "baseline": other})
    return rows


def _scale(rows: Iterable[tuple[str, Iterable[Mapping[str, Any] | None]]]) -> Scale | None:
    """One scale for the intervals of all rows: (metric's name, estimates).

    What is an error (the lower the better) lies near 0 and would stretch it.
    """
    estimates = [said for name, found in rows if name not in _ERRORS for said in found if said]
    return scale_over([said[end] for said in estimates for end in ("low", "high")])


def _confusion(report: Mapping[str, Any]) -> dict[str, Any] | None:
    """The matrix with a shade for each share of its row; None for one that does not fit a page."""
    labels, matrix = report.get("labels"), report.get("confusion")
    if not isinstance(labels, list) or not isinstance(matrix, list) or not 0 < len(labels) <= _MAX_LABELS:
        return None
    if not all(isinstance(row, list) and all(isinstance(count, int) for count in row) for row in matrix):
        return None
    rows = [
        (str(label), [(count, shade(count / (sum(row) or 1))) for count in row])
        for label, row in zip(labels, matrix, strict=False)
    ]
    return {"labels": [str(label) for label in labels], "rows": rows}


async def live(request: PageRequest) -> Response:
    """Server-sent events: the part of the page that changes, drawn anew whenever the flight has news."""
    caller = await run_in_threadpool(lambda: request.caller)
    found = await run_in_threadpool(request.hub.flights.find, caller, request.segment("id"))
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        _parts(request, caller, found.id), media_type="text/event-stream", headers=headers
    )


async def _parts(request: PageRequest, caller: Caller, flight_id: str) -> AsyncIterator[str]:
    watch, until = request.hub.flight_watch, time.monotonic() + MAX_STREAM_S
    yield "retry: 2000\n\n"
    while True:
        try:
            found, html = await run_in_threadpool(_draw, request, caller, flight_id)
        except FlightMissing:
            yield "event: end\ndata: {}\n\n"
            return
        yield f"event: part\ndata: {json.dumps(html)}\n\n"
        if found.status.has_ended:
            yield "event: end\ndata: {}\n\n"
            return
        while not await watch.wait(found.number, found.version, HEARTBEAT_S):
            if watch.is_closing or time.monotonic() > until:
                return
            yield ": still here\n\n"


def _draw(request: PageRequest, caller: Caller, flight_id: str) -> tuple[Flight, str]:
    found = request.hub.flights.find(caller, flight_id)
    return found, show_part(request, "parts/flight_live.html", **live_values(request, caller, found))


async def stop(request: PageRequest) -> Response:
    caller = await run_in_threadpool(lambda: request.caller)
    found = await request.hub.flight_worker.stop(caller, request.segment("id"))
    return go_to(f"/flights/{segment_quote(found.id)}")


async def resume(request: PageRequest) -> Response:
    caller = await run_in_threadpool(lambda: request.caller)
    found = await request.hub.flight_worker.resume(caller, request.segment("id"), endpoint=request.local_base)
    return go_to(f"/flights/{segment_quote(found.id)}")


async def delete(request: PageRequest) -> Response:
    caller = await run_in_threadpool(lambda: request.caller)
    await request.hub.flight_worker.delete(caller, request.segment("id"))
    return go_to("/flights")


def compare(request: PageRequest) -> Response:
    first, second = request.query("first"), request.query("second")
    flights = request.hub.flights
    comparison = flights.compare(request.caller, first, second)
    return show(
        request,
        "flight_compare.html",
        comparison=comparison,
        scale=_scale(
            (pair.name, [asdict(side) for side in (pair.first, pair.second) if side])
            for pair in comparison.metrics
        ),
        first=flights.find(request.caller, first),
        second=flights.find(request.caller, second),
    )


# --- starting one from a dataset ---


def fly_form(request: PageRequest) -> Response:
    return _fly_page(request)


def _fly_page(request: PageRequest, *, status: int = 200, **values: Any) -> Response:
    shown = readable_repo_page(request)
    user, caller = request.user, request.caller
    wanted = RepoFilter(kind=RepoKind.MODEL, visible_to=visibility(caller), limit=50)
    bases = [repo for repo in request.hub.repos.page(wanted) if _is_base(repo)]
    owners = [
        user.name,
        *(
            item.organization.name
            for item in caller.memberships
            if may_create_in(caller, item.organization.id)
        ),
    ]
    given = {
        "to": f"{user.name}/{shown.repo.name}-model",
        "base": bases[0].full_name if bases else "",
        "method": "full",
        "text": "",
        "label": "",
        "epochs": "",
        "repair": "",
        "private": "1" if shown.repo.private else "",
        **values.pop("given", {}),
    }
    return show(
        request,
        "fly.html",
        status,
        tab="card",
        shown=shown,
        repo=shown.repo,
        bases=bases,
        owners=owners,
        methods=METHODS,
        columns=_known_columns(request, shown.repo),
        given=given,
        **{"plan": None, "problem": "", **values},
    )


def _known_columns(request: PageRequest, repo: Repo) -> list[str]:
    """The columns of the first table, if anybody has looked at it; a form does not wait for a table to be read."""
    tables = request.hub.viewer.list_tables(repo)
    try:
        facts = request.hub.viewer.known_facts(tables[0]) if tables else None
    except HubError:
        return []
    return [column.name for column in facts.columns][:MAX_COLUMNS] if facts else []


def _is_base(repo: Repo) -> bool:
    """An encoder to start from: in transformers' form, and not itself made for one task."""
    is_open = repo.facts.pipeline_tag in (None, "feature-extraction", "fill-mask", "sentence-similarity")
    return is_open and repo.facts.library_name in ("transformers", "sentence-transformers")


async def fly(request: PageRequest) -> Response:
    """First the dry run, whose findings are shown; then, asked again, the flight itself."""
    given = {
        name: request.field(name).strip()
        for name in ("to", "base", "method", "text", "label", "epochs", "repair", "private")
    }
    try:
        shown = await run_in_threadpool(readable_repo_page, request)
        order = _order(shown.repo.full_name, given, request.local_base)
        if request.field("action") == "fly":
            queued = await request.hub.flight_worker.queue(request.caller, order)
            return go_to(f"/flights/{segment_quote(queued.id)}")
        plan = await request.hub.flight_worker.plan(request.caller, order)
        return await run_in_threadpool(lambda: _fly_page(request, given=given, plan=plan))
    except HubError as error:
        message = str(error)
        return await run_in_threadpool(lambda: _fly_page(request, status=400, given=given, problem=message))


def _order(data: str, given: Mapping[str, str], endpoint: str) -> FlightOrder:
    """Raises `Invalid`."""
    columns = {role: given[role] for role in ("text", "label") if given[role]}
    document: dict[str, Any] = {
        "data": data,
        "method": given["method"],
        "to": given["to"],
        "base": given["base"],
        "private": bool(given["private"]),
        "repair": bool(given["repair"]),
    }
    document |= {"columns": columns} if columns else {}
    document |= {"epochs": _number(given["epochs"])} if given["epochs"] else {}
    return read_order(document, endpoint=endpoint)


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text  # which `read_order` refuses, with a message about the field


routes: list[Route] = [
    page("/flights", flights),
    page("/flights/compare", compare),
    async_page("/flights/{id}/live", live),
    async_page("/flights/{id}/stop", stop, "POST"),
    async_page("/flights/{id}/resume", resume, "POST"),
    async_page("/flights/{id}/delete", delete, "POST"),
    page("/flights/{id}", flight),
]
repo_routes: list[Route] = [
    page(f"{_DATASET}/fly", fly_form),
    async_page(f"{_DATASET}/fly", fly, "POST"),
]
