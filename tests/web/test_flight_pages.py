"""Flights on pages: who sees which, what is shown of hostile reports, and the news while one flies."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.web.conftest import Browser, active_parts
from wingman.hub.access.model import Caller
from wingman.hub.app import Hub
from wingman.hub.flights.events import parse_events
from wingman.hub.flights.service import FlightFacts
from wingman.hub.repos.model import Repo, RepoKind

XSS = "<img src=x onerror=alert(1)>"
FIGURE = {"value": 0.9, "low": 0.88, "high": 0.92}


def fly(hub: Hub, caller: Caller, flight_id: str, *events: dict[str, Any], data: str = "reviews.csv") -> None:
    hub.flights.register(caller, flight_id, FlightFacts(task="text-classification", data=data, method="full"))
    lines = [
        {"time": f"2026-01-01T00:00:{number:02d}.000Z", "step": None, **event}
        for number, event in enumerate(events)
    ]
    hub.flights.record(caller, flight_id, parse_events("\n".join(map(json.dumps, lines)).encode()))


def put(hub: Hub, caller: Caller, flight_id: str, name: str, content: Any) -> None:
    data = content if isinstance(content, str) else json.dumps(content)
    hub.flights.put_file(caller, flight_id, name, data.encode())


def report(accuracy: float, *, low: float = 0.8, high: float = 0.95) -> dict[str, Any]:
    metrics = {"accuracy": {"value": accuracy, "low": low, "high": high}}
    return {"labels": ["a", "b"], "confusion": [[8, 2], [1, 9]], "rows": {"test": 20}, "metrics": metrics}


def test_the_list_and_the_page_of_a_run(hub: Hub, alice: Caller, as_alice: Browser):
    steps = [
        {"event": "flight_started"},
        {"event": "step_started", "step": "train"},
        {"event": "metric", "step": "train", "name": "loss", "value": 0.7, "at": 1},
        {"event": "metric", "step": "train", "name": "loss", "value": 0.4, "at": 2},
        {
            "event": "progress",
            "step": "train",
            "done": 3,
            "total": 10,
            "unit": "steps",
            "memory_bytes": 2 * 10**9,
        },
        {"event": "warning", "step": "train", "message": "A long row was cut."},
    ]
    fly(hub, alice, "first", *steps)

    listed, page = as_alice.get("/flights").text, as_alice.get("/flights/first").text

    assert "/flights/first" in listed
    assert "30 %" in page
    assert "2.0 GB" in page
    assert "polyline" in page
    assert "A long row was cut." in page
    assert "js/flight.js" in page


def test_a_landed_flight_shows_its_evaluation_and_recipe(hub: Hub, alice: Caller, as_alice: Browser):
    result = {"metrics": {"accuracy": FIGURE}, "baseline": {"accuracy": FIGURE}, "mcnemar_p": 0.01}
    fly(hub, alice, "done", {"event": "flight_started"}, {"event": "flight_finished", "result": result})
    put(hub, alice, "done", "report.json", report(0.9))
    put(
        hub,
        alice,
        "done",
        "worst_rows.json",
        [{"text": "hm", "label": "a", "prediction": "b", "confidence": 0.99}],
    )
    put(hub, alice, "done", "recipe.yaml", "format: 1\nseed: 0\n")
    put(hub, alice, "done", "confusion.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")

    page = as_alice.get("/flights/done").text

    assert "0.900" in page
    assert 'class="shade-5">9<' in page
    assert "99.0 %" in page
    assert "seed" in page
    assert "/api/wingman/flights/done/files/confusion.svg" in page
    assert "js/flight.js" not in page


def test_flights_of_others_are_not_there(hub: Hub, alice: Caller, as_bob: Browser, visitor: Browser):
    fly(hub, alice, "private-run", {"event": "flight_started"})

    for browser in (as_bob, visitor):
        assert "private-run" not in browser.get("/flights").text
        hidden, missing = browser.get("/flights/private-run"), browser.get("/flights/no-such-run")
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text.replace("private-run", "no-such-run") == missing.text
        assert browser.get("/flights/private-run/live").status_code == 404


@pytest.mark.parametrize("name", ["report.json", "worst_rows.json", "recipe.yaml"])
@pytest.mark.parametrize(
    "content",
    ["[", "null", "[]", "3", '{"metrics": 1, "labels": {}, "confusion": [[1]]}', '[{"text": null}, 5]'],
)
def test_reports_that_make_no_sense_are_passed_over(
    hub: Hub, alice: Caller, as_alice: Browser, name: str, content: str
):
    fly(hub, alice, "odd", {"event": "flight_started"})
    put(hub, alice, "odd", name, content)

    assert as_alice.get("/flights/odd").status_code == 200


def test_hostile_reports_do_nothing(hub: Hub, alice: Caller, as_alice: Browser):
    events = [
        {"event": "flight_started"},
        {"event": "step_started", "step": XSS},
        {"event": "log", "message": XSS},
        {"event": "metric", "name": XSS, "value": 1, "at": 1},
        {"event": "step_finished", "step": XSS, "seconds": 1, "summary": {XSS: XSS}},
        {"event": "flight_failed", "error": XSS},
    ]
    fly(hub, alice, "hostile", *events, data=XSS)
    put(
        hub, alice, "hostile", "report.json", {**report(0.9), "labels": [XSS, XSS], "mcnemar": {"words": XSS}}
    )
    put(
        hub,
        alice,
        "hostile",
        "worst_rows.json",
        [{"text": XSS, "label": XSS, "prediction": XSS, "place": XSS}],
    )
    put(hub, alice, "hostile", "recipe.yaml", f"data: {XSS}\n</code></pre><script>alert(1)</script>")

    for path in ("/flights", "/flights/hostile"):
        assert active_parts(as_alice.get(path).text) == []


def test_two_flights_side_by_side(hub: Hub, alice: Caller, as_alice: Browser):
    for flight_id, accuracy in (("one", 0.85), ("two", 0.9)):
        fly(hub, alice, flight_id, {"event": "flight_started"}, {"event": "flight_finished", "result": {}})
        put(hub, alice, flight_id, "report.json", report(accuracy))

    page = as_alice.get("/flights/compare?first=one&second=two").text

    assert "+0.050" in page
    assert "recipe is missing" in page
    assert as_alice.get("/flights/compare?first=one&second=none").status_code == 404


def test_the_news_are_drawn_by_the_server_and_end_with_the_flight(hub: Hub, alice: Caller, as_alice: Browser):
    fly(
        hub, alice, "ended", {"event": "flight_started"}, {"event": "flight_failed", "error": "No disk left."}
    )

    answer = as_alice.get("/flights/ended/live")

    assert answer.headers["content-type"].startswith("text/event-stream")
    kind, data = answer.text.split("\n\n")[1].split("\n")
    assert kind == "event: part"
    assert "No disk left." in json.loads(data.removeprefix("data: "))
    assert "event: end" in answer.text


def test_the_form_of_a_flight_offers_the_columns_that_are_known(as_alice: Browser, make_repo: Callable[..., Repo]):
    make_repo("reviews", {"train.csv": "opinion,stars\nfine,5\n"}, kind=RepoKind.DATASET)
    before = as_alice.get("/datasets/alice/reviews/fly").text
    as_alice.get("/datasets/alice/reviews/viewer")

    page = as_alice.get("/datasets/alice/reviews/fly").text

    assert "<datalist" not in before
    assert '<option value="opinion">' in page
    assert page.count('list="columns"') == 2


def test_the_rows_of_a_step_stand_in_its_line(hub: Hub, alice: Caller, as_alice: Browser):
    summary = {"rows": {"train": 7048, "test": 2014}}
    fly(
        hub,
        alice,
        "first",
        {"event": "flight_started"},
        {"event": "step_started", "step": "prepare"},
        {"event": "step_finished", "step": "prepare", "seconds": 1.0, "summary": summary},
    )

    assert "rows 7,048 train, 2,014 test" in as_alice.get("/flights/first").text


def test_the_form_of_a_flight_shows_what_is_wrong_with_it(as_alice: Browser, make_repo: Callable[..., Repo]):
    make_repo("data", {"train.csv": "text,label\nx,a\n"}, kind=RepoKind.DATASET)
    address = "/datasets/alice/data/fly"

    answer = as_alice.submit(
        address, address, {"action": "plan", "to": "no slash", "method": "full", "base": "", "epochs": "2"}
    )

    assert answer.status_code == 400
    assert "&#39;to&#39; is &#39;no slash&#39;" in answer.text
    assert 'value="no slash"' in answer.text


def test_whoever_flies_has_to_be_signed_in(visitor: Browser, make_repo: Callable[..., Repo]):
    make_repo("data", {"train.csv": "text,label\nx,a\n"}, kind=RepoKind.DATASET)

    assert visitor.get("/datasets/alice/data/fly").headers["location"].startswith("/login?next=")
