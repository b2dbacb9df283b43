"""Flights over HTTP: what the lab's relay posts, what watchers read, live, from a real Hub."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx2 as httpx
import pytest

from tests.servers.hub import LiveHub
from wingman.lab.events import Events
from wingman.lab.hub import Hub as LabHub
from wingman.lab.relay import Relay

pytestmark = pytest.mark.client

_NUMBERS = count(1)


class Client:
    """One user of the Hub's flights."""

    def __init__(self, hub: LiveHub, user: str | None = "alice", role: str = "write") -> None:
        self._headers = {"authorization": f"Bearer {hub.token(user, role)}"} if user else {}
        self._url = f"{hub.url}/api/wingman/flights"

    def ask(self, method: str, path: str = "", **rest: Any) -> httpx.Response:
        return httpx.request(method, f"{self._url}{path}", headers=self._headers, timeout=20, **rest)

    def begin(self, **facts: str) -> str:
        """A new flight's id."""
        flight_id = f"flight-{next(_NUMBERS)}"
        assert self.ask("POST", json={"id": flight_id, "task": "t", "host": "h", **facts}).status_code == 200
        return flight_id

    def post(self, flight_id: str, *events: dict[str, Any]) -> httpx.Response:
        body = "".join(json.dumps(event) + "\n" for event in events)
        return self.ask("POST", f"/{flight_id}/events", content=body.encode())

    def watch(
        self, flight_id: str, *, after: int = 0, headers: dict[str, str] | None = None
    ) -> Iterator[Any]:
        """(event name, id, document) of every message, as they come."""
        url = f"{self._url}/{flight_id}/events/stream?after={after}"
        with httpx.stream("GET", url, headers={**self._headers, **(headers or {})}, timeout=20) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            message: dict[str, str] = {}
            for line in answer.iter_lines():
                name, _, text = line.partition(": ")
                if line:
                    message[name] = text
                elif "data" in message:
                    yield message.get("event"), message.get("id"), json.loads(message["data"])
                    message = {}


def event(second: int, kind: str, step: str | None = None, **facts: Any) -> dict[str, Any]:
    return {"time": f"2026-01-31T09:00:{second:02}.000Z", "event": kind, "step": step, **facts}


STARTED = event(0, "flight_started", data="reviews.csv")
TRAINING = event(1, "step_started", "train")
FINISHED = event(9, "flight_finished", result={"repo": None})


@pytest.fixture
def alice(live_hub: LiveHub) -> Client:
    return Client(live_hub)


def test_the_labs_relay_shows_a_flight(live_hub: LiveHub, alice: Client, tmp_path):
    """The other side of the seam, as it is."""
    hub = LabHub(live_hub.url, live_hub.token("alice"), "alice", ("alice",))
    (tmp_path / "report.json").write_text('{"format": 1}')
    events = Events()
    relay = Relay(
        hub, "relayed-1", {"task": "t", "data": "d.csv", "base": "b", "method": "full", "to": "alice/m"}
    )
    events.listen(relay)
    events.emit("flight_started", data="d.csv")
    events.step_started("train")
    for done in range(50):
        events.progress(done, 50, "steps")
    events.metric("loss", 0.25, 50)
    events.step_finished(2.0, {"epochs": 1})
    relay.send_file("report.json", tmp_path / "report.json")
    events.emit("flight_failed", error="The disk is full.")
    relay.close()

    state = alice.ask("GET", "/relayed-1").json()

    assert (state["status"], state["error"], state["to"]) == ("failed", "The disk is full.", "alice/m")
    assert state["host"]
    assert [(step["name"], step["seconds"]) for step in state["steps"]] == [("train", 2.0)]
    assert state["metrics"]["loss"][0]["value"] == 0.25
    assert [file["name"] for file in state["files"]] == ["report.json"]
    kept = [event["event"] for event in alice.ask("GET", "/relayed-1/events").json()["events"]]
    assert kept.count("progress") < 10


def test_watching_shows_what_was_and_then_what_happens(alice: Client):
    flight_id = alice.begin()
    alice.post(flight_id, STARTED)
    watching = alice.watch(flight_id)

    assert next(watching) == (None, "1", {"number": 1, **STARTED})
    assert next(watching)[0] == "state"
    began = time.monotonic()
    alice.post(flight_id, TRAINING)
    assert next(watching) == (None, "2", {"number": 2, **TRAINING})
    assert time.monotonic() - began < 5
    name, _, state = next(watching)
    assert (name, state["step"]) == ("state", "train")
    alice.post(flight_id, FINISHED)
    assert [name for name, _, _ in watching] == [None, "state", "end"]


def test_a_browser_that_comes_back_gets_what_it_missed(alice: Client):
    flight_id = alice.begin()
    alice.post(flight_id, STARTED, TRAINING, FINISHED)

    again = list(alice.watch(flight_id, headers={"last-event-id": "2"}))

    assert [number for _, number, _ in again] == ["3", None, None]


def test_a_flight_that_ended_ends_its_stream_at_once(alice: Client):
    flight_id = alice.begin()
    alice.post(flight_id, STARTED, FINISHED)

    assert [name for name, _, _ in alice.watch(flight_id, after=2)] == ["state", "end"]


def test_a_deleted_flight_ends_its_streams(alice: Client):
    flight_id = alice.begin()
    watching = alice.watch(flight_id)
    assert next(watching)[0] == "state"

    assert alice.ask("DELETE", f"/{flight_id}").status_code == 200

    assert [name for name, _, _ in watching] == ["end"]


def test_many_watchers_leave_the_hub_quick(live_hub: LiveHub, alice: Client):
    """More than there are worker threads (40): a watcher holds none while it waits."""
    flight_id = alice.begin()
    ready: list[int] = []

    def watch() -> list[str | None]:
        names = []
        for name, _, _ in Client(live_hub).watch(flight_id):
            ready.append(1) if not names else None
            names.append(name)
        return names

    with ThreadPoolExecutor(60) as crowd:
        watching = [crowd.submit(watch) for _ in range(60)]
        while len(ready) < 60:
            time.sleep(0.05)
        began = time.monotonic()
        assert alice.ask("GET", f"/{flight_id}").status_code == 200
        waited = time.monotonic() - began
        alice.post(flight_id, STARTED, FINISHED)
        seen = [done.result(timeout=30) for done in watching]

    assert waited < 2
    assert all(names[0] == "state" and names[-1] == "end" for names in seen)


def test_a_server_that_ends_does_not_wait_for_watchers(tmp_path):
    hub = LiveHub(tmp_path / "home")
    alice = Client(hub)
    watching = alice.watch(alice.begin())
    assert next(watching)[0] == "state"

    began = time.monotonic()
    hub.stop()

    assert time.monotonic() - began < 8
    assert list(watching) == []


def test_a_change_by_another_process_reaches_watchers(tmp_path):
    """Two Hubs over one database: the one that is watched hears nothing of what the other one is told."""
    first, second = LiveHub(tmp_path / "home"), None
    try:
        second = LiveHub(
            tmp_path / "second",
            settings={
                "WINGMAN_DATABASE_URL": f"sqlite:///{tmp_path}/home/hub/hub.db",
                "WINGMAN_STORAGE_URL": (tmp_path / "home" / "hub" / "objects").as_uri(),
            },
        )
        alice = Client(first)
        flight_id = alice.begin()
        watching = alice.watch(flight_id)
        assert next(watching)[0] == "state"

        Client(second).post(flight_id, STARTED)

        assert next(watching)[1] == "1"
    finally:
        for hub in (first, second):
            if hub is not None:
                hub.stop()


def test_strangers_are_told_nothing(live_hub: LiveHub, alice: Client):
    flight_id = alice.begin()
    for stranger in (Client(live_hub, "bob"), Client(live_hub, None)):
        for path in ("", "/events", "/events/stream", "/files/report.json"):
            assert stranger.ask("GET", f"/{flight_id}{path}").status_code == 404

    assert Client(live_hub, None).post(flight_id, STARTED).status_code == 401
    assert Client(live_hub, role="read").post(flight_id, STARTED).status_code == 403
    assert Client(live_hub, "bob").post(flight_id, STARTED).status_code == 404


def test_the_log_of_a_published_flight_stays_with_its_owner(live_hub: LiveHub, alice: Client):
    """It may quote lines of the data, which need not be as public as the model."""
    name = f"mood-{next(_NUMBERS)}"
    headers = {"authorization": f"Bearer {live_hub.token('alice')}"}
    httpx.post(f"{live_hub.url}/api/repos/create", json={"name": name}, headers=headers).raise_for_status()
    flight_id = alice.begin()
    told = [event(second, kind, message="secret row 7") for second, kind in enumerate(("log", "warning"), 1)]
    alice.post(flight_id, STARTED, *told, event(9, "flight_finished", result={"repo": f"alice/{name}"}))

    for stranger in (Client(live_hub, "bob"), Client(live_hub, None)):
        listed = stranger.ask("GET", f"/{flight_id}/events")
        assert [event["event"] for event in listed.json()["events"]] == ["flight_started", "flight_finished"]
        assert "secret" not in json.dumps(list(stranger.watch(flight_id)))
    assert alice.ask("GET", f"/{flight_id}/events").text.count("secret") == 2


def test_files_are_shown_but_never_run(alice: Client):
    flight_id = alice.begin()
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    assert alice.ask("PUT", f"/{flight_id}/files/plot.svg", content=svg).status_code == 200

    answer = alice.ask("GET", f"/{flight_id}/files/plot.svg")

    assert answer.content == svg
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert alice.ask("PUT", f"/{flight_id}/files/page.html", content=b"").status_code == 400
    assert alice.ask("PUT", f"/{flight_id}/files/a.json", content=b"x" * 2_200_000).status_code == 413


def test_lists_have_pages(live_hub: LiveHub):
    bob = Client(live_hub, "bob")
    begun = [bob.begin(data="pages.csv") for _ in range(5)]

    first = bob.ask("GET", "?data=pages.csv&limit=3")
    second = httpx.get(
        first.links["next"]["url"], headers={"authorization": f"Bearer {live_hub.token('bob')}"}
    )

    assert [flight["id"] for flight in [*first.json(), *second.json()]] == begun[::-1]
    assert "next" not in second.links


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/x/events", b"no json"),
        ("", b'{"id": "../etc"}'),
        ("", b'{"id": "a", "task": 7}'),
        ("/start", b'{"data": "/etc/passwd"}'),
        ("/start", b'{"data": "../../etc/passwd"}'),
        ("/start", b'{"data": "alice/x", "base": "--json"}'),
        ("/start", b'{"data": "alice/x", "method": "magic"}'),
        ("/start", b'{"data": "alice/x", "columns": {"text=": "a"}}'),
        ("/start", b'{"data": "alice/x", "epochs": 1e9}'),
        ("/start", b'{"data": "alice/x", "surprise": 1}'),
    ],
)
def test_what_cannot_be_meant_is_refused(alice: Client, path: str, content: bytes):
    answer = alice.ask("POST", path, content=content)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_starting_needs_data_that_one_may_read_and_a_place_to_publish(live_hub: LiveHub, alice: Client):
    order = {"data": "alice/none"}
    assert alice.ask("POST", "/start", json=order).status_code == 404

    headers = {"authorization": f"Bearer {live_hub.token('alice')}"}
    body = {"type": "dataset", "name": "flyable", "private": True}
    httpx.post(f"{live_hub.url}/api/repos/create", json=body, headers=headers)

    order = {"data": "alice/flyable", "to": "bob/mine-now"}
    assert alice.ask("POST", "/start", json=order).status_code == 403
    assert Client(live_hub, "bob").ask("POST", "/start", json={"data": "alice/flyable"}).status_code == 404
    assert (
        Client(live_hub, role="read").ask("POST", "/plan", json={"data": "alice/flyable"}).status_code == 403
    )


def test_a_flight_of_a_terminal_is_stopped_there(alice: Client):
    flight_id = alice.begin(host="laptop")

    answer = alice.ask("POST", f"/{flight_id}/stop")

    assert answer.status_code == 409
    assert "on laptop; stop it there with Ctrl-C" in answer.json()["error"]


def test_a_hub_without_the_lab_says_how_to_get_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['transformers'] = None")
    hub = LiveHub(tmp_path / "home", settings={"PYTHONPATH": str(tmp_path)})
    off = LiveHub(tmp_path / "off", settings={"WINGMAN_MAX_FLIGHTS": "0"})

    without_lab = [Client(hub).ask("POST", path, json={"data": "alice/x"}) for path in ("/plan", "/start")]
    switched_off = Client(off).ask("POST", "/start", json={"data": "alice/x"})
    hub.stop()
    off.stop()

    for answer in without_lab:
        assert answer.status_code == 409
        assert "pip install 'wingman-hub[lab]'" in answer.json()["error"]
    assert switched_off.status_code == 409
    assert "max_flights is 0" in switched_off.json()["error"]
