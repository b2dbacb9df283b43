"""`POST /models/{id}` on a real Hub: models published by the public client, asked by it, served by real workers."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest
from huggingface_hub import HfApi, InferenceClient
from transformers import pipeline

from tests.serve.tiny_model import write_tiny_model
from tests.servers.hub import LiveHub
from wingman.hub.app import open_store
from wingman.settings import load_settings

pytestmark = pytest.mark.client

GOOD = "the film was very good"


class Workers:
    """A Hub and what one does with it here."""

    def __init__(self, hub: LiveHub, model: Path) -> None:
        self.hub = hub
        self.model = model
        self.api = HfApi(endpoint=hub.url, token=hub.token("alice"))

    def publish(self, name: str, *, folder: Path | None = None, private: bool = False) -> str:
        """Publish a model under alice's name; returns the commit."""
        self.api.create_repo(f"alice/{name}", private=private, exist_ok=True)
        return self.api.upload_folder(repo_id=f"alice/{name}", folder_path=folder or self.model).oid

    def ask(self, name: str, *, user: str | None = None, document: object = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.hub.token(user, 'read')}"} if user else {}
        question = {"inputs": GOOD} if document is None else document
        return httpx.post(f"{self.hub.url}/models/alice/{name}", json=question, headers=headers, timeout=90)

    def health(self, name: str) -> httpx.Response:
        return httpx.get(f"{self.hub.url}/models/alice/{name}/health")

    def running(self) -> dict[str, int]:
        """Process ids of the Hub's workers by the model they serve."""
        return {name: pid for name, (pid, parent) in _workers().items() if parent == self.hub.pid}


def _workers() -> dict[str, tuple[int, int]]:
    """(process, parent) of every worker on this machine whose model is alice's."""
    found = {}
    for process in psutil.process_iter(["pid", "ppid", "cmdline"]):
        arguments = process.info["cmdline"] or []
        if "wingman.serve" in arguments and "--repo" in arguments:
            found[arguments[arguments.index("--repo") + 1]] = (process.info["pid"], process.info["ppid"])
    return found


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_model(folder)
    return folder


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Iterator[Workers]:
    """A Hub that may load two models at a time."""
    hub = LiveHub(tmp_path_factory.mktemp("hub") / "home", settings={"WINGMAN_MAX_SERVE_WORKERS": "2"})
    yield Workers(hub, tiny)
    hub.stop()


@pytest.fixture
def start_hub(tmp_path: Path, tiny: Path) -> Iterator[Callable[..., Workers]]:
    """Start a Hub with further environment variables."""
    started: list[LiveHub] = []

    def start(**environ: str) -> Workers:
        started.append(LiveHub(tmp_path / "hub" / "home", settings=environ))
        return Workers(started[-1], tiny)

    yield start
    for hub in started:
        hub.stop()


def wait_until(claim: Callable[[], bool], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_public_client_gets_the_pipelines_answer(workers: Workers) -> None:
    commit = workers.publish("asked")
    [expected] = pipeline("text-classification", model=str(workers.model), top_k=None, device="cpu")(GOOD)

    elements = InferenceClient(model=f"{workers.hub.url}/models/alice/asked").text_classification(GOOD)

    assert [element.label for element in elements] == [entry["label"] for entry in expected]
    assert [element.score for element in elements] == pytest.approx(
        [entry["score"] for entry in expected], abs=2e-5
    )
    assert workers.ask("asked").headers["x-repo-commit"] == commit


def test_health_tells_without_starting_anything(workers: Workers) -> None:
    workers.publish("looked-at")

    before = workers.health("looked-at")
    workers.ask("looked-at")
    after = workers.health("looked-at")

    assert (before.status_code, before.json()) == (503, {"status": "asleep"})
    assert (after.status_code, after.json()["status"]) == (200, "ready")


def test_many_first_questions_start_one_worker(workers: Workers) -> None:
    workers.publish("popular")

    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(lambda _: workers.ask("popular"), range(12)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert workers.hub.log.count("starting a worker for alice/popular") <= 1


def test_a_private_model_answers_only_those_who_may_read_it(workers: Workers) -> None:
    workers.publish("secret", private=True)

    assert workers.ask("secret").status_code == 401
    assert workers.ask("secret", user="bob").status_code == 404
    assert workers.ask("secret", user="alice").status_code == 200
    # Now that it is loaded, it still tells strangers nothing.
    assert workers.ask("secret", user="bob").status_code == 404
    assert workers.health("secret").status_code == 401


def test_a_gated_model_is_loaded_for_its_owner(workers: Workers) -> None:
    workers.publish("gated")
    workers.api.update_repo_settings("alice/gated", gated="auto")

    headers = {"authorization": f"Bearer {workers.hub.token('alice')}"}
    answer = httpx.post(
        f"{workers.hub.url}/models/alice/gated", json={"inputs": GOOD}, headers=headers, timeout=90
    )

    assert answer.status_code == 200
    assert workers.ask("gated", user="bob").status_code == 403


def test_no_token_outlives_the_loading(workers: Workers) -> None:
    workers.publish("tokens", private=True)

    workers.ask("tokens", user="alice")

    store = open_store(load_settings({"home": workers.hub.home}, environ={}))
    with store.read() as tx:
        names = [token.name for token in tx.accounts.tokens(tx.accounts.namespace("alice").id)]
    store.close()
    assert names
    assert not [name for name in names if "inference worker" in name]


def test_a_new_commit_is_what_answers_from_then_on(workers: Workers, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, labels=("bad", "fine", "great"))
    old = workers.publish("moving")
    assert workers.ask("moving").headers["x-repo-commit"] == old
    old_worker = workers.running()["alice/moving"]

    new = workers.publish("moving", folder=tmp_path)
    answer = workers.ask("moving")

    assert answer.headers["x-repo-commit"] == new != old
    assert {entry["label"] for entry in answer.json()[0]} == {"bad", "fine", "great"}
    wait_until(lambda: workers.running()["alice/moving"] != old_worker)


def test_no_more_models_are_loaded_than_allowed(workers: Workers) -> None:
    for name in ("one", "two", "three"):
        workers.publish(name)
        assert workers.ask(name).status_code == 200

    assert set(workers.running()) == {"alice/two", "alice/three"}
    assert workers.ask("one").status_code == 200


def test_a_killed_worker_is_replaced_at_the_next_question(workers: Workers) -> None:
    workers.publish("killed")
    workers.ask("killed")

    os.kill(workers.running()["alice/killed"], signal.SIGKILL)

    assert workers.ask("killed").status_code == 200


def test_what_cannot_be_served_says_why(workers: Workers, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    workers.publish("writer", folder=tmp_path)

    answer = workers.ask("writer")

    assert answer.status_code == 422
    assert "GPT2LMHeadModel, whose task is not served here" in answer.json()["error"]


def test_the_models_own_errors_come_through(workers: Workers) -> None:
    workers.publish("asked")

    refused = workers.ask("asked", document={"inputs": 7})

    assert (refused.status_code, refused.json()["error"]) == (422, "inputs must be a string, not a number.")
    assert workers.ask("asked", document={"inputs": "a" * 2_000_001}).status_code == 413
    assert workers.ask("nowhere").status_code == 401
    assert workers.ask("nowhere", user="alice").status_code == 404


def test_a_repository_without_a_commit_that_can_be_asked(workers: Workers) -> None:
    workers.api.create_repo("alice/bare")

    answer = workers.ask("bare")

    assert answer.status_code == 422
    assert "neither an ONNX file" in answer.json()["error"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_workers_leave_with_their_hub(start_hub: Callable[..., Workers], how: str) -> None:
    workers = start_hub()
    workers.publish("orphan")
    workers.ask("orphan")
    pid = workers.running()["alice/orphan"]

    getattr(workers.hub, how)()

    wait_until(lambda: not any(worker == pid for worker, _ in _workers().values()))


def test_a_worker_that_dies_while_loading_shows_the_end_of_its_log(
    start_hub: Callable[..., Workers], tmp_path: Path
) -> None:
    crash = """
import os, sys
if "wingman.serve" in sys.orig_argv:
    os.write(2, b"out of memory, or so it looks\\n")
    os._exit(134)
"""
    (tmp_path / "sitecustomize.py").write_text(crash)
    workers = start_hub(PYTHONPATH=str(tmp_path))
    workers.publish("crashing")

    answer = workers.ask("crashing")

    assert answer.status_code == 503
    assert "ended with status 134" in answer.json()["error"]
    assert "out of memory, or so it looks" in answer.json()["error"]


def test_workers_need_not_reach_the_public_address(start_hub: Callable[..., Workers]) -> None:
    workers = start_hub()
    workers.publish("behind-a-proxy", private=True)
    workers.hub.environ["WINGMAN_PUBLIC_URL"] = "https://hub.invalid"
    workers.hub.restart()

    answer = workers.ask("behind-a-proxy", user="alice")

    assert answer.status_code == 200


def test_a_hub_without_the_serve_extra_says_how_to_get_it(
    start_hub: Callable[..., Workers], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['onnxruntime'] = None")
    workers = start_hub(PYTHONPATH=str(tmp_path))
    workers.publish("unserved")

    answer = workers.ask("unserved")

    assert answer.status_code == 501
    assert "pip install wingman-hub[serve]" in answer.json()["error"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_worker_sees_nothing_of_the_hubs_secrets(start_hub: Callable[..., Workers], tmp_path: Path) -> None:
    workers = start_hub(AWS_SECRET_ACCESS_KEY="of the object store", WINGMAN_NAME="Hub")
    workers.publish("careful")
    workers.ask("careful")

    environment = Path(f"/proc/{workers.running()['alice/careful']}/environ").read_text()

    assert "AWS_SECRET" not in environment
    assert "WINGMAN_" not in environment
    assert json.dumps(workers.hub.url) in json.dumps(
        [part.partition("=")[2] for part in environment.split("\0")]
    )
