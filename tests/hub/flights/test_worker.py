"""Flights that the Hub flies itself: real children of a real Hub, on a tiny base and data published to it."""

import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest
from huggingface_hub import HfApi

from tests.lab.conftest import make_reviews, tiny_base  # noqa: F401 - a fixture
from tests.servers.hub import LiveHub
from wingman.hub.app import open_store
from wingman.settings import load_settings

pytestmark = [pytest.mark.client, pytest.mark.slow, pytest.mark.timeout(600)]

ORDER = {"data": "alice/reviews", "base": "alice/tiny", "to": "alice/mood", "epochs": 2}


class Pilot:
    """Alice at her Hub, which has her data and a base."""

    def __init__(self, hub: LiveHub, base: Path) -> None:
        self.hub = hub
        api = HfApi(endpoint=hub.url, token=hub.token("alice"))
        for kind, name in (("dataset", "reviews"), ("dataset", "one-class"), ("model", "tiny")):
            api.create_repo(f"alice/{name}", repo_type=kind, private=True)
        api.upload_folder(repo_id="alice/tiny", folder_path=base)
        for name, frame in (("reviews", make_reviews()), ("one-class", make_reviews().assign(label="good"))):
            file = io.BytesIO(frame.to_csv(index=False).encode())
            api.upload_file(
                repo_id=f"alice/{name}", repo_type="dataset", path_in_repo="train.csv", path_or_fileobj=file
            )

    def ask(self, method: str, path: str, document: Any = None, *, user: str = "alice") -> httpx.Response:
        headers = {"authorization": f"Bearer {self.hub.token(user)}"}
        url = f"{self.hub.url}/api/wingman/flights{path}"
        return httpx.request(method, url, json=document, headers=headers, timeout=200)

    def start(self, **changes: Any) -> str:
        answer = self.ask("POST", "/start", {**ORDER, **changes})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    def state(self, flight_id: str) -> dict[str, Any]:
        return self.ask("GET", f"/{flight_id}").json()

    def wait(self, flight_id: str, claim: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + 90
        while not claim(state := self.state(flight_id)):
            assert time.monotonic() < deadline, json.dumps(state)[:3000]
            time.sleep(0.25)
        return state

    def wait_until_over(self, flight_id: str) -> dict[str, Any]:
        return self.wait(flight_id, lambda state: state["status"] in ("finished", "failed", "stopped"))

    def tokens(self) -> list[str]:
        """The names of alice's tokens."""
        store = open_store(load_settings({"home": self.hub.home}, environ={}))
        with store.read() as tx:
            names = [token.name for token in tx.accounts.tokens(tx.accounts.namespace("alice").id)]
        store.close()
        return names


def children(flight_id: str) -> list[int]:
    """Process ids of what flies this flight."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if flight_id in (line := " ".join(process.info["cmdline"] or ())) and "wingman.cli" in line
    ]


def wait_for(claim: Callable[[], bool]) -> None:
    """What the child's last event tells comes a moment before its process is gone."""
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def pilot(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path) -> Iterator[Pilot]:  # noqa: F811
    hub = LiveHub(tmp_path_factory.mktemp("flights") / "home", settings={"OMP_NUM_THREADS": "1"})
    yield Pilot(hub, tiny_base)
    hub.stop()


def test_the_dry_run_is_shown_first_and_leaves_nothing(pilot: Pilot):
    answer = pilot.ask("POST", "/plan", ORDER)

    plan = answer.json()
    assert answer.status_code == 200, plan
    assert plan["columns"]["label"]["column"] == "label"
    assert plan["rows"]["test"] > 0
    assert plan["to"] == "alice/mood"
    assert pilot.ask("GET", "").json() == []
    assert not [name for name in pilot.tokens() if "dry run" in name]


def test_a_dry_run_that_says_no_says_why(pilot: Pilot):
    answer = pilot.ask("POST", "/plan", {**ORDER, "data": "alice/one-class"})

    assert answer.status_code == 422
    assert "good" in answer.json()["error"]
    assert "Traceback" not in answer.json()["error"]


def test_a_flight_from_start_to_published_model(pilot: Pilot):
    flight_id = pilot.start()

    state = pilot.wait_until_over(flight_id)

    assert state["status"] == "finished", state["error"]
    assert [step["name"] for step in state["steps"]][-2:] == ["publish", "serve"]
    assert state["result"]["repo"] == state["repo"] == "alice/mood"
    assert state["metrics"]["test_accuracy"][0]["value"] == pytest.approx(
        state["result"]["metrics"]["accuracy"]["value"], abs=1e-6
    )
    assert {"report.json", "recipe.yaml", "worst_rows.json", "confusion.svg"} <= {
        file["name"] for file in state["files"]
    }
    wait_for(lambda: not [name for name in pilot.tokens() if flight_id in name])
    wait_for(lambda: not children(flight_id))
    assert pilot.ask("GET", f"/{flight_id}", user="bob").status_code == 200


def test_a_flight_whose_dry_run_says_no_fails_with_its_words(pilot: Pilot):
    flight_id = pilot.start(data="alice/one-class")

    state = pilot.wait_until_over(flight_id)

    assert state["status"] == "failed"
    assert "good" in state["error"]
    assert pilot.ask("GET", f"/{flight_id}", user="bob").status_code == 404


def test_a_stopped_flight_goes_on_where_it_was(pilot: Pilot):
    flight_id = pilot.start(to="alice/stopped", epochs=4)
    pilot.wait(flight_id, lambda state: any(step["name"] == "prepare" for step in state["steps"]))

    assert pilot.ask("POST", f"/{flight_id}/stop", user="bob").status_code == 404
    assert pilot.ask("POST", f"/{flight_id}/stop").status_code == 202
    stopped = pilot.wait_until_over(flight_id)
    assert (stopped["status"], stopped["error"], stopped["may_resume"]) == ("stopped", None, True)
    wait_for(lambda: not children(flight_id))
    wait_for(lambda: pilot.ask("POST", f"/{flight_id}/resume").status_code == 202)
    finished = pilot.wait_until_over(flight_id)
    assert finished["status"] == "finished", finished["error"]
    assert pilot.ask("POST", f"/{flight_id}/resume").status_code == 409


def test_flights_wait_for_their_turn_and_may_be_called_off(pilot: Pilot):
    first, second = pilot.start(to="alice/first"), pilot.start(to="alice/second")

    pilot.wait(first, lambda state: state["status"] == "running")
    assert pilot.state(second)["status"] == "queued"
    assert pilot.ask("POST", f"/{second}/stop").status_code == 202
    assert pilot.state(second)["status"] == "stopped"
    pilot.ask("POST", f"/{first}/stop")
    pilot.wait_until_over(first)


def test_a_child_that_is_killed_leaves_a_failed_flight(pilot: Pilot):
    flight_id = pilot.start(to="alice/killed")
    pilot.wait(flight_id, lambda state: state["status"] == "running" and bool(children(flight_id)))

    for pid in children(flight_id):
        os.kill(pid, signal.SIGKILL)

    state = pilot.wait_until_over(flight_id)
    assert state["status"] == "failed"
    assert state["error"]
    assert not [name for name in pilot.tokens() if flight_id in name]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_hub_that_ends_leaves_stopped_flights_and_no_children(pilot: Pilot, how: str):
    flight_id = pilot.start(to="alice/orphan", epochs=4)
    pilot.wait(flight_id, lambda state: any(step["name"] == "choose" for step in state["steps"]))

    getattr(pilot.hub, how)()
    pilot.hub.restart()

    state = pilot.wait_until_over(flight_id)
    assert (state["status"], state["may_resume"]) == ("stopped", True)
    wait_for(lambda: not children(flight_id))
    assert not [name for name in pilot.tokens() if flight_id in name]
    assert pilot.ask("DELETE", f"/{flight_id}").status_code == 200
    assert not (pilot.hub.home / "runs" / flight_id).exists()
